"""Length-prefixed byte messages; a length is compared with its cap before anything is kept for it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Final

_HEADER: Final = struct.Struct("<I")
FRAME_BYTES_MAX: Final = (1 << 32) - 1


class ChannelClosed(Exception):
    """The other side is gone."""


class FrameTooLarge(Exception):
    """The other side announced more than it may send."""


def frame(payload: bytes) -> bytes:
    """The payload with its length in front."""
    return _HEADER.pack(len(payload)) + payload


class FrameAssembler:
    """Cuts frames out of a stream.

    ``read_some`` gives bytes, b"" at the end, or None when nothing came in time.
    """

    def __init__(self, read_some: Callable[[float], bytes | None]) -> None:
        self._read_some = read_some
        self._pending = bytearray()

    def next_frame(self, cap_bytes: int, timeout_s: float) -> bytes | None:
        """The next whole frame, or None when the stream paused first. ChannelClosed, FrameTooLarge."""
        while True:
            if len(self._pending) >= _HEADER.size:
                (length,) = _HEADER.unpack_from(self._pending)
                if length > cap_bytes:
                    raise FrameTooLarge
                end = _HEADER.size + length
                if len(self._pending) >= end:
                    payload = bytes(memoryview(self._pending)[_HEADER.size : end])
                    del self._pending[:end]
                    return payload
            piece = self._read_some(timeout_s)
            if piece is None:
                return None
            if not piece:
                raise ChannelClosed
            self._pending += piece


class PipeEnd:
    """Blocking frames over file descriptors: the child's side.

    It opens nothing, so it works inside the cage.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd

    def receive(self, cap_bytes: int) -> bytes:
        """The next frame. ChannelClosed at the end, FrameTooLarge."""
        (length,) = _HEADER.unpack(self.receive_exactly(_HEADER.size))
        if length > cap_bytes:
            raise FrameTooLarge
        return bytes(self.receive_exactly(length))

    def receive_exactly(self, size_bytes: int) -> bytearray:
        """That many raw bytes. ChannelClosed when the stream ends first."""
        data = bytearray(size_bytes)
        view = memoryview(data)
        at = 0
        while at < size_bytes:
            count = (
                os.readv(self._read_fd, [view[at:]]) if hasattr(os, "readv") else self._read_into(view[at:])
            )
            if count == 0:
                raise ChannelClosed
            at += count
        return data

    def _read_into(self, view: memoryview) -> int:
        piece = os.read(self._read_fd, min(len(view), 1 << 20))
        view[: len(piece)] = piece
        return len(piece)

    def send(self, payload: bytes) -> None:
        """Write one frame whole."""
        view = memoryview(frame(payload))
        while view:
            view = view[os.write(self._write_fd, view) :]
