"""Writes a GGUF v3 file tensor by tensor: beside its place, made durable, then moved there in one step."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import struct
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from engine.models.errors import ConversionError
from engine.models.gguf import MAGIC, VERSION, MetadataValue, ValueType, type_codes
from engine.models.keys import CONTENT_SHA256, GENERAL_ALIGNMENT
from engine.models.tensors import ElementType, tensor_size_bytes

ALIGNMENT: Final = 64
"""A cache line, so that kernels may read a mapped tensor at full width."""
_PLACEHOLDER: Final = "0" * 64
_MARGIN_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """A tensor about to be written: row-major shape, outermost first."""

    name: str
    element: ElementType
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        return tensor_size_bytes(self.shape, self.element)


class GgufWriter:
    """A context manager: leaving it normally puts the file in place, leaving it by an error removes it.

    Tensors are written in the order of the plan, each in as many blocks as the caller likes. The SHA-256 of
    the tensor section goes into `huisclos.content_sha256`, so that the header alone identifies the file.
    Raises ConversionError (`disk-full`, `destination-unwritable`); nothing is left behind.
    """

    def __init__(
        self,
        path: Path,
        metadata: Mapping[str, MetadataValue],
        plan: Sequence[TensorPlan],
        *,
        open_ended: bool = False,
    ) -> None:
        """`open_ended`: how long the last tensor, a vector, becomes shows when it has been written."""
        self._path = path
        self._plan = list(plan)
        self._open_ended = open_ended
        self._pairs = pairs = {**metadata, GENERAL_ALIGNMENT: ALIGNMENT, CONTENT_SHA256: _PLACEHOLDER}
        self._header, self._digest_offset = encode_header(pairs, self._plan)
        self._hash = hashlib.sha256()
        self._tensor = 0
        self._written = 0
        self.size_bytes = len(self._header) + sum(_padded(tensor.size_bytes) for tensor in self._plan)

    def __enter__(self) -> Self:
        folder = self._path.parent
        try:
            free = shutil.disk_usage(folder).free
            if free < self.size_bytes + _MARGIN_BYTES:
                raise ConversionError(
                    "disk-full",
                    f"The new file needs {self.size_bytes / 1e6:,.1f} MB, and its disk has"
                    f" {free / 1e6:,.1f} MB left.",
                )
            handle, name = tempfile.mkstemp(dir=folder, prefix=f".{self._path.name[:80]}.", suffix=".part")
            self._temporary = Path(name)
            self._file = os.fdopen(handle, "wb")
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._put(self._header)
        except OSError as error:
            self._discard()
            raise self._failed(error) from error
        return self

    def write(self, block: NDArray[np.generic]) -> None:
        """Appends the next block of the current tensor, whatever its shape; its bytes are what counts."""
        tensor = self._plan[self._tensor]
        if block.dtype.newbyteorder("<") != tensor.element.numpy:
            raise ValueError(f"{tensor.name} is {tensor.element.value}, not {block.dtype}")
        data = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
        self._written += data.nbytes
        growing = self._open_ended and self._tensor == len(self._plan) - 1
        if self._written > tensor.size_bytes and not growing:
            raise ValueError(f"{tensor.name} got more bytes than planned")
        padding = b""
        if self._written == tensor.size_bytes and not growing:
            padding = bytes(_padded(tensor.size_bytes) - tensor.size_bytes)
            self._tensor += 1
            self._written = 0
        try:
            self._hash.update(data.data)
            self._hash.update(padding)
            self._put(data.data)
            self._put(padding)
        except OSError as error:
            raise self._failed(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            if self._open_ended and self._tensor == len(self._plan) - 1:
                self._close_end()
            if self._tensor != len(self._plan):
                raise ValueError(f"{self._plan[self._tensor].name} was not written to its end")
            self._finish()
        except OSError as failure:
            self._discard()
            raise self._failed(failure) from failure
        except BaseException:
            self._discard()
            raise

    def _close_end(self) -> None:
        """Gives the last tensor the length it has. The header keeps its size: a length is eight bytes."""
        last = self._plan[-1]
        length, rest = divmod(self._written, last.element.size_bytes)
        if not length or rest:
            raise ValueError(f"{last.name} was not written to its end")
        self._plan[-1] = TensorPlan(last.name, last.element, (length,))
        padding = bytes(_padded(self._written) - self._written)
        self._hash.update(padding)
        self._put(padding)
        self._header, self._digest_offset = encode_header(self._pairs, self._plan)
        self._file.seek(0)
        self._put(self._header)
        self.size_bytes = len(self._header) + sum(_padded(tensor.size_bytes) for tensor in self._plan)
        self._tensor += 1

    def _finish(self) -> None:
        self._file.seek(self._digest_offset)
        self._put(self._hash.hexdigest().encode("ascii"))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        # mkstemp makes files private; a model is as readable as any other file the person writes.
        mask = os.umask(0)
        os.umask(mask)
        self._temporary.chmod(0o666 & ~mask)
        self._temporary.replace(self._path)
        sync_folder(self._path.parent)

    def _put(self, data: bytes | memoryview) -> None:
        self._file.write(data)

    def _discard(self) -> None:
        # On a full disk closing tries, and fails, to write the rest once more.
        with contextlib.suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> ConversionError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ConversionError("disk-full", f"The disk of {self._path.parent} is full.")
        return ConversionError(
            "destination-unwritable", f"{self._path} cannot be written: {error.strerror or error}."
        )


def encode_header(metadata: Mapping[str, MetadataValue], plan: Sequence[TensorPlan]) -> tuple[bytes, int]:
    """The front of a file, padded to the alignment, and the place of the content digest's text in it."""
    parts = [MAGIC, struct.pack("<IQQ", VERSION, len(plan), len(metadata))]
    digest_offset = 0
    for key, value in metadata.items():
        encoded = _text(key) + _value(value)
        if key == CONTENT_SHA256:
            digest_offset = sum(map(len, parts)) + len(encoded) - len(_PLACEHOLDER)
        parts.append(encoded)
    offset = 0
    for tensor in plan:
        lengths = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *reversed(tensor.shape))
        parts.append(_text(tensor.name) + lengths + struct.pack("<IQ", type_codes[tensor.element], offset))
        offset += _padded(tensor.size_bytes)
    header = b"".join(parts)
    return header + bytes(_padded(len(header)) - len(header)), digest_offset


def sync_folder(folder: Path) -> None:
    """Makes a rename inside the folder durable, where the platform can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _value(value: MetadataValue) -> bytes:
    if isinstance(value, list):
        kind, _ = _scalar(value[0]) if value else (ValueType.U32, b"")
        encoded = [_scalar(element) for element in value]
        if any(other is not kind for other, _ in encoded):
            raise ValueError("an array needs elements of one type")
        return struct.pack("<IIQ", ValueType.ARRAY, kind, len(value)) + b"".join(data for _, data in encoded)
    kind, data = _scalar(value)
    return struct.pack("<I", kind) + data


def _scalar(value: str | bool | int | float) -> tuple[ValueType, bytes]:
    if isinstance(value, str):
        return ValueType.STRING, _text(value)
    if isinstance(value, bool):
        return ValueType.BOOL, struct.pack("<B", value)
    if isinstance(value, int):
        return ValueType.U32, struct.pack("<I", value)
    return ValueType.F32, struct.pack("<f", value)


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _padded(size: int) -> int:
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
