"""The encrypted database: lanes, failures in our words, and files that are not as they were written."""

from __future__ import annotations

import errno
import random
import shutil
import sqlite3
import threading

import pytest
import sqlalchemy.exc

from app.core.errors import OurError
from app.store import (
    DatabaseMisuse,
    DiskFull,
    StorageFailed,
    StorageRefused,
    UnfitDatabase,
    VaultDamaged,
    VaultLocked,
    database,
    disk,
)
from app.store.database import failure_of_database

WAIT_S = 60.0


@pytest.fixture
def vault(notes):
    return notes.create()


def test_the_connection_is_set_as_the_rules_say(vault):
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "temp_store": 2,
        "mmap_size": 0,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "cipher_status": "1",
        "application_id": database.APPLICATION_ID,
    }
    for lane in (vault.read, vault.write):
        with lane() as connection:
            for pragma, value in expected.items():
                found = connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
                assert found == value, pragma


def test_the_key_stands_in_no_statement_and_no_url(notes):
    vault = notes.create()
    key = vault._opened.keys.derive("db/1").hex()
    for engine in (vault._database._readers, vault._database._writer):
        assert key not in str(engine.url)
        assert key not in repr(engine)
    seen = []
    with vault._database.driver() as driver:
        driver.set_trace_callback(seen.append)
        driver.execute("SELECT 1").fetchall()
        driver.set_trace_callback(None)
    assert seen
    assert not any(key in statement for statement in seen)


def test_a_reader_sees_one_state_while_a_writer_goes_on(notes, vault):
    notes.add(vault, "one")
    with vault.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM note").scalar_one()
        notes.add(vault, "two")
        assert connection.exec_driver_sql("SELECT count(*) FROM note").scalar_one() == before == 1
    assert notes.bodies(vault) == ["one", "two"]


def test_many_writers_take_turns_and_many_readers_do_not_wait(notes, vault):
    failures, go = [], threading.Barrier(8)

    def work(name):
        try:
            go.wait()
            for number in range(10):
                notes.add(vault, f"{name}-{number}")
                assert f"{name}-{number}" in notes.bodies(vault)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(notes.bodies(vault)) == 80


def test_a_write_that_fails_leaves_nothing_of_itself(notes, vault):
    class Unrelated(Exception):
        pass

    def half_way():
        with vault.write() as connection:
            connection.exec_driver_sql("INSERT INTO note (body) VALUES ('gone')")
            raise Unrelated

    with pytest.raises(Unrelated):
        half_way()
    assert notes.bodies(vault) == []
    notes.add(vault, "after")
    assert notes.bodies(vault) == ["after"]


def test_a_reader_cannot_write(notes, vault):
    with pytest.raises(StorageRefused), vault.read() as connection:
        connection.exec_driver_sql("INSERT INTO note (body) VALUES ('no')")
    assert notes.bodies(vault) == []


def test_a_write_inside_a_write_is_told_as_our_defect(notes, vault):
    with vault.write(), pytest.raises(OurError) as told:
        notes.add(vault, "inner")
    assert told.value.code == "nested-write"
    notes.add(vault, "after")


def test_a_constraint_can_be_caught_inside_and_is_ours_outside(notes, vault):
    notes.add(vault, "Madame Martin")
    with vault.write() as connection, pytest.raises(sqlalchemy.exc.IntegrityError):
        connection.exec_driver_sql("INSERT INTO note (body) VALUES (?)", ("Madame Martin",))
    with pytest.raises(DatabaseMisuse) as told:
        notes.add(vault, "Madame Martin")
    assert told.value.params["kind"].startswith("SQLITE_CONSTRAINT")


@pytest.mark.parametrize(
    ("statement", "values"),
    [("SELEKT Martin", ()), ("SELECT * FROM Martin", ()), ("INSERT INTO note VALUES (?, 'x')", ("Martin",)),
     ("SELECT * FROM note_words WHERE note_words MATCH ?", ('"Martin',))],
)  # fmt: skip
def test_a_refused_statement_is_told_without_its_words(vault, statement, values):
    with pytest.raises(DatabaseMisuse) as told, vault.read() as connection:
        connection.exec_driver_sql(statement, values).fetchall()
    assert "Martin" not in f"{told.value} {told.value!r} {told.value.args}"
    assert told.value.__suppress_context__


