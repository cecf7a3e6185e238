"""The GGUF v3 container: constants and a reader that trusts nothing in the file.

Layout, little-endian: "GGUF", version, tensor count, pair count, the typed key/value pairs, the tensor
descriptions, padding to the alignment, then the tensors, each padded to the alignment. Tensor lengths are
stored innermost first. Every count and length is checked against the bytes that are left before it is looped
over, the header is read once and is bounded, and nothing but ModelFileError leaves this module.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, Final

from engine.models.errors import ModelFileError
from engine.models.keys import GENERAL_ALIGNMENT
from engine.models.tensors import ElementType, TensorEntry, TensorFile, file_size, tensor_size_bytes

MAGIC: Final = b"GGUF"
VERSION: Final = 3
DEFAULT_ALIGNMENT: Final = 32

PAIRS_MAX: Final = 1024
TENSORS_MAX: Final = 8192
KEY_MAX_BYTES: Final = 255
STRING_MAX_BYTES: Final = 16 << 20
ARRAY_MAX: Final = 1024
ARRAY_ELEMENTS_MAX: Final = 16_384
"""Over the whole file. Our files hold the tokenizer as one string, so arrays stay short."""
HEADER_MAX_BYTES: Final = 24 << 20
DIMENSIONS_MAX: Final = 4
_READ_AHEAD_BYTES: Final = 64 << 10
ALIGNMENT_MAX: Final = 4096

type_codes: Final[Mapping[ElementType, int]] = {
    ElementType.F32: 0,
    ElementType.F16: 1,
    ElementType.I8: 24,
    ElementType.I32: 26,
    ElementType.BF16: 30,
}
_ELEMENTS: Final[Mapping[int, ElementType]] = {code: element for element, code in type_codes.items()}
_FOREIGN_TYPE_CODE_MAX: Final = 63

MetadataValue = str | bool | int | float | list[str] | list[bool] | list[int] | list[float]


class ValueType(IntEnum):
    """Types of a metadata value."""

    U8 = 0
    I8 = 1
    U16 = 2
    I16 = 3
    U32 = 4
    I32 = 5
    F32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    U64 = 10
    I64 = 11
    F64 = 12


SCALARS: Final[Mapping[ValueType, struct.Struct]] = {
    ValueType.U8: struct.Struct("<B"),
    ValueType.I8: struct.Struct("<b"),
    ValueType.U16: struct.Struct("<H"),
    ValueType.I16: struct.Struct("<h"),
    ValueType.U32: struct.Struct("<I"),
    ValueType.I32: struct.Struct("<i"),
    ValueType.F32: struct.Struct("<f"),
    ValueType.BOOL: struct.Struct("<B"),
    ValueType.U64: struct.Struct("<Q"),
    ValueType.I64: struct.Struct("<q"),
    ValueType.F64: struct.Struct("<d"),
}
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_PAIR_MIN_BYTES: Final = 8 + 1 + 4 + 1
_TENSOR_MIN_BYTES: Final = 8 + 1 + 4 + 8 + 4 + 8
_STRING_MIN_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the front of a file says. `sha256` is the digest of the front itself, in hexadecimal."""

    metadata: Mapping[str, MetadataValue]
    entries: Mapping[str, TensorEntry]
    alignment: int
    data_offset_bytes: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class GgufFile:
    """A checked file: its header, and its tensors, which are not read before somebody asks."""

    header: GgufHeader
    tensors: TensorFile

    @property
    def metadata(self) -> Mapping[str, MetadataValue]:
        return self.header.metadata


def open_gguf(path: Path) -> GgufFile:
    """Reads and checks the front of a file. Raises ModelFileError for whatever is wrong with it."""
    header = read_header(path)
    return GgufFile(header, TensorFile(path, header.entries))


def read_header(path: Path) -> GgufHeader:
    """Parses pairs and tensor descriptions and checks them against the size of the file."""
    size = file_size(path)
    try:
        with path.open("rb") as file:
            return _HeaderParser(path.name, file, size).parse()
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read: {error.strerror or error}."
        ) from error


def peek_text(path: Path, key: str) -> str:
    """A text among the first pairs of a file of any maker, empty when it is not there. Raises ModelFileError.

    Looks no further than the first array: they come late and are long in other makers' files.
    """
    size = file_size(path)
    try:
        with path.open("rb") as file:
            return _HeaderParser(path.name, file, size).peek(key)
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read: {error.strerror or error}."
        ) from error


