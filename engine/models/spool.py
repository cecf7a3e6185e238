"""What goes to the end of a file waits on disk, not in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from engine.models.errors import ConversionError

_READ_BYTES: Final = 4 << 20


class Spool:
    """Numbers of four bytes in a nameless file of `folder`, until they are asked for. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, part: NDArray[np.generic]) -> None:
        if not part.size:
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed on leaving
            self._file.write(np.ascontiguousarray(part).data)
        except OSError as error:
            raise ConversionError(
                "destination-unwritable", f"{self._folder} cannot be written: {error.strerror or error}."
            ) from error

    def blocks(self) -> Iterator[NDArray[np.generic]]:
        """All that was added, as I32. A file has no empty tensors: for nothing, one zero."""
        if self._file is None:
            yield np.zeros(1, np.int32)
            return
        self._file.seek(0)
        while data := self._file.read(_READ_BYTES):
            yield np.frombuffer(data, "<i4")
