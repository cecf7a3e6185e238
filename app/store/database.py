"""The encrypted database: SQLCipher behind SQLAlchemy, many readers, one writer lane.

The key reaches SQLCipher through the driver's own call, in raw form: it stands in no URL, no SQL text,
no statement cache and no trace. Each connection is checked before it is used: the library is the one we
trust, the cipher is on, and the file on disk is not a plain one.

Thread rule: `read` and `write` from any thread. A reader sees the state of its first query until it ends; a
second writer waits. Nested writing in one thread is a defect and said so.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

import sqlalchemy
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.pool import QueuePool
from sqlcipher3 import dbapi2

from app.core.errors import HuisClosError, OurError
from app.store.disk import failure_of, free_bytes
from app.store.failures import (
    DatabaseBusy,
    DatabaseMisuse,
    DiskFull,
    NotEnoughMemory,
    StorageFailed,
    StorageRefused,
    UnfitDatabase,
    VaultDamaged,
    VaultLocked,
)
from app.store.health import Health

APPLICATION_ID = 0x4855434C
FRESH_VERSION = -1
LEAST_SQLITE = (3, 51, 3)
BUSY_TIMEOUT_S = 10.0
_AGAIN_S = 0.02
_PLAIN_START = b"SQLite format 3\x00"
_NEARLY_FULL_BYTES = 1 << 20

_PRAGMAS = (
    "PRAGMA temp_store=MEMORY",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA mmap_size=0",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA journal_size_limit=67108864",
)
_APPLE_PRAGMAS = ("PRAGMA fullfsync=ON", "PRAGMA checkpoint_fullfsync=ON")


class Cursor(Protocol):
    """What we use of the driver's cursor."""

    def fetchone(self) -> tuple[object, ...] | None: ...
    def fetchall(self) -> list[tuple[object, ...]]: ...


class DriverConnection(Protocol):
    """What we use of the driver's connection."""

    def set_key(self, key: str) -> object: ...
    def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> Cursor: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


