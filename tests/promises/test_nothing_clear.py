"""Nothing readable stays behind: not on the disk while we live, not in any memory of ours once locked."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import sys
import zlib
from pathlib import Path

import pytest

from tests.promises import processes
from tests.promises.canaries import sightings
from tests.promises.house import PASSPHRASE, House
from tests.promises.processes import count_in_memory, family, until

PERSON = "Théodora Vexillaire-Quandt"
PHRASE = "hypogastrique zwickelienne récidivante"
ATTACHED = "codicille olographe bisontin"
FILE_NAME = "Ordonnance Fjärdhundra"
ATTACHED_NAME = "Annexe-Krumhörn"
DOSSIER = "Succession Œdipienne Wrzesnik"
ASKED = "quetsche mirabellienne"
WORDS = (PERSON, PHRASE, ATTACHED, FILE_NAME, ATTACHED_NAME, DOSSIER, ASKED, PASSPHRASE)

MAIL = f"""From: a@example.invalid
To: b@example.invalid
Subject: {FILE_NAME}
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="x"

--x
Content-Type: text/plain; charset=utf-8

{PERSON} souffre d'une douleur {PHRASE}.
--x
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="{ATTACHED_NAME}.txt"
Content-Transfer-Encoding: base64

{base64.b64encode(f"Le {ATTACHED} est daté du 4 mai.".encode()).decode()}
--x--
"""


def number_of(progress: str) -> int:
    """Which file a line of progress is about; 0 when it is another line."""
    number, slash, _ = progress.partition("/")
    return int(number) if slash and number.strip().isdigit() else 0


class Session:
    """One life with everything secret in it: taken in, killed while taking in, searched, asked, read."""

    def __init__(self, house: House, model: Path) -> None:
        self.house = house
        house.install_model(model)
        house.make_vault()
        house.file(f"{FILE_NAME}.md", f"# {PERSON}\n\n" + f"Douleur {PHRASE} le 3 mai.\n\n" * 40)
        house.file("mail.eml", MAIL)
        self.taken = house.take(house.files, dossier=DOSSIER)
        more = [house.file(f"{n} {FILE_NAME}.txt", f"{n}: {PERSON} {PHRASE}\n\n" * 40) for n in range(30)]
        killed = house.start(house.command("import", *more, "--dossier", DOSSIER))
        assert killed.stdin
        assert killed.stderr
        killed.stdin.write(PASSPHRASE + "\n")
        killed.stdin.flush()
        # Progress is told ten times a second at most: any file after the first will do, while others wait.
        until(lambda: killed.stderr and number_of(killed.stderr.readline()) >= 2, "a second file")
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL, "it was still taking in"
        imports_told = {**house.environment, "PYTHONPROFILEIMPORTTIME": "1"}
        self.asked = house.run(
            "ask", f"{ASKED} de {PERSON} ?", "--dossier", DOSSIER, environment=imports_told
        )
        program = [
            sys.executable,
            "-m",
            "tests.promises.lived",
            str(house.vault),
            DOSSIER,
            f"{ASKED} {PERSON}",
        ]
        self.process = house.start(program)
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(PASSPHRASE + "\n")
        self.process.stdin.flush()
        self.told = json.loads(self.process.stdout.readline() or self.process.stderr.read())


@pytest.fixture(scope="module")
def session(tmp_path_factory, tiny_model):
    with contextlib.closing(House(tmp_path_factory.mktemp("session"), portable=False)) as house:
        yield Session(house, tiny_model)


def test_everything_secret_was_really_used(session):
    assert len(session.taken.value["added"]) == 3, session.taken.out
    assert session.asked.value["model"] == "tiny"
    assert session.told["reading"] == "ready"
    assert session.told["pages"] > 3
    assert list((session.house.vault / "sealed").iterdir()), "the reading was kept"


def test_no_word_of_it_lies_readable_on_the_disk(session, tmp_path):
    house = session.house
    places = [house.vault.parent, *(house.root / name for name in ("home", "tmp", "run", "xdg"))]
    assert sum(len(list(place.rglob("*"))) for place in places if place.exists()) > 15
    assert {str(place): sightings(place, WORDS) for place in places if place.exists()} == {
        str(place): {} for place in places if place.exists()
    }
    # The same search finds each of them in every dress where somebody was careless.
    for n, word in enumerate(WORDS):
        raw = f"xx {word} yy".encode()
        careless = {
            "clear": raw,
            "wide": raw.decode().encode("utf-16-le"),
            "coded": base64.b64encode(b"#" * n + raw),
            "hex": raw.hex().encode(),
            "packed": b"#" * n + zlib.compress(raw * 3),
            "folded": raw.decode().lower().encode(),
        }
        for how, data in careless.items():
            place = tmp_path / f"{n}" / how
            place.mkdir(parents=True)
            (place / "file").write_bytes(data)
            assert list(sightings(place, WORDS)) == [word], (how, word)
    (tmp_path / "name").mkdir()
    (tmp_path / "name" / f"{FILE_NAME}.lock").touch()
    assert list(sightings(tmp_path / "name", WORDS)) == [FILE_NAME]


def test_the_program_that_holds_the_key_imports_nothing_that_speaks_to_the_network(session):
    imported = {line.rpartition("|")[2].strip() for line in session.asked.err.splitlines() if "|" in line}
    assert {"app.services", "engine.client", "sqlcipher3", "sqlalchemy"} <= imported
    # An attempt that was barred is listed as well: whoever really gets TLS gets its native half (_ssl) too.
    forbidden = {
        *("_ssl", "http.client", "urllib.request", "requests", "huggingface_hub", "sqlite3", "_sqlite3"),
        *("onnxruntime", "torch", "PySide6", "tokenizers", "pymupdf", "smtplib", "ftplib", "xmlrpc"),
    }
    assert imported & forbidden == set()


def dressed(told):
    """What to look for in a memory: keys as bytes and as hex, words in the forms a program holds text in."""
    secrets = {f"key {name}": bytes.fromhex(value) for name, value in told["keys"].items()}
    secrets |= {f"hex {name}": value.encode() for name, value in told["keys"].items()}
    for word in (PASSPHRASE, PERSON, PHRASE, DOSSIER, ASKED):
        for coding in ("utf-8", "utf-16-le", "utf-32-le", "latin-1"):
            with contextlib.suppress(UnicodeEncodeError):
                secrets[f"{coding} {word}"] = word.encode(coding)
    return secrets


def core_limit_of(pid):
    lines = Path(f"/proc/{pid}/limits").read_text("ascii").splitlines()
    return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into memory through /proc")
def test_after_locking_no_process_of_ours_holds_a_key_the_passphrase_or_a_word(session):
    pid, secrets = session.process.pid, dressed(session.told)
    before = family(pid)
    assert len(before) >= 3
    assert [core_limit_of(each) for each in before] == [["0", "0"]] * len(before)
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            count_in_memory(pid, secrets)  # not even the same user may look; only the system could
        return
    control = count_in_memory(pid, secrets)
    assert control["key vault"]
    assert control["key database"]
    assert control[f"utf-8 {PASSPHRASE}"]
    assert any(control[f"{coding} {PERSON}"] for coding in ("utf-8", "latin-1"))
    engine = processes.engine_of(pid)
    assert engine
    in_engine = count_in_memory(engine, secrets)
    assert not any(
        in_engine[name] for name in secrets if name.startswith(("key ", "hex ")) or PASSPHRASE in name
    )

    assert session.process.stdin
    session.process.stdin.write("lock\n")
    session.process.stdin.flush()
    until(lambda: " -m app dossiers" in processes.command_of(pid), "the locked program")
    until(lambda: processes.has_open(pid, "_sqlite3"), "its database, loaded before it asks for a passphrase")
    assert not [each for each in before[1:] if processes.is_alive(each)], "all others have ended"
    locked = family(pid)
    assert [core_limit_of(each) for each in locked] == [["0", "0"]] * len(locked)
    for each in locked:
        assert not {name: n for name, n in count_in_memory(each, secrets).items() if n}, processes.command_of(
            each
        )
    done = session.house.finish(session.process)
    assert done.code == 0, done.err
    assert [d["dossier"] for d in done.value["dossiers"]] == [DOSSIER], "and the passphrase opens it again"
