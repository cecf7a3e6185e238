"""Many short lives: a writer is killed at any moment or runs out of room; what it acknowledged stays."""

from __future__ import annotations

import os
import random
import resource
import signal
import time

import pytest

from app.core.errors import EnvironmentFailure
from app.store import DiskFull, StorageFailed

# The children only ever run the store; nothing they need is held by another thread.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

LIVES = 20


@pytest.fixture
def notes(swift_notes):
    return swift_notes


def content(body):
    """The content that belongs to a body: anybody can tell whether it is right."""
    return random.Random(body).randbytes(random.Random(body).choice([10, 5_000, 70_000, 200_000]))


def write_for_ever(notes, vault, life, acknowledge):
    """Put a blob, book it, acknowledge; every third one is dropped again; every fifth has a sealed file."""
    for number in range(100_000):
        body = f"life {life} note {number}"
        blob_id = vault.blobs.put(content(body), "document")
        sealed_id = None
        if number % 5 == 0:
            sealed = vault.sealed_files.create("reading")
            os.write(sealed.fd, content(body))
            vault.sealed_files.commit(sealed)
            sealed_id = sealed.id
        notes.add(vault, body, blob_id, sealed_id)
        acknowledge(f"+{body}\n".encode())
        if number % 3 == 2:
            acknowledge(f"?{body}\n".encode())
            with vault.write() as connection:
                connection.exec_driver_sql("DELETE FROM note WHERE body = ?", (body,))
            vault.blobs.delete(blob_id)
            acknowledge(f"-{body}\n".encode())


def live(notes, life, limit_bytes=None):
    """Run one life in a child; return (pid, descriptor of what it acknowledges)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.close(reading)
            vault = notes.open()
            if limit_bytes is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
            os.write(writing, b"!\n")
            write_for_ever(notes, vault, life, lambda line: os.write(writing, line))
        except EnvironmentFailure as failure:
            status = {"disk-full": 10, "storage-failed": 11}.get(failure.code, 98)
        finally:
            os._exit(status)
    os.close(writing)
    return child, reading


class Ledger:
    """What was acknowledged: kept, dropped, or in between."""

    def __init__(self):
        self.kept, self.unsure, self.dropped = set(), set(), set()

    def hear(self, line):
        sign, body = chr(line[0]), line[1:].decode().rstrip("\n")
        if sign == "+":
            self.kept.add(body)
        elif sign == "?":
            self.kept.discard(body)
            self.unsure.add(body)
        elif sign == "-":
            self.unsure.discard(body)
            self.dropped.add(body)

    def settle(self, notes):
        """Open the vault, hold it against what was acknowledged, and close it."""
        vault = notes.open()
        with vault.read() as connection:
            rows = connection.exec_driver_sql("SELECT body, blob_id, sealed_id FROM note").all()
        bodies = {row[0] for row in rows}
        assert self.kept - bodies == set()
        assert self.dropped & bodies == set()
        for body, blob_id, sealed_id in rows:
            assert vault.blobs.get(blob_id) == content(body)
            if sealed_id is not None:
                with vault.sealed_files.open(sealed_id) as sealed:
                    assert os.read(sealed.fd, 1 << 20) == content(body)
        assert vault.check("full").problems == ()
        vault.close()
        return len(bodies)


def test_no_acknowledged_note_is_lost_in_twenty_violent_lives(notes):
    notes.create().close()
    ledger, chance = Ledger(), random.Random(8)
    for life in range(LIVES):
        child, descriptor = live(notes, life)
        with os.fdopen(descriptor, "rb") as pipe:
            # At least one line, so that every life gets to work however busy the machine is.
            for _ in range(chance.randint(1, 12)):
                ledger.hear(pipe.readline())
            time.sleep(chance.uniform(0.0, 0.01))
            os.kill(child, signal.SIGKILL)
            for line in pipe:
                ledger.hear(line)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        if life % 4 == 3:
            ledger.settle(notes)
    assert len(ledger.kept) > LIVES


@pytest.mark.parametrize("limit_bytes", [9_000, 40_000, 72_000, 150_000, 300_000])
def test_a_disk_that_fills_up_at_any_size_loses_nothing_acknowledged(notes, limit_bytes):
    """A limit on file size stands for the disk: the same call fails at the same place, partly written."""
    notes.create().close()
    ledger = Ledger()
    child, descriptor = live(notes, 0, limit_bytes)
    with os.fdopen(descriptor, "rb") as pipe:
        for line in pipe:
            ledger.hear(line)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (10, 11)
    held = ledger.settle(notes)
    # With room again, work goes on.
    vault = notes.open()
    assert list((notes.folder / "tmp").iterdir()) == []
    blob_id = vault.blobs.put(b"after", "document")
    notes.add(vault, "after", blob_id)
    assert len(notes.bodies(vault)) == held + 1


def test_a_blob_that_finds_no_room_is_told_and_leaves_no_trace(notes):
    vault = notes.create()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            try:
                vault.blobs.put(bytes(500_000), "document")
            except DiskFull:
                left = [*(notes.folder / "tmp").iterdir(), *vault.blobs.ids()]
                small = vault.blobs.put(b"fits", "document")
                status = (
                    0 if left == [] and vault.blobs.get(small) == b"fits" and not vault.is_read_only else 1
                )
            except StorageFailed:
                status = 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
