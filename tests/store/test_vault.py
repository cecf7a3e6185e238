"""The folder as a whole: made in one piece, held by one process, showing nothing."""

from __future__ import annotations

import base64
import logging
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from app.core.errors import HuisClosError
from app.store import (
    CHEAP_FOR_TESTS,
    NotEnoughSpace,
    Vault,
    VaultDamaged,
    VaultExists,
    VaultInUse,
    VaultMissing,
    VaultOnNetwork,
    WrongPassphrase,
    disk,
    keyfile,
    known_answers,
)
from app.store import vault as vault_module

# The children only ever run the store; nothing they need is held by another thread.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

CANARIES = ("Éléonore Quenneville", "1 84 12 76 451 089 46", "metformine 850 mg matin et soir")


def encodings(text):
    raw = text.encode()
    yield from (
        raw,
        text.encode("utf-16-le"),
        text.encode("latin-1"),
        raw.hex().encode(),
        raw.hex().upper().encode(),
    )
    # Base 64 has three alignments; the inner characters of each are fixed.
    yield from (base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3))


def finds_a_canary(folder):
    """Return the files under `folder` in which any canary stands in any encoding, names included."""
    needles = [needle for text in CANARIES for needle in encodings(text)]
    hits = []
    for path in folder.rglob("*"):
        raw = os.fsencode(path.name) + (path.read_bytes() if path.is_file() else b"")
        if any(needle in raw for needle in needles):
            hits.append(path.name)
    return hits


def test_the_canary_scan_finds_what_lies_in_clear(tmp_path):
    with sqlite3.connect(tmp_path / "plain.db") as connection:
        connection.execute("CREATE TABLE note (body TEXT)")
        connection.execute("INSERT INTO note VALUES (?)", (CANARIES[0],))
    connection.close()
    (tmp_path / "wide.txt").write_bytes(CANARIES[1].encode("utf-16-le"))
    (tmp_path / "mail.txt").write_bytes(base64.b64encode(b"Objet: " + CANARIES[2].encode()))
    (tmp_path / f"{CANARIES[0]}.pdf").touch()
    assert sorted(finds_a_canary(tmp_path)) == sorted(
        ["plain.db", "wide.txt", "mail.txt", f"{CANARIES[0]}.pdf"]
    )


