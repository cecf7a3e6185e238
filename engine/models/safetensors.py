"""The safetensors container: a checked reader for one file.

Layout: 8 bytes little-endian header length, a JSON header, then the tensors back to back. Everything is
checked before it is looped over or allocated: a hostile header costs at most one parse of four megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.models.errors import ModelFileError
from engine.models.json_text import parse_object
from engine.models.tensors import ElementType, TensorEntry, TensorFile, file_size, tensor_size_bytes

HEADER_LIMIT_BYTES: Final = 4 << 20
"""Far above any published checkpoint of this family (about 50 KB), far below what would keep us waiting."""

_DTYPES: Final[Mapping[str, ElementType]] = {
    element.value: element for element in ElementType if element is not ElementType.I32
}
_FOREIGN_DTYPES: Final = frozenset(
    [
        "BOOL",
        "U8",
        "I16",
        "U16",
        "I32",
        "U32",
        "I64",
        "U64",
        "F64",
        "F8_E4M3",
        "F8_E5M2",
        "F8_E8M0",
        "F4",
        "C64",
    ]
)
_ENTRY_KEYS: Final = {"dtype", "shape", "data_offsets"}
_DIMENSIONS_MAX: Final = 8


def open_safetensors(path: Path) -> TensorFile:
    """Reads and checks the header of one file. Raises ModelFileError; the tensors themselves are not read."""
    size = file_size(path)
    if size < 10:
        raise _invalid(path, "truncated", "it is too short to be one")
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > size - 8:
                raise _invalid(path, "truncated", f"its header claims {length} bytes, the file has {size}")
            if length > HEADER_LIMIT_BYTES:
                raise _invalid(path, "oversized", f"its header claims {length} bytes")
            header = file.read(length)
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read: {error.strerror or error}."
        ) from error
    if len(header) != length or not header.startswith(b"{"):
        raise _invalid(path, "invalid", "its header is not JSON")
    raw = parse_object(header, path.name)
    _check_metadata(path, raw.pop("__metadata__", {}))
    start = 8 + length
    entries = sorted(
        (_read_entry(path, name, value, start) for name, value in raw.items()),
        key=lambda entry: (entry.offset_bytes, entry.size_bytes),
    )
    place = start
    for entry in entries:
        if entry.offset_bytes != place:
            raise _invalid(path, "invalid", f"{entry.name!r} leaves a hole or overlaps its neighbour")
        place += entry.size_bytes
    if place != size:
        raise _invalid(path, "truncated", f"its tensors end at byte {place}, the file at {size}")
    return TensorFile(path, {entry.name: entry for entry in entries})


def _check_metadata(path: Path, raw: object) -> None:
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise _invalid(path, "invalid", "its metadata is not a map of texts")


def _read_entry(path: Path, name: str, raw: object, start: int) -> TensorEntry:
    told = ascii(name[:80])
    if not name or len(name) > 255:
        raise _invalid(path, "invalid", f"{told} is not a tensor name")
    if not isinstance(raw, dict) or raw.keys() != _ENTRY_KEYS:
        raise _invalid(path, "invalid", f"{told} is not described by type, shape and place")
    dtype, shape, offsets = raw["dtype"], raw["shape"], raw["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        if isinstance(dtype, str) and dtype in _FOREIGN_DTYPES:
            raise ModelFileError(
                "model-tensor-type-unsupported",
                f"{told} in {path.name} has type {dtype}, which no weight has.",
            )
        raise _invalid(path, "invalid", f"{told} has an unknown type")
    lengths = _whole_numbers(shape)
    if lengths is None or len(lengths) > _DIMENSIONS_MAX or 0 in lengths:
        raise _invalid(path, "invalid", f"{told} has no valid shape")
    places = _whole_numbers(offsets)
    if places is None or len(places) != 2:
        raise _invalid(path, "invalid", f"{told} has no valid place")
    size = tensor_size_bytes(lengths, _DTYPES[dtype])
    if places[1] - places[0] != size:
        raise _invalid(path, "invalid", f"{told} has a shape of {size} bytes and a place of another size")
    return TensorEntry(name, _DTYPES[dtype], lengths, start + places[0], size)


def _whole_numbers(raw: object) -> tuple[int, ...] | None:
    if not isinstance(raw, list):
        return None
    # `True` is an int for Python, not for JSON.
    if not all(type(value) is int and 0 <= value < 1 << 63 for value in raw):
        return None
    return tuple(raw)


def _invalid(path: Path, kind: str, reason: str) -> ModelFileError:
    return ModelFileError(f"model-file-{kind}", f"{path.name} is not a valid safetensors file: {reason}.")