@pytest.mark.parametrize(
    ("code", "kind"),
    [("SQLITE_FULL", DiskFull), ("SQLITE_IOERR", StorageFailed), ("SQLITE_CORRUPT", VaultDamaged),
     ("SQLITE_NOTADB", VaultDamaged), ("SQLITE_CANTOPEN", StorageRefused), ("SQLITE_MISUSE", DatabaseMisuse)],
)  # fmt: skip
def test_the_drivers_errors_are_put_into_families(tmp_path, code, kind):
    error = database.dbapi2.OperationalError("Monsieur Martin")
    error.sqlite_errorcode = getattr(database.dbapi2, code) | 3 << 8
    failure = failure_of_database(error, tmp_path / "x.db")
    assert type(failure) is kind
    assert "Martin" not in str(failure)


def test_an_io_error_on_a_disk_without_room_is_told_as_a_full_disk(tmp_path, monkeypatch):
    error = database.dbapi2.OperationalError("x")
    error.sqlite_errorcode = database.dbapi2.SQLITE_IOERR
    monkeypatch.setattr(database, "free_bytes", lambda folder: 1000)
    assert type(failure_of_database(error, tmp_path / "x.db")) is DiskFull


def test_a_full_disk_loses_nothing_and_writing_goes_on_once_there_is_room(notes, vault):
    notes.add(vault, "before")
    with vault._database.driver() as driver:
        pages = driver.execute("PRAGMA page_count").fetchone()[0]
        driver.execute(f"PRAGMA max_page_count={pages}").fetchall()
    with pytest.raises(DiskFull) as told:
        notes.add(vault, "x" * 200_000)
    assert "nothing was lost" in told.value.sentence()
    assert not vault.is_read_only
    with vault._database.driver() as driver:
        driver.execute("PRAGMA max_page_count=1000000").fetchall()
    notes.add(vault, "after")
    assert notes.bodies(vault) == ["before", "after"]
    assert vault.check("full").exit_code == 0


def test_after_the_disk_failed_a_sync_the_vault_reads_on_and_writes_no_more(notes, vault, monkeypatch):
    blob_id = vault.blobs.put(b"acknowledged", "document")
    notes.add(vault, "acknowledged", blob_id=blob_id)

    def broken(descriptor):
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync_file", broken)
        with pytest.raises(StorageFailed):
            vault.blobs.put(b"lost", "document")
    assert vault.is_read_only
    for verb in (lambda: vault.blobs.put(b"x", "document"), lambda: notes.add(vault, "x"),
                 lambda: vault.sealed_files.create("reading"), lambda: vault.blobs.delete(blob_id),
                 lambda: vault.add_recovery_slot()):  # fmt: skip
        with pytest.raises(StorageFailed):
            verb()
    assert notes.bodies(vault) == ["acknowledged"]
    assert vault.blobs.get(blob_id) == b"acknowledged"
    vault.close()
    vault = notes.open()
    notes.add(vault, "again")
    assert vault.check("full").exit_code == 0


def harmed(folder, place, length=1):
    path = folder / "library.db"
    raw = bytearray(path.read_bytes())
    for at in range(place, min(place + length, len(raw))):
        raw[at] ^= 0x55
    path.write_bytes(raw)


def is_found_damaged(notes):
    """Opening says so, or, where opening reads no harmed page, the quick check does."""
    try:
        opened = notes.open()
    except VaultDamaged:
        return True
    found = opened.check("quick").exit_code == 2
    opened.close()
    return found


def fill(notes, vault):
    for number in range(60):
        notes.add(vault, f"note {number} " + "palabras " * 100)


def test_a_damaged_database_is_told_and_left_as_it_is(notes, vault):
    fill(notes, vault)
    vault.close()
    harmed(notes.folder, 0, 4096)
    before = (notes.folder / "library.db").read_bytes()
    with pytest.raises(VaultDamaged) as told:
        notes.open()
    assert told.value.part == "database"
    assert "It was left as it is" in told.value.sentence()
    assert (notes.folder / "library.db").read_bytes() == before


