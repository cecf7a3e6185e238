"""Blobs: what is written once, sealed under a key of its own, found by a random name and erased by its key.

The layout is in FORMAT.md. A blob's content goes through memory only; no clear byte of it reaches the disk.
Thread rule: any thread; blobs share nothing but the keys.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.ids import is_id, new_id
from app.store import disk
from app.store.failures import BlobMissing, VaultDamaged
from app.store.health import Health
from app.store.keys import (
    KEY_BYTES,
    LABEL_BLOB_WRAP,
    NONCE_BYTES,
    TAG_BYTES,
    WRAPPED_BYTES,
    KeyRing,
    unwrap,
    wrap,
)

MAGIC = b"HCB1"
CHUNK_BYTES = 64 << 10
PAD_BYTES = 4 << 10
PREFIX_BYTES = 7
KIND_BYTES = 16
HEADER_BYTES = len(MAGIC) + NONCE_BYTES + WRAPPED_BYTES + PREFIX_BYTES
_PRELUDE = struct.Struct(f"<Q{KIND_BYTES}s")
_NONCE_TAIL = struct.Struct(">IB")
MAX_BYTES = (1 << 32) * CHUNK_BYTES - _PRELUDE.size - PAD_BYTES
_KIND = re.compile(r"[a-z][a-z0-9-]{0,15}")


class BlobStore:
    """The sealed blobs of one vault, under `blobs/`, with `tmp/` and `quarantine/` beside it."""

    def __init__(self, folder: Path, keys: KeyRing, health: Health) -> None:
        self._blobs = folder / "blobs"
        self._tmp = folder / "tmp"
        self._quarantine = folder / "quarantine"
        self._keys = keys
        self._health = health

    def put(self, data: bytes | bytearray | memoryview, kind: str) -> str:
        """Seal `data` durably and return its new id; once this returns, a power cut does not lose it.

        `kind` is a slug of at most 16 characters, kept sealed with the data. Raises DiskFull,
        StorageFailed, StorageRefused or VaultLocked, and then nothing of it stays.
        """
        require_kind(kind)
        view = memoryview(data).cast("B")
        if view.nbytes > MAX_BYTES:
            raise ValueError("too long for a blob")
        self._health.require_writable()
        blob_id = new_id()
        pieces = _seal(view, kind, blob_id, self._keys.derive(LABEL_BLOB_WRAP))
        try:
            disk.make_folder(self.path(blob_id).parent)
            disk.write_durably(self._tmp / f"{blob_id}.blob", self.path(blob_id), pieces)
        except OSError as error:
            raise self._health.write_failed(error) from None
        return blob_id

    def get(self, blob_id: str, *, kind: str | None = None) -> bytes:
        """Return the whole content, every byte verified.

        Raises BlobMissing; VaultDamaged when a byte is not as written, or when `kind` is given and is
        another.
        """
        with self._open(blob_id) as blob:
            if kind is not None and blob.kind != kind:
                raise VaultDamaged("blob")
            return blob.read(0, blob.size_bytes)

    def read(self, blob_id: str, offset: int, size_bytes: int) -> bytes:
        """Return `size_bytes` from `offset` (less at the end), opening only the chunks that hold them."""
        if offset < 0 or size_bytes < 0:
            raise ValueError("offset and size are not negative")
        with self._open(blob_id) as blob:
            return blob.read(offset, size_bytes)

    def size(self, blob_id: str) -> int:
        """Return the content's length in bytes."""
        with self._open(blob_id) as blob:
            return blob.size_bytes

    def kind(self, blob_id: str) -> str:
        """Return the kind the blob was put under."""
        with self._open(blob_id) as blob:
            return blob.kind

    def exists(self, blob_id: str) -> bool:
        """Tell whether the blob's file is there, without opening it."""
        return is_id(blob_id) and (self.path(blob_id).exists() or self._set_aside(blob_id).exists())

    def delete(self, blob_id: str) -> None:
        """Erase a blob: its wrapped key is overwritten on the medium, then the file removed. Absent is done.

        Call it after the transaction that drops the last reference: a kill between the two leaves an
        orphan that the next opening collects.
        """
        if not is_id(blob_id):
            raise BlobMissing("?")
        self._health.require_writable()
        try:
            for path in (self.path(blob_id), self._set_aside(blob_id)):
                shred(path)
        except OSError as error:
            raise self._health.write_failed(error) from None

    def path(self, blob_id: str) -> Path:
        """Return where a blob of that id lies."""
        return self._blobs / blob_id[:2] / blob_id

    def ids(self) -> Iterator[str]:
        """Yield the id of every blob in place."""
        if not self._blobs.is_dir():
            return
        for shard in sorted(self._blobs.iterdir()):
            if shard.is_dir():
                for path in sorted(shard.iterdir()):
                    if is_id(path.name) and path.name.startswith(shard.name):
                        yield path.name

    def set_aside(self, blob_id: str) -> None:
        """Move a blob nobody refers to into quarantine, its date set to now. Raises OSError."""
        disk.make_folder(self._quarantine)
        path = self.path(blob_id)
        os.utime(path)
        path.replace(self._set_aside(blob_id))
        disk.sync_folder(self._quarantine)

    def _set_aside(self, blob_id: str) -> Path:
        return self._quarantine / f"{blob_id}.blob"

    def _open(self, blob_id: str) -> _OpenBlob:
        if not is_id(blob_id):
            raise BlobMissing("?")
        wrap_key = self._keys.derive(LABEL_BLOB_WRAP)
        path = self.path(blob_id)
        try:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                # Somebody refers to it after all: it comes back from quarantine.
                self._set_aside(blob_id).replace(path)
                disk.sync_folder(path.parent)
                file = path.open("rb")
        except FileNotFoundError:
            raise BlobMissing(blob_id) from None
        except OSError as error:
            raise self._health.read_failed(error) from None
        try:
            return _OpenBlob.unseal(file, blob_id, wrap_key, self._health)
        except BaseException:
            file.close()
            raise


