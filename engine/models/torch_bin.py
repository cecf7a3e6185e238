"""The torch container (`pytorch_model….bin`), read without torch and without unpickling.

The tensors stay where they are: an archive entry is stored as it is, so a tensor is a place in the file like
any other and can be mapped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.models.archive import StoredEntry, invalid, read_archive
from engine.models.errors import ModelFileError
from engine.models.state_dict import StateDictError, read_state_dict
from engine.models.tensors import TensorEntry, TensorFile, tensor_size_bytes

TABLE_LIMIT_BYTES: Final = 1 << 20
"""About a hundred bytes per tensor; the whole 7B in one file would need 50 KB."""


def open_torch_bin(path: Path) -> TensorFile:
    """Reads and checks directory and table of one file. Raises ModelFileError; no tensor is read."""
    archive = read_archive(path)
    table = _read_entry(path, archive.get("data.pkl"), TABLE_LIMIT_BYTES)
    if "byteorder" in archive and _read_entry(path, archive["byteorder"], 16) != b"little":
        raise invalid(path, "invalid", "its numbers are not little-endian")
    try:
        tensors = read_state_dict(table)
    except StateDictError as error:
        raise ModelFileError("model-pickle-refused", f"{path.name} is refused: {error}.") from None
    entries: dict[str, TensorEntry] = {}
    for name, tensor in tensors.items():
        storage, width = tensor.storage, tensor.storage.element.size_bytes
        stored = archive.get(f"data/{storage.key}")
        if stored is None:
            raise invalid(path, "invalid", f"the storage of {name[:80]!a} is not in it")
        if stored.size_bytes != storage.elements * width:
            raise invalid(
                path,
                "invalid",
                f"the storage of {name[:80]!a} has {stored.size_bytes} bytes for {storage.elements} numbers",
            )
        entries[name] = TensorEntry(
            name,
            storage.element,
            tensor.shape,
            stored.offset_bytes + tensor.offset * width,
            tensor_size_bytes(tensor.shape, storage.element),
        )
    return TensorFile(path, entries)


def _read_entry(path: Path, entry: StoredEntry | None, limit_bytes: int) -> bytes:
    if entry is None:
        raise invalid(path, "invalid", "it has no table of tensors")
    if entry.size_bytes > limit_bytes:
        raise invalid(path, "oversized", f"{entry.name[:80]!a} has {entry.size_bytes} bytes")
    with path.open("rb") as file:
        file.seek(entry.offset_bytes)
        return file.read(entry.size_bytes)
