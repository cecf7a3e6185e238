"""Violent ends of the real program: what was acknowledged is there, what was begun goes on, and says why."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from app.services.schema import MIGRATIONS, REFERENCES
from app.store import Vault
from tests.fixtures.model_files import small_config
from tests.fixtures.random_model import write_random_model
from tests.promises import processes
from tests.promises.house import PASSPHRASE, House
from tests.promises.processes import until
from tests.promises.traces import can_trace

LIVES = 8
FILES = 48
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def unlock(process):
    assert process.stdin
    process.stdin.write(PASSPHRASE + "\n")
    process.stdin.flush()


def counts(house):
    """What the vault holds, counted in the open database itself."""
    vault = Vault.open(house.vault, PASSPHRASE, MIGRATIONS, references=REFERENCES)
    with contextlib.closing(vault), vault.read() as conn:

        def one(sql):
            return conn.exec_driver_sql(sql).scalar_one()

        return {
            "names": [row[0] for row in conn.exec_driver_sql("SELECT name FROM document ORDER BY name")],
            "unready": one("SELECT count(*) FROM document WHERE status != 'ready'"),
            "pages": one("SELECT count(*) FROM page"),
            "indexed": one("SELECT count(*) FROM search_page"),
            "distinct": one("SELECT count(DISTINCT document_id || ' ' || number) FROM page"),
            "jobs": one("SELECT count(*) FROM import_job"),
            "exceptions": one("SELECT count(*) FROM exception"),
        }


def test_killed_at_any_moment_of_an_import_what_was_acknowledged_stays_and_the_rest_follows(house):
    house.make_vault()
    names = [f"file {n:02}.txt" for n in range(FILES)]
    for n, name in enumerate(names):
        house.file(
            name,
            f"Number {n} unmistakable{n}\n\n"
            + f"The rent of the house {n} was paid.\n\n" * (200 if n % 5 == 4 else 3),
        )
    # The moment is a matter of luck, and told when something goes wrong.
    seed = random.randrange(1 << 30)
    luck = random.Random(seed)
    acknowledged: set[str] = set()
    deaths = 0
    for life in range(LIVES):
        process = house.start(house.command("import", house.files, "--dossier", "D"))
        unlock(process)
        assert process.stderr
        told = process.stderr.readline()
        if told:
            time.sleep(luck.uniform(0, 0.12))
        process.send_signal(signal.SIGKILL)
        rest = process.stderr.read()
        process.wait()
        deaths += process.returncode == -signal.SIGKILL
        # A file is acknowledged when the next one is named.
        lines = [line.split("  ", 1)[1].strip() for line in (told + rest).splitlines() if "/" in line]
        acknowledged |= set(names[: names.index(lines[-1])]) if lines else set()
        standing = counts(house) if life % 3 == 0 else None
        if standing is not None:
            assert acknowledged <= set(standing["names"]), f"seed {seed}, life {life}"
            assert len(standing["names"]) == len(set(standing["names"])), f"seed {seed}, life {life}"
            assert standing["pages"] == standing["indexed"] == standing["distinct"], f"seed {seed}"
    assert deaths >= LIVES // 2, "most lives ended in the middle"
    done = house.take(house.files)
    assert done.code == 0, (seed, done.err)
    assert done.value["exceptions"] == []
    found = counts(house)
    assert found["names"] == names, f"seed {seed}"
    assert (found["unready"], found["jobs"], found["exceptions"]) == (0, 0, 0), f"seed {seed}"
    assert found["pages"] == found["indexed"] == found["distinct"] >= FILES, f"seed {seed}"
    checked = house.run("check", "--thorough")
    assert (checked.code, checked.value["problems"]) == (0, []), f"seed {seed}"
    assert not list((house.vault / "tmp").iterdir())
    again = house.run("search", f"unmistakable{FILES - 1}", "--dossier", "D").value
    assert [hit["document"] for hit in again["hits"]] == [names[-1]]


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory):
    """Random weights of a size that takes seconds to answer with."""
    path = tmp_path_factory.mktemp("slow") / "slow.gguf"
    write_random_model(
        path,
        "q8",
        small_config(
            hidden_size=1024, layers=12, heads=8, kv_heads=2, intermediate_size=3072, sliding_window=4096
        ),
    )
    return path


def test_an_engine_killed_while_it_answers_leaves_the_passages_and_says_so(house, slow_model):
    house.install_model(slow_model)
    house.make_vault()
    house.take(house.file("lease.txt", "The monthly rent is EUR 1,250, due on the first day.\n\n" * 30))
    asking = house.start(house.command("ask", "What is the monthly rent?", "--dossier", "D", "--json"))
    engine = until(lambda: processes.engine_of(asking.pid), "the engine")
    until(lambda: processes.has_open(engine, "model.gguf"), "a model that is being loaded")
    until(lambda: processes.sleeps(engine), "a loaded model")  # loading ends where every thread waits
    idle_s = processes.processor_s(engine)
    unlock(asking)
    until(lambda: processes.processor_s(engine) > idle_s + 0.3, "an answer on its way")
    processes.end(engine)
    done = house.finish(asking, passphrase=None)
    assert done.code == 0, done.err
    assert done.value["reason"] == "engine_down", done.out[:300]
    assert done.value["mode"] == "passages"
    assert "1,250" in done.value["citations"][0]["quote"]
    assert done.value["citations"][0]["boxes"]


def limit_file_size(size_bytes):
    """For a program to come: no file may grow past this, which is how a full disk ends a write."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))

    return limit