@dataclass(slots=True, repr=False)
class _OpenBlob:
    """An open blob whose key and first chunk have been verified."""

    file: BinaryIO
    health: Health
    cipher: AESGCM
    prefix: bytes
    associated: bytes
    chunks: int
    body_bytes: int
    size_bytes: int = 0
    kind: str = ""

    @classmethod
    def unseal(cls, file: BinaryIO, blob_id: str, wrap_key: bytes, health: Health) -> _OpenBlob:
        try:
            header = file.read(HEADER_BYTES)
            body_bytes = os.fstat(file.fileno()).st_size - HEADER_BYTES
        except OSError as error:
            raise health.read_failed(error) from None
        if len(header) != HEADER_BYTES or not header.startswith(MAGIC):
            raise VaultDamaged("blob")
        at = len(MAGIC)
        nonce, wrapped = header[at : at + NONCE_BYTES], header[at + NONCE_BYTES : -PREFIX_BYTES]
        key = unwrap(wrap_key, nonce, wrapped, _wrap_associated(blob_id))
        chunks = -(-body_bytes // (CHUNK_BYTES + TAG_BYTES))
        plain_bytes = body_bytes - chunks * TAG_BYTES
        if key is None or plain_bytes < PAD_BYTES or plain_bytes % PAD_BYTES:
            raise VaultDamaged("blob")
        associated = header + bytes.fromhex(blob_id)
        blob = cls(file, health, AESGCM(key), header[-PREFIX_BYTES:], associated, chunks, body_bytes)
        size_bytes, kind = _PRELUDE.unpack_from(blob._chunk(0))
        if not plain_bytes - PAD_BYTES < size_bytes + _PRELUDE.size <= plain_bytes:
            raise VaultDamaged("blob")
        blob.size_bytes = size_bytes
        blob.kind = kind.rstrip(b"\0").decode("ascii", "replace")
        return blob

    def read(self, offset: int, size_bytes: int) -> bytes:
        start = _PRELUDE.size + min(offset, self.size_bytes)
        end = min(start + size_bytes, _PRELUDE.size + self.size_bytes)
        if start >= end:
            return b""
        first, last = start // CHUNK_BYTES, max(start, end - 1) // CHUNK_BYTES
        # Written into one buffer that becomes the result: joining pieces would hold a large file twice.
        content = io.BytesIO()
        for index in range(first, last + 1):
            base = index * CHUNK_BYTES
            content.write(memoryview(self._chunk(index))[max(0, start - base) : end - base])
        return content.getvalue()

    def _chunk(self, index: int) -> bytes:
        size = CHUNK_BYTES + TAG_BYTES
        last = index == self.chunks - 1
        length = self.body_bytes - index * size if last else size
        try:
            self.file.seek(HEADER_BYTES + index * size)
            sealed = self.file.read(length)
        except OSError as error:
            raise self.health.read_failed(error) from None
        try:
            return self.cipher.decrypt(self.prefix + _NONCE_TAIL.pack(index, last), sealed, self.associated)
        except InvalidTag:
            raise VaultDamaged("blob") from None

    def __enter__(self) -> _OpenBlob:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def require_kind(kind: str) -> None:
    """Raise ValueError unless `kind` is a slug of 1 to 16 characters."""
    if _KIND.fullmatch(kind) is None:
        raise ValueError("a kind is a lower-case slug of at most 16 characters")


def shred(path: Path) -> None:
    """Overwrite the header that holds the wrapped key, durably, then remove the file. Raises OSError."""
    try:
        disk.overwrite_start(path, HEADER_BYTES)
        path.unlink()
    except FileNotFoundError:
        return
    disk.sync_folder(path.parent)


def _wrap_associated(blob_id: str) -> bytes:
    return b"huisclos-blob/1|" + blob_id.encode("ascii")


def _seal(view: memoryview, kind: str, blob_id: str, wrap_key: bytes) -> Iterator[bytes]:
    key = os.urandom(KEY_BYTES)
    nonce, wrapped = wrap(wrap_key, key, _wrap_associated(blob_id))
    prefix = os.urandom(PREFIX_BYTES)
    header = MAGIC + nonce + wrapped + prefix
    yield header
    associated = header + bytes.fromhex(blob_id)
    prelude = _PRELUDE.pack(view.nbytes, kind.encode("ascii"))
    total = -(-(len(prelude) + view.nbytes) // PAD_BYTES) * PAD_BYTES
    chunks = -(-total // CHUNK_BYTES)
    cipher = AESGCM(key)
    for index in range(chunks):
        start, end = index * CHUNK_BYTES, min((index + 1) * CHUNK_BYTES, total)
        plain = bytes(view[max(0, start - len(prelude)) : max(0, end - len(prelude))])
        if index == 0:
            plain = prelude + plain
        plain = plain.ljust(end - start, b"\0")
        yield cipher.encrypt(prefix + _NONCE_TAIL.pack(index, index == chunks - 1), plain, associated)
