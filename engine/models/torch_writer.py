"""Writes torch's container (`pytorch_model….bin`) entry by entry, as torch lays it out, without torch.

A zip archive of stored entries whose data begin at multiples of 64 bytes, their check sums behind them, and a
pickle that is written out instruction by instruction: a table of names, shapes and places.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from engine.models.gguf_writer import TensorPlan
from engine.models.tensors import ElementType

_ALIGNMENT: Final = 64
_FLAGS: Final = 0x0808
"""Sizes and check sum follow the data; names are UTF-8."""
_STORAGES: Final = {
    ElementType.F32: "FloatStorage",
    ElementType.F16: "HalfStorage",
    ElementType.BF16: "BFloat16Storage",
}


class TorchWriter:
    """A context manager. Tensors come in the order of the plan, each in as many blocks as one likes."""

    def __init__(self, path: Path, plan: Sequence[TensorPlan]) -> None:
        self._path = path
        self._plan = list(plan)
        self._folder = path.stem
        self._directory: list[bytes] = []
        self._tensor = 0
        self._left = 0
        self._crc = 0
        self._entry: tuple[bytes, int, int] = (b"", 0, 0)
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        self._put_whole("data.pkl", pickle_table(self._plan))
        for name, text in ((".format_version", "1"), (".storage_alignment", "64"), ("byteorder", "little")):
            self._put_whole(name, text.encode())
        self._begin_tensor()
        return self

    def write(self, block: NDArray[np.generic]) -> None:
        data = np.ascontiguousarray(block).reshape(-1).view(np.uint8).data
        if len(data) > self._left:
            raise ValueError(f"{self._plan[self._tensor].name} got more bytes than planned")
        self._put(data)
        self._left -= len(data)
        if not self._left:
            self._end_entry()
            self._tensor += 1
            self._begin_tensor()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is not None:
                return
            if self._tensor != len(self._plan):
                raise ValueError(f"{self._plan[self._tensor].name} was not written to its end")
            self._put_whole("version", b"3\n")
            self._put_whole(".data/serialization_id", b"0" * 40)
            self._end()

    def _begin_tensor(self) -> None:
        if self._tensor < len(self._plan):
            self._left = self._plan[self._tensor].size_bytes
            self._begin_entry(f"data/{self._tensor}")

    def _put_whole(self, name: str, data: bytes) -> None:
        self._begin_entry(name)
        self._put(data)
        self._end_entry()

    def _begin_entry(self, name: str) -> None:
        told = f"{self._folder}/{name}".encode()
        start = self._file.tell()
        gap = -(start + 30 + len(told) + 4) % _ALIGNMENT
        extra = struct.pack("<2sH", b"FB", gap) + b"Z" * gap
        self._file.write(
            struct.pack("<4s5H3I2H", b"PK\x03\x04", 0, _FLAGS, 0, 0, 0, 0, 0, 0, len(told), len(extra))
        )
        self._file.write(told + extra)
        self._crc, self._entry = 0, (told, start, self._file.tell())

    def _put(self, data: bytes | memoryview) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._file.write(data)

    def _end_entry(self) -> None:
        name, start, begin = self._entry
        size = self._file.tell() - begin
        self._file.write(struct.pack("<4s3I", b"PK\x07\x08", self._crc, size, size))
        wide = start >= 0xFFFF_FFFF
        extra = struct.pack("<2HQ", 1, 8, start) if wide else b""
        self._directory.append(
            struct.pack(
                "<4s6H3I5H2I", b"PK\x01\x02", 0, 0, _FLAGS, 0, 0, 0, self._crc, size, size, len(name),
                len(extra), 0, 0, 0, 0, 0xFFFF_FFFF if wide else start,
            )
            + name
            + extra
        )  # fmt: skip

    def _end(self) -> None:
        start, count = self._file.tell(), len(self._directory)
        listed = b"".join(self._directory)
        end = start + len(listed)
        self._file.write(listed)
        self._file.write(
            struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 798, 45, 0, 0, count, count, len(listed), start)
        )
        self._file.write(struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1))
        self._file.write(
            struct.pack(
                "<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(listed), min(start, 0xFFFF_FFFF), 0
            )
        )


def pickle_table(plan: Sequence[TensorPlan]) -> bytes:
    """The table as `torch.save` of an ordered dict pickles it, without a memo: tensor i is entry `data/i`."""
    table = b"".join(_text(tensor.name) + _tensor(rank, tensor) for rank, tensor in enumerate(plan))
    return b"\x80\x02" + _EMPTY_TABLE + b"(" + table + b"u."


_EMPTY_TABLE: Final = b"ccollections\nOrderedDict\n)R"


def _tensor(rank: int, tensor: TensorPlan) -> bytes:
    elements, stride, strides = 1, 1, []
    for length in reversed(tensor.shape):
        strides.append(stride)
        stride *= length
        elements *= length
    storage = _text("storage") + b"ctorch\n" + _STORAGES[tensor.element].encode() + b"\n"
    storage += _text(str(rank)) + _text("cpu") + _number(elements)
    described = b"((" + storage + b"tQ" + _number(0)
    described += _numbers(tensor.shape) + _numbers(strides[::-1]) + b"\x89" + _EMPTY_TABLE + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + described + b"R"


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _numbers(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(_number, values)) + b"t"
