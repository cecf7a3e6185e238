"""The vault: one folder, one key, and everything that is kept under it.

Opening order, each step refusing before the next trusts it: lock, key file, passphrase, MAC, database,
migrations, orphans. Creating writes the key file last, so a folder either is a vault or is none.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from app.store import check as checks
from app.store import disk, keyfile, orphans, passphrase, recovery
from app.store.blobs import BlobStore
from app.store.database import Database
from app.store.failures import (
    VaultDamaged,
    VaultExists,
    VaultOnNetwork,
    WrongPassphrase,
)
from app.store.health import Health
from app.store.kdf import DEFAULT as DEFAULT_KDF
from app.store.kdf import FLOOR, KdfParameters
from app.store.keys import KEY_BYTES, LABEL_DATABASE, KeyRing
from app.store.known_answers import require_known_answers
from app.store.lock import FILE as LOCK_FILE
from app.store.lock import VaultLock
from app.store.migrations import Migration, back_up, migrate, require_ordered
from app.store.orphans import Collected
from app.store.sealed import SealedFiles

DATABASE_FILE = "library.db"
MARKER_FILE = "vault.creating"
_FOLDERS = ("blobs", "sealed", "tmp", "quarantine", "backups")
_DATABASE_FILES = (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm", f"{DATABASE_FILE}-journal")


class Vault:
    """An open vault. `create` and `open` make one; `close` ends it; then everything raises VaultLocked.

    Thread rule: every method from any thread. Locking the application means `close` and then the end of
    the process, since Python cannot forget a key.
    """

    def __init__(
        self,
        folder: Path,
        lock: VaultLock,
        opened: keyfile.Opened,
        references: Sequence[str],
        floor: KdfParameters | None,
    ) -> None:
        """For `create` and `open` alone."""
        self.folder = folder
        self._lock = lock
        self._opened = opened
        self._references = tuple(references)
        self._floor = floor
        self._slots_lane = threading.Lock()
        self._closed = False
        keys = opened.keys
        self._health = Health(folder)
        self.blobs = BlobStore(folder, keys, self._health)
        self.sealed_files = SealedFiles(folder, keys, self._health)
        self._database = Database(folder / DATABASE_FILE, keys.derive(LABEL_DATABASE), self._health)
        self.collected = Collected()

    @classmethod
    def create(
        cls,
        folder: Path,
        secret: str,
        migrations: Sequence[Migration],
        *,
        kdf: KdfParameters = DEFAULT_KDF,
        references: Sequence[str] = (),
        testing: bool = False,
    ) -> Vault:
        """Make a new vault in a new or empty folder under the passphrase `secret`, and open it.

        `references` are SQL queries naming every blob and sealed-file id in use. `testing` waives the
        floor on `kdf`; the application never passes it.

        Raises WeakPassphrase, VaultExists, VaultOnNetwork, VaultInUse, DiskFull, StorageRefused,
        StorageFailed. After a failure or a kill the folder is no vault and can be used again.
        """
        floor = None if testing else FLOOR
        if floor is not None and not kdf.reaches(floor):
            raise ValueError("derivation cost below the floor")
        require_ordered(migrations)
        passphrase.require_strong(secret)
        require_known_answers()
        forbid_core_dumps()
        folder = folder.absolute()
        with _disk_told(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if disk.is_network_folder(folder):
                raise VaultOnNetwork(str(folder))
            _require_creatable(folder)
            lock = VaultLock.acquire(folder)
        try:
            with _disk_told(folder):
                _start_creating(folder)
                vault_id = os.urandom(16).hex()
                keys = KeyRing(os.urandom(KEY_BYTES), bytes.fromhex(vault_id))
                slot = keyfile.make_slot(keys, vault_id, "passphrase", secret, kdf)
                file = keyfile.sign(keys, vault_id, 1, [slot])
                vault = cls(folder, lock, keyfile.Opened(file, keys, slot), references, floor)
                try:
                    vault._database.mark_fresh()
                    migrate(vault._database, migrations, folder / "backups", vault._health)
                    vault._database.checkpoint()
                    keyfile.save(folder, file)
                    (folder / MARKER_FILE).unlink()
                    disk.sync_folder(folder)
                except BaseException:
                    vault._database.close(wait_s=0)
                    raise
                return vault
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(
        cls,
        folder: Path,
        secret: str,
        migrations: Sequence[Migration],
        *,
        references: Sequence[str] = (),
        testing: bool = False,
    ) -> Vault:
        """Open a vault by its passphrase or its recovery code, and bring it up to date.

        Raises WrongPassphrase, VaultMissing, VaultInUse, VaultDamaged, VaultNewer, MigrationFailed,
        DiskFull, StorageRefused, StorageFailed. Whatever is raised, what the vault holds is untouched or
        at a whole step.
        """
        floor = None if testing else FLOOR
        require_ordered(migrations)
        require_known_answers()
        forbid_core_dumps()
        folder = folder.absolute()
        with _disk_told(folder):
            copies = keyfile.read_copies(folder)
            lock = VaultLock.acquire(folder)
        try:
            with _disk_told(folder):
                # Read again under the lock: whoever held it may have changed a slot.
                copies = keyfile.read_copies(folder)
                opened = keyfile.open_copies(copies, secret, floor)
                path = folder / DATABASE_FILE
                if not path.exists() or path.stat().st_size == 0:
                    raise VaultDamaged("database")
                for name in _FOLDERS:
                    disk.make_folder(folder / name)
                vault = cls(folder, lock, opened, references, floor)
                try:
                    migrate(vault._database, migrations, folder / "backups", vault._health)
                    vault.collected = orphans.collect(
                        folder, vault._database, vault.blobs, vault.sealed_files, references, vault._health
                    )
                    keyfile.save(folder, opened.file)
                    disk.remove_quietly(folder / MARKER_FILE)
                except BaseException:
                    vault._database.close(wait_s=0)
                    raise
                return vault
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def exists(folder: Path) -> bool:
        """Tell whether the folder holds a vault, readable or not."""
        return any((folder / name).exists() for name in (keyfile.FILE_A, keyfile.FILE_B))

    def __repr__(self) -> str:
        return f"<Vault {self.vault_id}>"

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def vault_id(self) -> str:
        return self._opened.file.vault_id

    @property
    def opened_by(self) -> keyfile.SlotKind:
        """What let us in; after "recovery" the person should choose a new passphrase."""
        return self._opened.slot.kind

    @property
    def has_recovery_code(self) -> bool:
        return any(slot.kind == "recovery" for slot in self._opened.file.slots)

    @property
    def is_read_only(self) -> bool:
        """True once the disk has failed a write; reading goes on, writing raises until reopened."""
        return self._health.writes_failed

    @property
    def schema_version(self) -> int:
        return self._database.version()

    def read(self) -> AbstractContextManager[Connection]:
        """Lend a connection that sees one consistent state and cannot write."""
        return self._database.read()

    def write(self) -> AbstractContextManager[Connection]:
        """Lend the writer's connection: committed at a normal exit, rolled back at any other. One at a time.

        Raises DiskFull, StorageFailed, VaultDamaged, DatabaseMisuse, or OurError `nested-write`.
        """
        return self._database.write()

    def mac(self, label: str, data: bytes | memoryview) -> bytes:
        """Return a keyed hash of 32 bytes: equal data has equal hashes in this vault and in no other."""
        return self._opened.keys.mac(label, data)

    def change_passphrase(self, old: str, new: str) -> None:
        """Replace the passphrase that `old` is; a recovery code as `old` replaces every passphrase.

        Content is not touched. Raises WrongPassphrase, WeakPassphrase, DiskFull, StorageFailed.
        """
        passphrase.require_strong(new)
        with self._slots_lane:
            slot = self._slot_of(old)
            cost = KdfParameters(slot.kdf.memory_kib, slot.kdf.passes, slot.kdf.lanes)
            fresh = keyfile.make_slot(self._opened.keys, self.vault_id, "passphrase", new, cost)
            gone = {slot.id} if slot.kind == "passphrase" else self._ids_of("passphrase")
            self._replace_slots(gone, fresh)

    def add_recovery_slot(self) -> str:
        """Make a recovery code, which replaces an earlier one, and return it, this once."""
        with self._slots_lane:
            code = recovery.new_code()
            first = self._opened.slot.kdf
            cost = KdfParameters(first.memory_kib, first.passes, first.lanes)
            fresh = keyfile.make_slot(self._opened.keys, self.vault_id, "recovery", code, cost)
            self._replace_slots(self._ids_of("recovery"), fresh)
            return code

    def remove_recovery_slot(self) -> None:
        """Let no recovery code open the vault, but the one that let us in: it may be the only way."""
        with self._slots_lane:
            gone = self._ids_of("recovery") - {self._opened.slot.id}
            if gone:
                self._replace_slots(gone)

    def opens_with(self, secret: str) -> bool:
        """Tell whether a passphrase or a retyped recovery code opens this vault."""
        try:
            self._slot_of(secret)
        except WrongPassphrase:
            return False
        return True

    def check(
        self, level: checks.Level = "quick", progress: Callable[[int, int], bool] | None = None
    ) -> checks.CheckReport:
        """Look the vault over without changing it; see `app.store.check`."""
        with _disk_told(self.folder):
            return checks.check(
                self._database, self.blobs, self.sealed_files, self._references, level, progress
            )

    def back_up_database(self, label: str) -> Path:
        """Write an encrypted copy of the database into `backups/` (the last three stay); return its path."""
        return back_up(self._database, self.folder / "backups", label, self._health)

    def require_free_space(self, size_bytes: int) -> None:
        """Pass only when three times `size_bytes` and 500 MB are free. Raises NotEnoughSpace."""
        with _disk_told(self.folder):
            disk.require_free_space(self.folder, size_bytes)

    def close(self) -> None:
        """Let what runs end, close everything, drop the keys and the lock. Twice does no harm."""
        with self._slots_lane:
            if self._closed:
                return
            self._closed = True
        try:
            # Closing the last connection moves the log into the file; failing that, the next opening does.
            self._database.close()
        finally:
            self._opened.keys.forget()
            self._lock.release()

    def _slot_of(self, secret: str) -> keyfile.Slot:
        opened = keyfile.open_copies([self._opened.file], secret, self._floor)
        opened.keys.forget()
        return opened.slot

    def _ids_of(self, kind: keyfile.SlotKind) -> set[str]:
        return {slot.id for slot in self._opened.file.slots if slot.kind == kind}

    def _replace_slots(self, gone: set[str], fresh: keyfile.Slot | None = None) -> None:
        self._health.require_writable()
        old = self._opened
        slots = [slot for slot in old.file.slots if slot.id not in gone]
        slots += [] if fresh is None else [fresh]
        file = keyfile.sign(old.keys, self.vault_id, old.file.generation + 1, slots)
        try:
            keyfile.save(self.folder, file)
        except OSError as error:
            raise self._health.write_failed(error) from None
        slot = fresh if fresh is not None and old.slot.id in gone else old.slot
        self._opened = keyfile.Opened(file, old.keys, slot)


def forbid_core_dumps() -> None:
    """Have the system write no memory image of this process or its children: it would hold keys."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def _disk_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk.failure_of(error, folder) from None


def _require_creatable(folder: Path) -> None:
    """A folder is free for a vault when it is empty or holds what a creation that was cut short left."""
    names = {path.name for path in folder.iterdir()} - {LOCK_FILE}
    if MARKER_FILE in names and not Vault.exists(folder):
        names -= {MARKER_FILE, *_FOLDERS, *_DATABASE_FILES}
        names -= {f"{name}.part" for name in (keyfile.FILE_A, keyfile.FILE_B)}
    if names:
        raise VaultExists(str(folder))


def _start_creating(folder: Path) -> None:
    marker = folder / MARKER_FILE
    if marker.exists():
        for name in _FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in (*_DATABASE_FILES, f"{keyfile.FILE_A}.part", f"{keyfile.FILE_B}.part"):
            (folder / name).unlink(missing_ok=True)
    else:
        os.close(disk.create_file(marker))
    for name in _FOLDERS:
        disk.make_folder(folder / name)
    os.close(disk.create_file(folder / DATABASE_FILE))
    disk.sync_folder(folder)
