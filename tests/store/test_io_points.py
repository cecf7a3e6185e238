"""Each call to the disk in one round of work is killed in turn, then failed in turn: nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from app.store import CHEAP_FOR_TESTS, DiskFull, StorageFailed, Vault, WrongPassphrase

# The children only ever run the store; nothing they need is held by another thread.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

NEW = "une nouvelle phrase sûre"
SEAMS = [(os, "open"), (os, "write"), (os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")]


@pytest.fixture
def notes(swift_notes):
    return swift_notes


class Seams:
    """Counts the calls that change the disk, and does something else instead of the one that is due."""

    def __init__(self, patch, due, instead):
        self.count = 0
        for owner, name in SEAMS:
            self._wrap(patch, owner, name, due, instead)

    def _wrap(self, patch, owner, name, due, instead):
        real = getattr(owner, name)

        def counted(*arguments, **options):
            self.count += 1
            if self.count == due:
                instead()
            return real(*arguments, **options)

        patch.setattr(owner, name, counted)


def prepare(notes):
    """A vault with one note to erase later; returns its blob and sealed file."""
    vault = notes.create()
    blob_id = vault.blobs.put(b"old" * 30_000, "document")
    sealed = vault.sealed_files.create("reading")
    os.write(sealed.fd, b"old state")
    vault.sealed_files.commit(sealed)
    notes.add(vault, "old", blob_id, sealed.id)
    vault.close()
    return blob_id, sealed.id


def work(notes, old, done):
    """One round: open, put and book, erase the old, change the passphrase, close; `done` grows with it."""
    vault = notes.open()
    try:
        blob_id = vault.blobs.put(b"new" * 60_000, "document")
        sealed = vault.sealed_files.create("reading")
        os.pwrite(sealed.fd, b"new state", 0)
        vault.sealed_files.commit(sealed)
        notes.add(vault, "new", blob_id, sealed.id)
        done.append("new")
        with vault.write() as connection:
            connection.exec_driver_sql("DELETE FROM note WHERE body = 'old'")
        done.append("dropped")
        vault.blobs.delete(old[0])
        vault.sealed_files.delete(old[1])
        vault.change_passphrase(notes.passphrase, NEW)
        done.append("changed")
    finally:
        vault.close()


def verify(notes, done):
    """Open with what must open, and find every acknowledged thing whole."""
    try:
        vault = notes.open(NEW)
    except WrongPassphrase:
        assert "changed" not in done
        vault = notes.open()
    with vault.read() as connection:
        rows = {
            row[0]: row for row in connection.exec_driver_sql("SELECT body, blob_id, sealed_id FROM note")
        }
    assert "new" in rows or "new" not in done
    assert "old" not in rows or "dropped" not in done
    assert rows
    for body, blob_id, sealed_id in rows.values():
        assert vault.blobs.get(blob_id) == body.encode() * (30_000 if body == "old" else 60_000)
        with vault.sealed_files.open(sealed_id) as sealed:
            assert os.read(sealed.fd, 100) == f"{body} state".encode()
    assert vault.check("full").problems == ()
    assert list((notes.folder / "tmp").iterdir()) == []
    vault.close()


def rounds(notes, swift_path):
    """Yield a fresh copy of the same prepared vault, for ever."""
    old = prepare(notes)
    source = notes.folder
    number = 0
    while True:
        number += 1
        notes.folder = swift_path / f"round-{number}"
        shutil.copytree(source, notes.folder)
        yield number, old
        shutil.rmtree(notes.folder)


def test_a_kill_at_every_call_to_the_disk_leaves_a_whole_vault(notes, swift_path):
    killed = 0
    for due, old in rounds(notes, swift_path):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 99
            try:
                done: list[str] = []
                with pytest.MonkeyPatch.context() as patch:

                    def die(done=done, writing=writing):
                        with os.fdopen(writing, "wb", buffering=0) as pipe:
                            pipe.write(",".join(done).encode())
                        os.kill(os.getpid(), signal.SIGKILL)

                    Seams(patch, due, die)
                    work(notes, old, done)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            done = pipe.read().decode().split(",")
        status = os.waitpid(child, 0)[1]
        verify(notes, done if os.WIFSIGNALED(status) else ["new", "dropped", "changed"])
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        killed += 1
    assert killed > 30


@pytest.mark.parametrize(("code", "told"), [(errno.ENOSPC, DiskFull), (errno.EIO, StorageFailed)])
def test_a_failure_of_every_call_to_the_disk_is_told_and_leaves_a_whole_vault(notes, swift_path, code, told):
    failed = 0

    def fail():
        raise OSError(code, os.strerror(code))

    for due, old in rounds(notes, swift_path):
        done: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            seams = Seams(patch, due, fail)
            try:
                work(notes, old, done)
            except told:
                failed += 1
        verify(notes, done)
        if seams.count < due:
            break
    assert failed > 30


def test_a_creation_that_fails_at_any_call_can_be_done_again(notes, swift_path):
    def fail():
        raise OSError(errno.ENOSPC, "full")

    for due in range(1, 1000):
        folder = swift_path / f"made-{due}"
        with pytest.MonkeyPatch.context() as patch:
            seams = Seams(patch, due, fail)
            with suppress(DiskFull):
                Vault.create(
                    folder, notes.passphrase, notes.migrations, kdf=CHEAP_FOR_TESTS, testing=True
                ).close()
        vault = notes.open(folder=folder) if Vault.exists(folder) else notes.create(folder)
        assert vault.check("full").exit_code == 0
        vault.close()
        if seams.count < due:
            break
    assert due > 20