class _HeaderParser:
    """One pass over the front of a file, read as it is needed. `_place` never passes the end of `_data`."""

    def __init__(self, name: str, file: BinaryIO, size_bytes: int) -> None:
        self._name = name
        self._file = file
        self._data = bytearray()
        self._size = size_bytes
        self._place = 0
        self._array_elements = 0

    def peek(self, wanted: str) -> str:
        _, pair_count = self._counts()
        for _ in range(min(pair_count, PAIRS_MAX)):
            key, kind = self._string(KEY_MAX_BYTES), self._value_type()
            if kind is ValueType.ARRAY:
                break
            value = self._string(STRING_MAX_BYTES) if kind is ValueType.STRING else self._scalar(kind)
            if key == wanted:
                return value if isinstance(value, str) else ""
        return ""

    def _counts(self) -> tuple[int, int]:
        if self._size < len(MAGIC) or self._take(len(MAGIC)) != MAGIC:
            raise self._bad("model-file-invalid", "it does not start like one")
        version = self._u32()
        if version != VERSION:
            if int.from_bytes(version.to_bytes(4, "little"), "big") in (1, 2, 3):
                raise self._bad("model-file-version", "it was written for a big-endian machine")
            raise self._bad("model-file-version", f"its version is {version}, not {VERSION}")
        return self._u64(), self._u64()

    def parse(self) -> GgufHeader:
        tensor_count, pair_count = self._counts()
        self._check_count("key/value pairs", pair_count, PAIRS_MAX, _PAIR_MIN_BYTES)
        self._check_count("tensors", tensor_count, TENSORS_MAX, _TENSOR_MIN_BYTES)
        metadata = self._pairs(pair_count)
        alignment = self._alignment(metadata)
        # A second time, with what the pairs took away.
        self._check_count("tensors", tensor_count, TENSORS_MAX, _TENSOR_MIN_BYTES)
        described = [self._tensor() for _ in range(tensor_count)]
        start = _aligned(self._place, alignment)
        return GgufHeader(
            metadata=metadata,
            entries=self._place_tensors(described, start, alignment),
            alignment=alignment,
            data_offset_bytes=start,
            size_bytes=self._size,
            sha256=hashlib.sha256(memoryview(self._data)[: self._place]).hexdigest(),
        )

    def _pairs(self, count: int) -> dict[str, MetadataValue]:
        metadata: dict[str, MetadataValue] = {}
        for _ in range(count):
            key = self._name_text("key")
            if key in metadata:
                raise self._bad("model-file-invalid", f"the key {key!a} occurs twice")
            kind = self._value_type()
            if kind is ValueType.ARRAY:
                metadata[key] = self._array(key)
            elif kind is ValueType.STRING:
                metadata[key] = self._string(STRING_MAX_BYTES)
            else:
                if key == GENERAL_ALIGNMENT and kind is not ValueType.U32:
                    raise self._bad("model-file-invalid", "its alignment is not a 32-bit number")
                metadata[key] = self._scalar(kind)
        return metadata

    def _array(self, key: str) -> MetadataValue:
        kind = self._value_type()
        count = self._u64()
        if kind is ValueType.ARRAY:
            raise self._bad("model-file-invalid", f"the array {key!a} holds arrays")
        least = _STRING_MIN_BYTES if kind is ValueType.STRING else SCALARS[kind].size
        self._check_count(f"elements of {key!a}", count, ARRAY_MAX, least)
        self._array_elements += count
        if self._array_elements > ARRAY_ELEMENTS_MAX:
            raise self._bad("model-file-oversized", "its arrays hold too many elements")
        if kind is ValueType.STRING:
            return [self._string(STRING_MAX_BYTES) for _ in range(count)]
        return [self._scalar(kind) for _ in range(count)]

    def _alignment(self, metadata: Mapping[str, MetadataValue]) -> int:
        alignment = metadata.get(GENERAL_ALIGNMENT, DEFAULT_ALIGNMENT)
        if (
            not isinstance(alignment, int)
            or not 8 <= alignment <= ALIGNMENT_MAX
            or alignment & (alignment - 1)
        ):
            raise self._bad("model-file-invalid", f"its alignment {str(alignment)[:40]} is not usable")
        return alignment

    def _tensor(self) -> tuple[str, ElementType, tuple[int, ...], int]:
        name = self._name_text("tensor name")
        dimensions = self._u32()
        if not 1 <= dimensions <= DIMENSIONS_MAX:
            raise self._bad("model-file-invalid", f"{name!a} has {dimensions} dimensions")
        lengths = tuple(self._u64() for _ in range(dimensions))
        if 0 in lengths:
            raise self._bad("model-file-invalid", f"{name!a} is empty")
        code = self._u32()
        element = _ELEMENTS.get(code)
        if element is None:
            if code <= _FOREIGN_TYPE_CODE_MAX:
                raise self._bad("model-tensor-type-unsupported", f"{name!a} is stored as GGUF type {code}")
            raise self._bad("model-file-invalid", f"{name!a} has the unknown type {code}")
        return name, element, lengths[::-1], self._u64()

    def _place_tensors(
        self, described: list[tuple[str, ElementType, tuple[int, ...], int]], start: int, alignment: int
    ) -> dict[str, TensorEntry]:
        entries: dict[str, TensorEntry] = {}
        place = start
        for name, element, shape, offset in described:
            if name in entries:
                raise self._bad("model-tensor-duplicate", f"the tensor {name!a} occurs twice")
            if start + offset != place:
                raise self._bad("model-file-invalid", f"{name!a} leaves a hole, overlaps, or is not aligned")
            size = tensor_size_bytes(shape, element)
            if place + size > self._size:
                raise self._bad("model-file-truncated", f"{name!a} ends after the file does")
            entries[name] = TensorEntry(name, element, shape, place, size)
            place = _aligned(place + size, alignment)
        if entries and self._size > place:
            raise self._bad("model-file-invalid", "bytes follow its last tensor")
        return entries

    def _name_text(self, what: str) -> str:
        text = self._string(KEY_MAX_BYTES)
        if not text or not text.isascii() or not text.isprintable():
            raise self._bad("model-file-invalid", f"a {what} is not plain text")
        return text

    def _string(self, limit_bytes: int) -> str:
        length = self._u64()
        if length > limit_bytes:
            raise self._bad("model-file-oversized", f"a text claims {length} bytes")
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise self._bad("model-file-invalid", "a text in it is not UTF-8") from None

    def _value_type(self) -> ValueType:
        code = self._u32()
        try:
            return ValueType(code)
        except ValueError:
            raise self._bad("model-file-invalid", f"a value has the unknown type {code}") from None

    def _scalar(self, kind: ValueType) -> int | float | bool:
        layout = SCALARS[kind]
        value: int | float = layout.unpack(self._take(layout.size))[0]
        if kind is ValueType.BOOL:
            if value not in (0, 1):
                raise self._bad("model-file-invalid", "a truth value in it is neither 0 nor 1")
            return value == 1
        return value

    def _check_count(self, what: str, count: int, limit: int, least_bytes: int) -> None:
        if count > limit:
            raise self._bad("model-file-oversized", f"it claims {count} {what}")
        if count * least_bytes > self._size - self._place:
            raise self._bad("model-file-truncated", f"it claims {count} {what}, more than its size allows")

    def _u32(self) -> int:
        value: int = _U32.unpack(self._take(4))[0]
        return value

    def _u64(self) -> int:
        value: int = _U64.unpack(self._take(8))[0]
        return value

    def _take(self, length: int) -> bytes:
        end = self._place + length
        if end > self._size:
            raise self._bad("model-file-truncated", "it ends in the middle of its description")
        if end > HEADER_MAX_BYTES:
            raise self._bad("model-file-oversized", "its description is too long")
        if end > len(self._data):
            self._data += self._file.read(end - len(self._data) + _READ_AHEAD_BYTES)
            if end > len(self._data):
                raise self._bad("model-file-truncated", "it became shorter while it was read")
        raw = bytes(memoryview(self._data)[self._place : end])
        self._place = end
        return raw

    def _bad(self, code: str, reason: str) -> ModelFileError:
        return ModelFileError(code, f"{self._name} is not a usable model file: {reason}.")


def _aligned(place: int, alignment: int) -> int:
    return (place + alignment - 1) // alignment * alignment