def test_a_flipped_bit_anywhere_in_the_database_is_found(notes, vault, tmp_path):
    fill(notes, vault)
    vault.close()
    size = (notes.folder / "library.db").stat().st_size
    shutil.copy(notes.folder / "library.db", tmp_path / "whole.db")
    for place in random.Random(6).sample(range(size), 25):
        harmed(notes.folder, place)
        assert is_found_damaged(notes)
        for name in ("library.db-wal", "library.db-shm"):
            (notes.folder / name).unlink(missing_ok=True)
        shutil.copy(tmp_path / "whole.db", notes.folder / "library.db")
    assert notes.open().check("full").exit_code == 0


@pytest.mark.parametrize("harm", ["gone", "empty", "short", "half", "plain"])
def test_a_database_that_is_not_ours_any_more_never_becomes_a_new_one(notes, vault, harm):
    fill(notes, vault)
    vault.close()
    path = notes.folder / "library.db"
    raw = path.read_bytes()
    path.unlink()
    if harm == "plain":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)")
        connection.close()
    elif harm != "gone":
        path.write_bytes({"empty": b"", "short": raw[:100], "half": raw[: len(raw) // 8192 * 4096]}[harm])
    assert is_found_damaged(notes)


def test_a_log_cut_anywhere_leaves_a_consistent_state(notes, vault, tmp_path):
    for number in range(30):
        notes.add(vault, f"note {number}")
    copy = tmp_path / "copy"
    shutil.copytree(notes.folder, copy)
    vault.close()
    log = (copy / "library.db-wal").read_bytes()
    assert len(log) > 30 * 4096
    seen = set()
    for cut in (0, 20, 32, 5000, *random.Random(7).sample(range(len(log)), 12), len(log)):
        scratch = tmp_path / f"cut-{cut}"
        shutil.copytree(copy, scratch)
        (scratch / "library.db-wal").write_bytes(log[:cut])
        (scratch / "library.db-shm").unlink(missing_ok=True)
        try:
            opened = notes.open(folder=scratch)
        except VaultDamaged:
            # Even the first transaction is gone: told, not taken for a new vault.
            continue
        bodies = notes.bodies(opened)
        assert bodies == [f"note {number}" for number in range(len(bodies))]
        assert opened.check("quick").exit_code == 0
        seen.add(len(bodies))
        opened.close()
    assert max(seen) == 30
    assert len(seen) > 4


@pytest.mark.parametrize("when", ["running", "about to begin"])
def test_closing_ends_a_long_read(vault, when):
    started, interrupted, told = threading.Event(), threading.Event(), []

    def count_for_ever():
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
        try:
            with vault.read() as connection:
                if when == "running":
                    driver = connection.connection.driver_connection
                    driver.set_progress_handler(lambda: started.set() or 0, 1000)
                else:
                    started.set()
                    assert interrupted.wait(WAIT_S)
                connection.exec_driver_sql(endless).fetchall()
        except VaultLocked as failure:
            told.append(failure)

    class Other:
        """Something else that goes on, and ends when it is interrupted."""

        def interrupt(self):
            vault._database._active.discard(self)
            interrupted.set()

    thread = threading.Thread(target=count_for_ever)
    thread.start()
    assert started.wait(WAIT_S)
    vault._database._active.add(Other())
    vault._database.close(wait_s=0.0, interrupt_s=WAIT_S)
    thread.join()
    assert len(told) == 1


def test_a_library_that_could_lose_pages_or_write_in_clear_is_refused(notes, monkeypatch):
    notes.create().close()
    with monkeypatch.context() as patch:
        patch.setattr(database, "LEAST_SQLITE", (99, 0, 0))
        with pytest.raises(UnfitDatabase):
            notes.open()
    with monkeypatch.context() as patch:
        patch.setattr(database, "dbapi2", sqlite3_as_a_cipher())
        with pytest.raises(UnfitDatabase):
            notes.open()
    notes.open()


def sqlite3_as_a_cipher():
    """The standard library's SQLite dressed as the driver: it takes a key and encrypts nothing."""
    real = database.dbapi2

    class Connection(sqlite3.Connection):
        def set_key(self, key):
            return None

    class Driver:
        sqlite_version = "3.99.0"

        def __getattr__(self, name):
            return getattr(real if name.startswith("SQLITE_") else sqlite3, name)

        @staticmethod
        def connect(path, **options):
            return sqlite3.connect(path, factory=Connection, **options)

    return Driver()
