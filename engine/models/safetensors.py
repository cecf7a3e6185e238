"""The safetensors container: a checked reader for one file or for shards with an index.

Layout: 8 bytes little-endian header length, a JSON header, then the tensors back to back. Everything is
checked before it is looped over or allocated: a hostile header costs at most one parse of four megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models.errors import ModelFileError
from engine.models.json_text import parse_object, read_object
from engine.models.tensors import ElementType, TensorEntry, TensorFile, file_size, tensor_size_bytes

HEADER_LIMIT_BYTES: Final = 4 << 20
"""Far above any published checkpoint of this family (about 50 KB), far below what would keep us waiting."""

INDEX_NAME: Final = "model.safetensors.index.json"
SINGLE_NAME: Final = "model.safetensors"

_DTYPES: Final[Mapping[str, ElementType]] = {element.value: element for element in ElementType}
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


class SafetensorsFolder:
    """All tensors of a checkpoint folder: one `model.safetensors`, or the shards that the index lists."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelFileError when the folder has no safetensors, or index and shards disagree."""
        self._files: list[TensorFile] = []
        self._owner: dict[str, TensorFile] = {}
        index = folder / INDEX_NAME
        if index.exists():
            self._open_shards(folder, read_object(index, limit_bytes=HEADER_LIMIT_BYTES))
        elif (folder / SINGLE_NAME).exists():
            self._add(open_safetensors(folder / SINGLE_NAME))
        elif any(folder.glob("*.bin")):
            raise ModelFileError(
                "checkpoint-container-unsupported",
                f"{folder.name} holds torch .bin weights; only safetensors checkpoints can be read so far.",
            )
        else:
            raise ModelFileError("checkpoint-incomplete", f"{folder.name} holds no model.safetensors.")

    @property
    def entries(self) -> Mapping[str, TensorEntry]:
        return {name: file.entries[name] for name, file in self._owner.items()}

    @property
    def size_bytes(self) -> int:
        return sum(entry.size_bytes for file in self._files for entry in file.entries.values())

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(file.path for file in self._files)

    def read_rows(self, name: str, start: int, stop: int) -> NDArray[np.generic]:
        return self._owner[name].read_rows(name, start, stop)

    def map_tensor(self, name: str) -> NDArray[np.generic]:
        return self._owner[name].map_tensor(name)

    def close(self) -> None:
        for file in self._files:
            file.close()

    def _open_shards(self, folder: Path, index: dict[str, object]) -> None:
        places = index.get("weight_map")
        if not isinstance(places, dict) or not places:
            raise ModelFileError("model-json-invalid", f"{INDEX_NAME} has no weight_map.")
        for shard in sorted({str(shard) for shard in places.values()}):
            # An index must not lead out of its folder.
            if Path(shard).name != shard or "\\" in shard or not shard.endswith(".safetensors"):
                raise ModelFileError("model-json-invalid", f"{INDEX_NAME} names a shard outside its folder.")
            self._add(open_safetensors(folder / shard))
        if self._owner.keys() != places.keys() or any(
            self._owner[name].path.name != shard for name, shard in places.items()
        ):
            raise ModelFileError(
                "checkpoint-incomplete", f"{INDEX_NAME} and its shards list different tensors."
            )

    def _add(self, file: TensorFile) -> None:
        for name in file.entries:
            if name in self._owner:
                raise ModelFileError("model-tensor-duplicate", f"Two shards both hold {name[:80]!a}.")
            self._owner[name] = file
        self._files.append(file)


def _invalid(path: Path, kind: str, reason: str) -> ModelFileError:
    return ModelFileError(f"model-file-{kind}", f"{path.name} is not a valid safetensors file: {reason}.")
