"""Sealed streams: AES-256-GCM over numbered chunks, so that no bit, no order and no end can be changed
unseen.

The construction is STREAM: nonce = random prefix | chunk number | last flag; the clear head is bound to every
chunk. The key is random and used for one file only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.states.errors import SnapshotDamaged, SnapshotUnwritable

CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
PREFIX_BYTES: Final = 7
KEY_BYTES: Final = 32
_LARGEST_NUMBER: Final = (1 << 32) - 1
_FOREIGN: Final = "a part of the file is not what was sealed, or the key is another one"


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    if number > _LARGEST_NUMBER:
        raise SnapshotUnwritable("the state is too large to be sealed")
    return prefix + struct.pack(">IB", number, last)


class SealingWriter:
    """Seals `size_bytes` bytes in chunks of `CHUNK_BYTES` and hands each on, to be used up before that
    returns.
    """

    def __init__(
        self,
        key: bytes,
        prefix: bytes,
        head: bytes,
        first_number: int,
        size_bytes: int,
        hand_on: Callable[[memoryview], None],
    ) -> None:
        self._cipher = AESGCM(key)
        self._prefix = prefix
        self._head = head
        self._number = first_number
        self._left = size_bytes  # not yet sealed
        self._hand_on = hand_on
        chunk_bytes = min(CHUNK_BYTES, size_bytes)
        self._gathered = memoryview(bytearray(chunk_bytes))
        self._filled = 0
        self._sealed = memoryview(bytearray(chunk_bytes + TAG_BYTES))

    def write(self, piece: memoryview | bytes) -> None:
        """Take a piece of any size; nothing of it is kept. A whole chunk in it is not copied first."""
        view = memoryview(piece).cast("B")
        if len(view) > self._left - self._filled:
            raise ValueError("the state is larger than it said")
        while view:
            size = min(CHUNK_BYTES, self._left)
            if not self._filled and len(view) >= size:
                self._seal(view[:size])
                view = view[size:]
                continue
            part = view[: size - self._filled]
            view = view[len(part) :]
            self._gathered[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if self._filled == size:
                self._filled = 0
                self._seal(self._gathered[:size])

    def finish(self) -> None:
        """Raise ValueError unless all was written; the last chunk was marked as such."""
        if self._left:
            raise ValueError("the state is smaller than it said")

    def _seal(self, chunk: memoryview) -> None:
        self._left -= len(chunk)
        nonce = _nonce(self._prefix, self._number, last=self._left == 0)
        sealed = self._sealed[: len(chunk) + TAG_BYTES]
        self._cipher.encrypt_into(nonce, chunk, self._head, sealed)
        self._hand_on(sealed)
        self._number += 1


class OpeningReader:
    """Opens chunks as they are asked for. Nothing is given out before it is proved whole. `take` fills the
    room it is given, as far as the file goes, and says how far.
    """

    def __init__(
        self,
        key: bytes,
        prefix: bytes,
        head: bytes,
        first_number: int,
        size_bytes: int,
        take: Callable[[memoryview], int],
    ) -> None:
        self._cipher = AESGCM(key)
        self._prefix = prefix
        self._head = head
        self._number = first_number
        self._left = size_bytes  # still sealed
        self._take = take
        chunk_bytes = min(CHUNK_BYTES, size_bytes)
        self._sealed = memoryview(bytearray(chunk_bytes + TAG_BYTES))
        self._chunk = memoryview(bytearray(chunk_bytes))
        self._opened = self._chunk[:0]

    def read(self, count: int) -> bytearray | memoryview:
        """Exactly `count` bytes, good until the next call; not copied where one chunk holds them all. Raises
        SnapshotDamaged when there are fewer, or a chunk is not what was sealed.
        """
        if count > len(self._opened) + self._left:
            raise SnapshotDamaged("the state ends early")
        if count and not self._opened:
            self._open_next()
        if count <= len(self._opened):
            return self._next(count)
        found = bytearray(count)
        done = 0
        while done < count:
            if not self._opened:
                self._open_next()
            part = self._next(min(count - done, len(self._opened)))
            found[done : done + len(part)] = part
            done += len(part)
        return found

    def finish(self) -> None:
        """Raise SnapshotDamaged unless everything was read and the file ends here."""
        if self._left or self._opened or self._take(memoryview(bytearray(1))):
            raise SnapshotDamaged("the file holds more than the state")

    def _next(self, count: int) -> memoryview:
        part, self._opened = self._opened[:count], self._opened[count:]
        return part

    def _open_next(self) -> None:
        size = min(CHUNK_BYTES, self._left)
        sealed, opened = self._sealed[: size + TAG_BYTES], self._chunk[:size]
        if self._take(sealed) != len(sealed):
            raise SnapshotDamaged("the file ends early")
        self._left -= size
        nonce = _nonce(self._prefix, self._number, last=self._left == 0)
        try:
            self._cipher.decrypt_into(nonce, sealed, self._head, opened)
        except InvalidTag:
            raise SnapshotDamaged(_FOREIGN) from None
        self._opened = opened
        self._number += 1


def open_chunk(cipher: AESGCM, nonce: bytes, sealed: bytes, head: bytes) -> bytes:
    """One chunk in clear. Raises SnapshotDamaged unless it is exactly what was sealed."""
    if len(sealed) < TAG_BYTES:
        raise SnapshotDamaged("the file ends early")
    try:
        return cipher.decrypt(nonce, sealed, head)
    except InvalidTag:
        raise SnapshotDamaged(_FOREIGN) from None
