"""Sealed streams: AES-256-GCM over numbered chunks, so that no bit, no order and no end can be changed
unseen.

The construction is STREAM: nonce = random prefix | chunk number | last flag; the clear head is bound to every
chunk. The key is random and used for one file only.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
PREFIX_BYTES: Final = 7
KEY_BYTES: Final = 32
_LARGEST_NUMBER: Final = (1 << 32) - 1


class SnapshotError(Exception):
    """A snapshot cannot be used, and why."""


class SnapshotDamaged(SnapshotError):
    """The file was changed, cut short or extended, is no snapshot at all, or was sealed with another key."""


class SnapshotUnwritable(SnapshotError):
    """The system could not write or read the file (disk full, failing disk). The file is of no use."""


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    if number > _LARGEST_NUMBER:
        raise SnapshotUnwritable("the state is too large to be sealed")
    return prefix + struct.pack(">IB", number, last)


class SealingWriter:
    """Seals what is written into chunks of `CHUNK_BYTES` and hands them on; `finish` marks the last one."""

    def __init__(
        self, key: bytes, prefix: bytes, head: bytes, first_number: int, hand_on: Callable[[bytes], None]
    ) -> None:
        self._cipher = AESGCM(key)
        self._prefix = prefix
        self._head = head
        self._number = first_number
        self._hand_on = hand_on
        self._buffer = bytearray()

    def write(self, piece: memoryview | bytes) -> None:
        """Take a piece of any size; it is copied before this returns."""
        view = memoryview(piece).cast("B")
        while view:
            if len(self._buffer) == CHUNK_BYTES:
                self._seal(last=False)
            room = CHUNK_BYTES - len(self._buffer)
            self._buffer += view[:room]
            view = view[room:]

    def finish(self) -> None:
        """Seal what is left as the last chunk (of at least no bytes)."""
        self._seal(last=True)

    def _seal(self, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last)
        self._hand_on(self._cipher.encrypt(nonce, bytes(self._buffer), self._head))
        self._buffer.clear()
        self._number += 1


class OpeningReader:
    """Opens chunks as they are asked for. Nothing is given out before it is proved whole."""

    def __init__(
        self,
        key: bytes,
        prefix: bytes,
        head: bytes,
        first_number: int,
        size_bytes: int,
        take: Callable[[int], bytes],
    ) -> None:
        self._cipher = AESGCM(key)
        self._prefix = prefix
        self._head = head
        self._number = first_number
        self._left = size_bytes  # still sealed
        self._take = take
        self._opened = memoryview(b"")

    def read(self, count: int) -> bytes | memoryview:
        """Exactly `count` bytes, without copying them where one chunk holds them all. Raises SnapshotDamaged
        when there are fewer, or a chunk is not what was sealed.
        """
        parts: list[memoryview] = []
        while count:
            if not self._opened:
                self._open_next()
            part = self._opened[:count]
            self._opened = self._opened[len(part) :]
            parts.append(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def finish(self) -> None:
        """Raise SnapshotDamaged unless everything was read and the file ends here."""
        if self._left or self._opened or self._take(1):
            raise SnapshotDamaged("the file holds more than the state")

    def _open_next(self) -> None:
        if not self._left:
            raise SnapshotDamaged("the state ends early")
        size = min(CHUNK_BYTES, self._left)
        self._left -= size
        sealed = self._take(size + TAG_BYTES)
        nonce = _nonce(self._prefix, self._number, last=self._left == 0)
        self._opened = memoryview(open_chunk(self._cipher, nonce, sealed, self._head))
        self._number += 1


def open_chunk(cipher: AESGCM, nonce: bytes, sealed: bytes, head: bytes) -> bytes:
    """One chunk in clear. Raises SnapshotDamaged unless it is exactly what was sealed."""
    if len(sealed) < TAG_BYTES:
        raise SnapshotDamaged("the file ends early")
    try:
        return cipher.decrypt(nonce, sealed, head)
    except InvalidTag:
        raise SnapshotDamaged(
            "a part of the file is not what was sealed, or the key is another one"
        ) from None


def write_whole(file: int, data: bytes) -> None:
    """Write all of `data` at the file's offset. Raises SnapshotUnwritable."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError as error:
        raise SnapshotUnwritable(
            f"the snapshot could not be written: {os.strerror(error.errno or 0)}"
        ) from None


def read_up_to(file: int, count: int) -> bytes:
    """`count` bytes from the file's offset, or fewer at its end. Raises SnapshotUnwritable when reading
    fails.
    """
    parts: list[bytes] = []
    try:
        while count and (part := os.read(file, count)):
            parts.append(part)
            count -= len(part)
    except OSError as error:
        raise SnapshotUnwritable(f"the snapshot could not be read: {os.strerror(error.errno or 0)}") from None
    return b"".join(parts)
