"""Tensors inside a file: where each lies, of what type, and reading a few rows of one without the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.models.errors import ModelFileError


class ElementType(Enum):
    """Element types our files use. bfloat16 has no numpy type; its bits travel as uint16."""

    F32 = "F32"
    F16 = "F16"
    BF16 = "BF16"
    I8 = "I8"
    I32 = "I32"

    @property
    def is_float(self) -> bool:
        return self not in (ElementType.I8, ElementType.I32)

    @property
    def size_bytes(self) -> int:
        return self.numpy.itemsize

    @property
    def numpy(self) -> np.dtype[np.generic]:
        return _NUMPY[self]


_NUMPY: dict[ElementType, np.dtype[np.generic]] = {
    ElementType.F32: np.dtype("<f4"),
    ElementType.F16: np.dtype("<f2"),
    ElementType.BF16: np.dtype("<u2"),
    ElementType.I8: np.dtype("i1"),
    ElementType.I32: np.dtype("<i4"),
}


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor in a file: row-major `shape`, outermost first; `offset_bytes` from the start of the file."""

    name: str
    element: ElementType
    shape: tuple[int, ...]
    offset_bytes: int
    size_bytes: int

    @property
    def rows(self) -> int:
        return self.shape[0] if len(self.shape) > 1 else 1

    @property
    def row_elements(self) -> int:
        return self.size_bytes // self.element.size_bytes // self.rows


def tensor_size_bytes(shape: tuple[int, ...], element: ElementType) -> int:
    """Bytes of a dense tensor. Python integers do not overflow; the 2^63 limit keeps others safe as well."""
    size = element.size_bytes
    for length in shape:
        size *= length
    if size >= 1 << 63:
        raise ModelFileError("model-tensor-oversized", "A tensor is declared larger than any file can be.")
    return size


class TensorSource(Protocol):
    """What conversion and loading need of a weight container."""

    @property
    def entries(self) -> Mapping[str, TensorEntry]: ...

    def read_rows(self, name: str, start: int, stop: int) -> NDArray[np.generic]:
        """Rows start..stop (a vector is one row) as [rows, row_elements] in the stored type."""

    def map_tensor(self, name: str) -> NDArray[np.generic]:
        """The whole tensor, read-only, mapped from the file rather than read."""

    def close(self) -> None:
        """Lets go of open files; reading opens them again."""


class TensorFile:
    """Tensors of one open file. Use from one thread; a mapping from `map_tensor` outlives `close`."""

    def __init__(self, path: Path, entries: Mapping[str, TensorEntry]) -> None:
        self._path = path
        self._entries = dict(entries)
        self._file: BinaryIO | None = None

    @property
    def path(self) -> Path:
        return self._path

    @property
    def entries(self) -> Mapping[str, TensorEntry]:
        return self._entries

    def read_rows(self, name: str, start: int, stop: int) -> NDArray[np.generic]:
        entry = self._entries[name]
        if not 0 <= start <= stop <= entry.rows:
            raise IndexError(f"rows {start} to {stop} of {name}")
        width = entry.row_elements
        result = np.empty((stop - start, width), dtype=entry.element.numpy)
        if self._file is None:
            self._file = self._path.open("rb")
        self._file.seek(entry.offset_bytes + start * width * entry.element.size_bytes)
        if self._file.readinto(result.data.cast("B")) != result.nbytes:  # type: ignore[attr-defined]
            raise ModelFileError("model-file-truncated", f"{self._path.name} ends in the middle of {name}.")
        return result

    def map_tensor(self, name: str) -> NDArray[np.generic]:
        entry = self._entries[name]
        return np.memmap(
            self._path, dtype=entry.element.numpy, mode="r", offset=entry.offset_bytes, shape=entry.shape
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def widen(block: NDArray[np.generic], element: ElementType) -> NDArray[np.float32]:
    """Stored floats as float32, exactly. `block` holds bfloat16 as uint16."""
    if element is ElementType.BF16:
        return (block.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if not element.is_float:
        raise ModelFileError(
            "model-tensor-type-unsupported", "Whole-number tensors are not weights by themselves."
        )
    return block.astype(np.float32)


def narrow_to_bf16(block: NDArray[np.float32]) -> NDArray[np.uint16]:
    """float32 rounded to the nearest bfloat16, ties to even, as its 16 bits. Not-a-number stays one."""
    bits = np.ascontiguousarray(block).view(np.uint32)
    rounded = (bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))) >> np.uint32(16)
    result: NDArray[np.uint16] = rounded.astype(np.uint16)
    result[np.isnan(block)] = 0x7FC0
    return result


_BLOCK_ELEMENTS: Final = 1 << 18
"""Weights in hand at once: a megabyte as float32, which stays in a core's cache with all that quantising
needs beside it. Four times as many took twice as long each."""


def stored_blocks(source: TensorSource, name: str) -> Iterator[tuple[int, NDArray[np.generic]]]:
    """A tensor as it is stored, some rows at a time, each block with the number of its first row."""
    entry = source.entries[name]
    step = max(1, _BLOCK_ELEMENTS // entry.row_elements)
    for start in range(0, entry.rows, step):
        yield start, source.read_rows(name, start, min(start + step, entry.rows))


def float_blocks(source: TensorSource, name: str) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """A float tensor as float32, some rows at a time, each block with the number of its first row."""
    element = source.entries[name].element
    for start, block in stored_blocks(source, name):
        yield start, widen(block, element)


def find_not_finite(source: TensorSource, check_cancel: Callable[[], None]) -> str:
    """The first float tensor that holds infinities or what is no number; empty when there is none."""
    for name, entry in source.entries.items():
        for _, block in stored_blocks(source, name) if entry.element.is_float else ():
            check_cancel()
            if not is_finite(block, entry.element):
                return name
    return ""


def is_finite(block: NDArray[np.generic], element: ElementType) -> bool:
    """Whether stored floats hold neither infinities nor what is no number."""
    if element is ElementType.BF16:
        return not ((block & np.uint16(0x7F80)) == 0x7F80).any()  # type: ignore[operator]
    return bool(np.isfinite(block).all())


def file_size(path: Path) -> int:
    """Size of a regular file. Raises ModelFileError when it is missing or a device, pipe or folder."""
    try:
        status = path.stat()
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read: {error.strerror or error}."
        ) from error
    if not os.path.isfile(path):  # noqa: PTH113 - follows links like stat above
        raise ModelFileError("model-file-unreadable", f"{path.name} is not a file.")
    return status.st_size