def no_room_after(writes: int, log: Path) -> list[str]:
    """Words before a command: the disk is full from this write to the database's log on."""
    return [
        *("strace", "-f", "-qq", "-o", "/dev/null", "-P", str(log)),
        *("-e", f"inject=pwrite64:error=ENOSPC:when={writes}+"),
    ]


def test_a_disk_that_fills_up_is_told_and_the_import_goes_on_when_there_is_room(house):
    house.make_vault()
    assert house.take(house.file("first.txt", "The lease was signed in Quimper.")).code == 0
    for n in range(3):
        house.file(f"big/{n}.txt", f"Number {n}\n\n" + f"House {n}: rent paid, noted and filed.\n\n" * 250)
    if can_trace():
        # A call that is made to fail looks foreign to our filter, which would end the program: without it.
        uncaged = "import sys; from app.cli.terminal import run; sys.exit(run(sys.argv[1:]))"
        command = house.command("import", house.files / "big", "--dossier", "D", "--json")
        command[1:3] = ["-c", uncaged]
        full = house.finish(house.start(command, under=no_room_after(40, house.vault / "library.db-wal")))
        assert told(full, 3) == "disk-full"
        assert "nothing was lost" in full.err
    database = max(file.stat().st_size for file in house.vault.glob("library.db*"))
    full = house.take(house.files / "big", preexec_fn=limit_file_size(database + (96 << 10)))
    assert told(full, 3) in (
        "disk-full",
        "storage-failed",
    )  # files of a limited size are a rarer kind of full
    assert house.run("search", "Quimper", "--dossier", "D").value["total_pages"] == 1
    done = house.take(house.files / "big")
    assert (done.code, done.value["exceptions"]) == (0, [])
    held = counts(house)
    assert held["names"] == ["0.txt", "1.txt", "2.txt", "first.txt"]
    assert (held["unready"], held["jobs"]) == (0, 0)
    assert house.run("check", "--thorough").code == 0


@pytest.fixture(scope="module")
def filled(tmp_path_factory, tiny_model):
    """A house with a vault that holds one read dossier; tests spoil a copy of it."""
    with contextlib.closing(House(tmp_path_factory.mktemp("filled"))) as house:
        house.install_model(tiny_model)
        house.make_vault()
        assert house.take(house.file("lease.txt", "The monthly rent is EUR 1,250.\n\n" * 40)).code == 0
        program = [sys.executable, "-m", "tests.promises.lived", str(house.vault), "D", "rent"]
        lived = house.start(program)
        unlock(lived)
        assert lived.stdout
        assert '"reading": "ready"' in lived.stdout.readline()
        lived.kill()
        lived.wait()
        assert house.run("dossiers").code == 0  # what was still in the log is in the database's file now
        yield house