def test_nothing_clear_reaches_the_disk_in_use_or_after(notes, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    vault = notes.create()
    text = "\n".join(CANARIES)
    for number in range(40):
        blob_id = vault.blobs.put((text * 500).encode(), "document")
        notes.add(vault, f"{text} {number}", blob_id=blob_id)
    with vault.write() as connection:
        # A sort larger than the cache would spill to a temporary file.
        connection.exec_driver_sql("PRAGMA cache_size=-64")
        connection.exec_driver_sql(
            "CREATE TABLE copied AS SELECT n.body FROM note n, note m ORDER BY n.body, m.id"
        )
        connection.exec_driver_sql("DELETE FROM copied")
    sealed = vault.sealed_files.create("reading")
    assert (notes.folder / "library.db-wal").stat().st_size > 0
    assert finds_a_canary(notes.folder) == []
    vault.sealed_files.discard(sealed)
    vault.back_up_database("by-hand")
    vault.change_passphrase(notes.passphrase, CANARIES[2])
    vault.close()
    notes.open(CANARIES[2]).close()
    assert finds_a_canary(notes.folder) == []
    assert list(scratch.iterdir()) == []
    assert not any(path.read_bytes().startswith(b"SQLite format 3") for path in notes.folder.rglob("*.db"))


def test_no_secret_stands_in_a_repr_a_failure_or_a_log(notes, caplog):
    caplog.set_level(logging.DEBUG)
    vault = notes.create()
    code = vault.add_recovery_slot()
    notes.add(vault, "une note")
    shown = [
        repr(vault),
        repr(vault._opened),
        repr(vault._opened.keys),
        repr(vault._database),
        repr(vault.blobs),
    ]
    with vault.sealed_files.create("reading") as file:
        shown.append(repr(file))
        sealed_key = file.key.hex()
    secrets = [notes.passphrase, "une autre phrase fausse", code, vault._opened.keys.vault_key().hex(),
               sealed_key, vault._opened.keys.derive("db/1").hex()]  # fmt: skip
    vault.close()
    for secret in ("une autre phrase fausse", "x"):
        with pytest.raises(HuisClosError) as told:
            notes.open(secret)
        shown += [str(told.value), repr(told.value), *traceback.format_exception(told.value)]
    shown.append(caplog.text)
    text = "\n".join(shown)
    assert not any(secret in text for secret in secrets)
    with pytest.raises(TypeError):
        __import__("pickle").dumps(vault._opened.keys)


def test_an_open_vault_forbids_memory_images_of_its_process(notes):
    notes.create()
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def test_a_vault_is_made_only_in_a_new_or_empty_folder(notes):
    notes.folder.mkdir()
    notes.create().close()
    with pytest.raises(VaultExists):
        notes.create()
    other = notes.folder.with_name("documents")
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    with pytest.raises(VaultExists):
        notes.create(other)
    assert [path.name for path in other.iterdir()] == ["letter.txt"]


def test_everything_in_a_vault_is_for_its_owner_alone(notes):
    vault = notes.create()
    notes.add(vault, "one", blob_id=vault.blobs.put(b"x", "document"))
    places = [notes.folder, *notes.folder.rglob("*")]
    assert len(places) > 10
    assert [path.name for path in places if path.stat().st_mode & 0o077] == []


CREATION_SEAMS = [
    (vault_module, "_start_creating"),
    (vault_module, "migrate"),
    (keyfile, "save"),
    (disk, "write_durably"),
]


@pytest.mark.parametrize(("module", "name"), CREATION_SEAMS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_creation_that_is_killed_is_no_vault_and_can_be_done_again(notes, module, name, when):
    child = os.fork()
    if child == 0:
        real = getattr(module, name)

        def killing(*arguments, **options):
            if when == "after":
                real(*arguments, **options)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, killing)
        try:
            Vault.create(notes.folder, notes.passphrase, notes.migrations, kdf=CHEAP_FOR_TESTS, testing=True)
        finally:
            os._exit(99)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    if Vault.exists(notes.folder):
        vault = notes.open()
    else:
        with pytest.raises(VaultMissing):
            notes.open()
        vault = notes.create()
    notes.add(vault, "works")
    vault.close()
    assert not (notes.folder / "vault.creating").exists()
    assert notes.bodies(notes.open()) == ["works"]


HOLDER = """
import sys
from pathlib import Path
from app.store import Vault
vault = Vault.open(Path(sys.argv[1]), sys.stdin.readline().rstrip("\\n"), (), testing=True)
print("open", flush=True)
sys.stdin.readline()
"""


def test_a_second_process_is_refused_until_the_first_dies_however_it_dies(notes):
    Vault.create(notes.folder, notes.passphrase, (), kdf=CHEAP_FOR_TESTS, testing=True).close()
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(notes.folder)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, cwd=root,
    ) as holder:  # fmt: skip
        holder.stdin.write(notes.passphrase + "\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(VaultInUse) as told:
            notes.open(migrations=())
        assert told.value.params["process"] == holder.pid
        assert notes.passphrase not in Path(f"/proc/{holder.pid}/cmdline").read_text()
        holder.kill()
        holder.wait()
    notes.open(migrations=(), references=()).close()


def test_the_same_process_cannot_open_a_vault_twice(notes):
    vault = notes.create()
    with pytest.raises(VaultInUse):
        notes.open()
    vault.close()
    notes.open()


def test_a_failed_opening_gives_the_lock_back(notes):
    notes.create().close()
    with pytest.raises(WrongPassphrase):
        notes.open("une phrase qui est fausse")
    (notes.folder / "library.db").rename(notes.folder / "elsewhere.db")
    with pytest.raises(VaultDamaged):
        notes.open()
    (notes.folder / "elsewhere.db").rename(notes.folder / "library.db")
    notes.open()


def test_a_network_drive_is_refused(tmp_path, notes, monkeypatch):
    mounts = tmp_path / "mounts"
    share = tmp_path / "the share"
    share.mkdir()
    mounts.write_text(
        f"/dev/sda1 / ext4 rw 0 0\n//srv/x {str(share).replace(' ', chr(92) + '040')} cifs rw 0 0\n"
    )
    assert disk.is_network_folder(share / "vault", mounts)
    assert not disk.is_network_folder(tmp_path, mounts)
    assert not disk.is_network_folder(tmp_path, tmp_path / "no such table")
    monkeypatch.setattr(disk, "is_network_folder", lambda folder: True)
    with pytest.raises(VaultOnNetwork):
        notes.create()


def test_an_import_larger_than_the_free_space_is_refused_before_it_starts(notes):
    vault = notes.create()
    vault.require_free_space(1)
    with pytest.raises(NotEnoughSpace) as told:
        vault.require_free_space(1 << 60)
    assert told.value.params["needed_mb"] > told.value.params["free_mb"]


def test_the_check_names_what_is_missing_harmed_or_unbooked(notes):
    vault = notes.create()
    whole, missing, harmed, cut, orphan = (vault.blobs.put(b"x" * 9000, "document") for _ in range(5))
    for number, blob_id in enumerate((whole, missing, harmed, cut)):
        notes.add(vault, f"note {number}", blob_id=blob_id)
    assert vault.check("full").exit_code == 1
    vault.blobs.path(missing).unlink()
    raw = bytearray(vault.blobs.path(harmed).read_bytes())
    raw[5000] ^= 1
    vault.blobs.path(harmed).write_bytes(raw)
    with vault.blobs.path(cut).open("r+b") as file:
        file.truncate(5000)
    quick = {(each.code, each.about) for each in vault.check("quick").problems}
    assert quick == {("blob-missing", missing), ("blob-damaged", cut), ("orphan", orphan)}
    full = vault.check("full")
    assert {(each.code, each.about) for each in full.problems} == quick | {("blob-damaged", harmed)}
    assert (full.exit_code, full.blobs_checked) == (2, 4)
    seen = []
    assert (
        vault.check("full", progress=lambda done, of: seen.append((done, of)) or done < 1).blobs_checked == 1
    )
    assert seen == [(0, 4), (1, 4)]


def test_the_check_reads_the_index_and_the_references_between_rows(notes):
    vault = notes.create()
    notes.add(vault, "une note")
    with vault._database.driver() as driver:
        driver.execute(
            "CREATE TABLE part (id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES note (id))"
        ).fetchall()
        driver.execute("PRAGMA foreign_keys=OFF").fetchall()
        driver.execute("INSERT INTO part (note_id) VALUES (77)").fetchall()
        driver.execute("UPDATE note_words_content SET c0 = 'autre chose'").fetchall()
        driver.execute("PRAGMA foreign_keys=ON").fetchall()
    found = {(each.code, each.about) for each in vault.check("quick").problems}
    assert found == {("foreign-key", "part"), ("index-damaged", "note_words")}


def test_a_vault_moved_to_another_folder_opens_there(notes, tmp_path):
    vault = notes.create()
    notes.add(vault, "one", blob_id=vault.blobs.put(b"x", "document"))
    vault.close()
    shutil.move(notes.folder, tmp_path / "elsewhere")
    vault = notes.open(folder=tmp_path / "elsewhere")
    assert notes.bodies(vault) == ["one"]
    assert vault.check("full").exit_code == 0


@pytest.mark.parametrize("primitive", ["AESGCM", "HKDF", "hmac", "hash_secret_raw"])
def test_cryptography_that_gives_wrong_answers_opens_nothing(notes, monkeypatch, primitive):
    class Wrong:
        def __init__(self, *_, **__):
            pass

        def __getattr__(self, name):
            return lambda *_, **__: bytes(32)

    known_answers.require_known_answers()
    known_answers.require_known_answers.cache_clear()
    wrong = Wrong() if primitive == "hmac" else Wrong
    if primitive == "hash_secret_raw":
        wrong = Wrong().derive
    with monkeypatch.context() as patch:
        patch.setattr(known_answers, primitive, wrong)
        with pytest.raises(known_answers.BrokenCryptography):
            notes.create()
    assert not notes.folder.exists()
    notes.create()