class Database:
    """One open database file. Raises what `failure_of_database` tells, plus VaultLocked once closed."""

    def __init__(self, path: Path, key: bytes, health: Health) -> None:
        """Open an existing file (an empty one counts as new and stays unmarked until `mark_fresh`)."""
        self._path = path
        self._key_text = f"x'{key.hex()}'"
        self._health = health
        self._lane = threading.Lock()
        self._lane_owner: int | None = None
        self._idle = threading.Condition()
        self._active: set[DriverConnection] = set()
        self._closed = False
        self._readers = self._engine(readers=True)
        self._writer = self._engine(readers=False)
        try:
            with self.told(), self._writer.connect() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
                connection.rollback()
            _refuse_plain_file(path)
        except BaseException:
            self._dispose()
            raise

    def __repr__(self) -> str:
        return "<Database>"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend a connection that sees one consistent state and cannot write."""
        with self.told(), self._lend(self._readers) as connection:
            yield connection
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Lend the writer's connection in a transaction: committed at a normal exit, else rolled back."""
        with self._writing():
            with self.told(writing=True), self._lend(self._writer) as connection:
                yield connection
                connection.commit()

    @contextmanager
    def driver(self) -> Iterator[DriverConnection]:
        """Lend the writer's driver connection outside any transaction, for what SQLite allows only there."""
        with self._writing(), self.told(writing=True):
            raw = self._writer.raw_connection()
            try:
                driver = cast("DriverConnection", raw.driver_connection)
                with self._counted(driver):
                    yield driver
            except dbapi2.Error as error:
                failure = failure_of_database(error, self._path)
                self._health.note(failure)
                raise VaultLocked() if self._closed else failure from None
            finally:
                raw.close()

    def version(self) -> int:
        """Return the schema version; -1 before the first migration. Raises VaultDamaged if not ours."""
        with self.read() as connection:
            identity = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
            if identity != APPLICATION_ID:
                raise VaultDamaged("database")
            return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def mark_fresh(self) -> None:
        """Mark a newly created file as ours, before its first migration, and put it into WAL mode."""
        with self.write() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version={FRESH_VERSION}")

    def checkpoint(self) -> None:
        """Move the log into the file and empty it, as far as no reader holds it."""
        with self.driver() as driver:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self, *, wait_s: float = 5.0, interrupt_s: float = 5.0) -> None:
        """Refuse new work, let what runs end, interrupt what has not after `wait_s`, close every connection
        `interrupt_s` later at most."""
        with self._idle:
            if self._closed:
                return
            self._closed = True
            self._idle.wait_for(lambda: not self._active, wait_s)
            end_s = time.monotonic() + interrupt_s
            # once is not enough: it reaches the statement that runs, and the next may be about to begin
            while self._active and time.monotonic() < end_s:
                for connection in tuple(self._active):
                    connection.interrupt()
                self._idle.wait_for(lambda: not self._active, min(_AGAIN_S, interrupt_s))
        self._dispose()
        self._key_text = ""

    @contextmanager
    def told(self, *, writing: bool = False) -> Iterator[None]:
        """Turn the driver's errors into ours, without statement values and without their chain."""
        try:
            yield
        except exc.DBAPIError as error:
            failure = failure_of_database(error.orig, self._path)
            if writing:
                self._health.note(failure)
            if self._closed:
                failure = VaultLocked()
            raise failure from None
        except exc.TimeoutError:
            raise DatabaseBusy from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        me = threading.get_ident()
        if self._lane_owner == me:
            raise OurError("nested-write", "A write was begun inside another write.")
        with self._lane:
            self._lane_owner = me
            try:
                self._health.require_writable()
                if self._closed:
                    raise VaultLocked
                yield
            finally:
                self._lane_owner = None

    @contextmanager
    def _lend(self, engine: Engine) -> Iterator[Connection]:
        if self._closed:
            raise VaultLocked
        with engine.connect() as connection:
            with self._counted(cast("DriverConnection", connection.connection.driver_connection)):
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise

    @contextmanager
    def _counted(self, driver: DriverConnection) -> Iterator[None]:
        with self._idle:
            if self._closed:
                raise VaultLocked
            self._active.add(driver)
        try:
            yield
        finally:
            with self._idle:
                self._active.discard(driver)
                self._idle.notify_all()

    def _engine(self, *, readers: bool) -> Engine:
        engine = sqlalchemy.create_engine(
            "sqlite://",
            module=dbapi2,
            creator=lambda: self._connect(readers=readers),
            poolclass=QueuePool,
            pool_size=4 if readers else 1,
            max_overflow=12 if readers else 0,
            pool_timeout=30,
            hide_parameters=True,
        )
        begin = "BEGIN" if readers else "BEGIN IMMEDIATE"

        def begin_explicitly(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        event.listen(engine, "begin", begin_explicitly)
        return engine

    def _connect(self, *, readers: bool) -> DriverConnection:
        if self._closed:
            raise VaultLocked
        connection = cast(
            "DriverConnection",
            dbapi2.connect(
                str(self._path), isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
            ),
        )
        try:
            connection.set_key(self._key_text)
            _require_fit(connection)
            for pragma in _PRAGMAS + (_APPLE_PRAGMAS if sys.platform == "darwin" else ()):
                connection.execute(pragma).fetchall()
            if readers:
                connection.execute("PRAGMA query_only=ON").fetchall()
            elif connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
                raise UnfitDatabase("it keeps no write-ahead log here")
        except BaseException:
            connection.close()
            raise
        return connection

    def _dispose(self) -> None:
        self._readers.dispose()
        self._writer.dispose()


def _require_fit(connection: DriverConnection) -> None:
    """Refuse a library that writes in clear, or can lose committed pages (fixed in SQLite 3.51.3)."""
    if tuple(int(part) for part in dbapi2.sqlite_version.split(".")) < LEAST_SQLITE:
        raise UnfitDatabase("its SQLite can lose committed pages")
    if connection.execute("PRAGMA cipher_version").fetchone() is None:
        raise UnfitDatabase("it has no cipher")
    if connection.execute("PRAGMA cipher_status").fetchone() != ("1",):
        raise UnfitDatabase("its cipher is not active")


def _refuse_plain_file(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_PLAIN_START)) == _PLAIN_START:
            raise UnfitDatabase("it wrote a file in clear")


def failure_of_database(error: BaseException | None, path: Path) -> HuisClosError:
    """Return our failure for a driver's error; the driver's words, which may quote values, are dropped."""
    if isinstance(error, HuisClosError):
        return error
    if isinstance(error, OSError):
        return failure_of(error, path.parent)
    if isinstance(error, MemoryError):
        return NotEnoughMemory()
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else -1
    if primary in (dbapi2.SQLITE_CORRUPT, dbapi2.SQLITE_NOTADB):
        return VaultDamaged("database")
    if primary == dbapi2.SQLITE_FULL:
        return DiskFull()
    if primary == dbapi2.SQLITE_IOERR:
        # A full disk met outside a plain write (the shared index, a truncation) comes as an I/O error.
        try:
            return DiskFull() if free_bytes(path.parent) < _NEARLY_FULL_BYTES else StorageFailed()
        except OSError:
            return StorageFailed()
    if primary in (dbapi2.SQLITE_BUSY, dbapi2.SQLITE_LOCKED):
        return DatabaseBusy()
    if primary in (dbapi2.SQLITE_READONLY, dbapi2.SQLITE_CANTOPEN, dbapi2.SQLITE_PERM):
        return StorageRefused(str(path.parent))
    if primary == dbapi2.SQLITE_NOMEM:
        return NotEnoughMemory()
    name = getattr(error, "sqlite_errorname", None)
    return DatabaseMisuse(name if isinstance(name, str) else type(error).__name__)
