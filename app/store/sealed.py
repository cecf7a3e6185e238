"""Sealed files: reading snapshots that the engine writes itself, under a key made for that one file.

The engine gets an open descriptor and the file's own key, never a path nor a key of the vault. The store
keeps the file's key wrapped, in a key sidecar beside the file; erasing overwrites the sidecar. What
stands in the file is the engine's affair. Thread rule: any thread; one `SealedFile` belongs to one
caller.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.core.ids import is_id, new_id
from app.store import disk
from app.store.blobs import KIND_BYTES, require_kind
from app.store.failures import BlobMissing, VaultDamaged
from app.store.health import Health
from app.store.keys import KEY_BYTES, LABEL_SEALED_WRAP, NONCE_BYTES, WRAPPED_BYTES, KeyRing, unwrap, wrap

MAGIC = b"HCK1"
SIDECAR_BYTES = len(MAGIC) + KIND_BYTES + NONCE_BYTES + WRAPPED_BYTES
KEY_SUFFIX = ".key"


@dataclass(slots=True, repr=False)
class SealedFile:
    """A file lent out: `fd` (open, ours to close) and `key` (32 bytes, this file's alone).

    While being written it lies in `tmp/`; `commit` makes it stay.
    """

    id: str
    kind: str
    fd: int
    key: bytes

    def close(self) -> None:
        """Close our descriptor; more than once does no harm."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> SealedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SealedFile {self.id}>"


class SealedFiles:
    """The sealed files of one vault, under `sealed/`."""

    def __init__(self, folder: Path, keys: KeyRing, health: Health) -> None:
        self._sealed = folder / "sealed"
        self._tmp = folder / "tmp"
        self._keys = keys
        self._health = health

    def create(self, kind: str) -> SealedFile:
        """Open a new file for reading and writing, with a fresh key. Follow with `commit` or `discard`."""
        require_kind(kind)
        self._health.require_writable()
        self._keys.derive(LABEL_SEALED_WRAP)
        file_id = new_id()
        try:
            return SealedFile(
                file_id, kind, disk.create_file(self._temporary(file_id)), os.urandom(KEY_BYTES)
            )
        except OSError as error:
            raise self._health.write_failed(error) from None

    def commit(self, file: SealedFile) -> int:
        """Make a written file stay, durably, close it, and return its size in bytes.

        Key first, file second: a kill between them leaves a key without a file, which the next opening
        removes.
        """
        self._health.require_writable()
        wrap_key = self._keys.derive(LABEL_SEALED_WRAP)
        kind = file.kind.encode("ascii").ljust(KIND_BYTES, b"\0")
        nonce, wrapped = wrap(wrap_key, file.key, _associated(file.id, kind))
        try:
            size_bytes = os.fstat(file.fd).st_size
            disk.sync_file(file.fd)
            file.close()
            sidecar = self.path(file.id).with_suffix(KEY_SUFFIX)
            temporary = self._tmp / sidecar.name
            disk.write_durably(temporary, sidecar, [MAGIC, kind, nonce, wrapped])
            self._temporary(file.id).replace(self.path(file.id))
            disk.sync_folder(self._sealed)
        except OSError as error:
            self.discard(file)
            raise self._health.write_failed(error) from None
        return size_bytes

    def discard(self, file: SealedFile) -> None:
        """Drop a file that was being written."""
        file.close()
        disk.remove_quietly(self._temporary(file.id))

    def open(self, file_id: str) -> SealedFile:
        """Open a committed file for reading, with its key.

        Raises BlobMissing when it is not there, VaultDamaged when its key sidecar is not as written.
        """
        if not is_id(file_id):
            raise BlobMissing("?")
        wrap_key = self._keys.derive(LABEL_SEALED_WRAP)
        path = self.path(file_id)
        try:
            with path.with_suffix(KEY_SUFFIX).open("rb") as sidecar:
                raw = sidecar.read(SIDECAR_BYTES + 1)
            kind, key = self._unwrap(raw, file_id, wrap_key)
            flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
            return SealedFile(file_id, kind, os.open(path, flags), key)
        except FileNotFoundError:
            raise BlobMissing(file_id) from None
        except OSError as error:
            raise self._health.read_failed(error) from None

    def size(self, file_id: str) -> int:
        """Return the file's size on disk in bytes. Raises BlobMissing."""
        try:
            return self.path(file_id).stat().st_size if is_id(file_id) else _missing("?")
        except FileNotFoundError:
            return _missing(file_id)

    def delete(self, file_id: str) -> None:
        """Erase a file: overwrite its wrapped key on the medium, then remove both. Absent is done."""
        if not is_id(file_id):
            raise BlobMissing("?")
        self._health.require_writable()
        path = self.path(file_id)
        try:
            with suppress(FileNotFoundError):
                disk.overwrite_start(path.with_suffix(KEY_SUFFIX), SIDECAR_BYTES)
            path.with_suffix(KEY_SUFFIX).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            disk.sync_folder(self._sealed)
        except OSError as error:
            raise self._health.write_failed(error) from None

    def path(self, file_id: str) -> Path:
        """Return where a committed file of that id lies; its key has the same name and `.key`."""
        return self._sealed / file_id

    def ids(self) -> Iterator[str]:
        """Yield every id of which a file or a key is there."""
        if self._sealed.is_dir():
            yield from sorted({path.stem for path in self._sealed.iterdir() if is_id(path.stem)})

    def is_whole(self, file_id: str) -> bool:
        """Tell whether both the file and its key are there."""
        path = self.path(file_id)
        return path.exists() and path.with_suffix(KEY_SUFFIX).exists()

    def _temporary(self, file_id: str) -> Path:
        return self._tmp / f"{file_id}.sealed"

    @staticmethod
    def _unwrap(raw: bytes, file_id: str, wrap_key: bytes) -> tuple[str, bytes]:
        at = len(MAGIC) + KIND_BYTES
        kind = raw[len(MAGIC) : at]
        if len(raw) == SIDECAR_BYTES and raw.startswith(MAGIC):
            nonce, wrapped = raw[at : at + NONCE_BYTES], raw[at + NONCE_BYTES :]
            key = unwrap(wrap_key, nonce, wrapped, _associated(file_id, kind))
            if key is not None:
                return kind.rstrip(b"\0").decode("ascii", "replace"), key
        raise VaultDamaged("sealed-file")


def _associated(file_id: str, kind: bytes) -> bytes:
    return b"huisclos-sealed/1|" + file_id.encode("ascii") + b"|" + kind


def _missing(file_id: str) -> int:
    raise BlobMissing(file_id)