@pytest.fixture
def spoilt(filled, tmp_path):
    with contextlib.closing(House(tmp_path)) as house:
        shutil.rmtree(house.vault, ignore_errors=True)
        shutil.copytree(filled.vault, house.vault)
        (house.root / "huisclos").mkdir(exist_ok=True)
        shutil.copytree(filled.root / "huisclos", house.root / "huisclos", dirs_exist_ok=True)
        yield house


def flip(path: Path, *, at: float = 0.5):
    raw = bytearray(path.read_bytes())
    for place in range(int(len(raw) * at), min(len(raw), int(len(raw) * at) + 64)):
        raw[place] ^= 0x55
    path.write_bytes(raw)


def told(ran, code):
    """The error as --json gives it; the same sentence is on the error stream, and no traceback."""
    assert ran.code == code, (ran.out, ran.err)
    error = ran.value["error"]
    assert error["message"] in ran.err
    assert "Traceback" not in ran.err
    assert "{" not in error["message"]
    return error["code"]


def test_a_wrong_passphrase_and_none_at_all_are_told_plainly(spoilt):
    assert told(spoilt.run("dossiers", passphrase=PASSPHRASE.lower()), 2) == "wrong-passphrase"
    assert told(spoilt.run("dossiers", passphrase=""), 2) == "no-passphrase"


def test_a_narrow_terminal_and_words_that_are_no_unicode_end_nothing(spoilt):
    narrow = {**spoilt.environment, "PYTHONIOENCODING": "ascii"}
    ran = spoilt.run("search", "rent", "--dossier", "D", environment=narrow, as_json=False)
    assert (ran.code, ran.err) == (0, "")
    assert "lease.txt, page 1" in ran.out
    ran = spoilt.run("ask", os.fsdecode(b"rent caf\xe9?"), "--dossier", "D", environment=narrow)
    assert ran.code == 0, ran.out
    assert ran.value["question"] == "rent caf\ufffd?"


def test_a_vault_that_is_open_elsewhere_names_the_other_program(spoilt):
    vault = Vault.open(spoilt.vault, PASSPHRASE, MIGRATIONS, references=REFERENCES)
    with contextlib.closing(vault):
        ran = spoilt.run("search", "rent", "--dossier", "D")
        assert told(ran, 3) == "vault-in-use"
        assert f"process {os.getpid()}" in ran.err


def test_a_damaged_database_is_told_and_left_as_it_is(spoilt):
    database = spoilt.vault / "library.db"
    flip(database, at=0.0)
    raw = database.read_bytes()
    for verb in (("dossiers",), ("ask", "rent?", "--dossier", "D")):
        ran = spoilt.run(*verb)
        assert told(ran, 3) == "vault-damaged"
        assert "database" in ran.err
    assert database.read_bytes() == raw


def test_a_damaged_stored_file_is_found_by_a_thorough_check(spoilt):
    flip(next(path for path in (spoilt.vault / "blobs").rglob("*") if path.is_file()), at=0.9)
    ran = spoilt.run("check", "--thorough")
    assert ran.code == 5
    assert [problem.split()[0] for problem in ran.value["problems"]] == ["blob-damaged"]


def test_one_damaged_key_file_is_survived_and_two_are_told(spoilt):
    flip(spoilt.vault / "vault.json")
    assert spoilt.run("dossiers").code == 0
    flip(spoilt.vault / "vault.json")
    flip(spoilt.vault / "vault.b.json")
    ran = spoilt.run("dossiers")
    assert told(ran, 3) == "vault-damaged"
    assert "key-file" in ran.err


def test_a_damaged_reading_and_a_damaged_model_leave_the_answers_of_the_search(spoilt):
    for sealed in (spoilt.vault / "sealed").iterdir():
        flip(sealed)
    ran = spoilt.run("ask", "What is the monthly rent?", "--dossier", "D")
    assert ran.code == 0
    assert ran.value["model"] == "tiny"
    model = next(spoilt.models.rglob("model.gguf"))
    flip(model, at=0.001)
    ran = spoilt.run("ask", "What is the monthly rent?", "--dossier", "D")
    assert ran.code == 0, ran.err
    assert (ran.value["mode"], ran.value["reason"]) == ("passages", "engine_down")
    assert "1,250" in ran.value["citations"][0]["quote"]
