"""Reading and writing the open file, and having the system begin to write before anyone waits for it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Final

from engine.states.errors import SnapshotUnwritable

_EARLY_BYTES: Final = 4 << 20
_WHOLE_BYTES: Final = 1 << 20
"""What begins early ends at a multiple of this, where no page is half full: one that grows while it goes to
the disk goes there twice."""
_SYNC_FILE_RANGE_WRITE: Final = 2  # Linux: begin to write, do not wait


class FileWriter:
    """Writes to an open file from its offset on. The disk begins with what is written while the rest is still
    being made, where the system can; syncing stays with the file's owner.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._start = _offset_of(file)
        self._begun = self._start
        self.written_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Write all of `data`. Raises SnapshotUnwritable."""
        view = memoryview(data)
        self.written_bytes += len(view)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise SnapshotUnwritable(
                f"the snapshot could not be written: {os.strerror(error.errno or 0)}"
            ) from None
        end = (self._start + self.written_bytes) // _WHOLE_BYTES * _WHOLE_BYTES
        if end - self._begun >= _EARLY_BYTES:
            _begin_writing(self._file, self._begun, end - self._begun)
            self._begun = end


def read_into(file: int, room: memoryview) -> int:
    """Fill `room` from the file's offset; less at the file's end. Gives the bytes read. Raises
    SnapshotUnwritable.
    """
    done = 0
    try:
        while done < len(room) and (count := _read_some(file, room[done:])):
            done += count
    except OSError as error:
        raise SnapshotUnwritable(f"the snapshot could not be read: {os.strerror(error.errno or 0)}") from None
    return done


def _offset_of(file: int) -> int:
    try:
        return os.lseek(file, 0, os.SEEK_CUR)
    except OSError:
        return 0  # a pipe: it has none, and nothing can begin early


def _read_some(file: int, room: memoryview) -> int:
    if sys.platform == "win32":
        data = os.read(file, len(room))
        room[: len(data)] = data
        return len(data)
    return os.readv(file, [room])


def _find_sync_file_range() -> Callable[[int, int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    try:
        found = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    found.restype = ctypes.c_int
    return found


_sync_file_range: Final = _find_sync_file_range()


def _begin_writing(file: int, start: int, count: int) -> None:
    # Only asked for: a refusal costs time, and a failing disk is told by the owner's sync.
    if _sync_file_range is not None:
        _sync_file_range(file, start, count, _SYNC_FILE_RANGE_WRITE)
