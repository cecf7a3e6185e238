"""The weights of a checkpoint folder: one file, or shards with an index, in either published container."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models.errors import ModelFileError
from engine.models.json_text import read_object
from engine.models.safetensors import open_safetensors
from engine.models.tensors import TensorEntry, TensorFile
from engine.models.torch_bin import open_torch_bin

INDEX_LIMIT_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class _Container:
    stem: str
    suffix: str
    index: str
    open_file: Callable[[Path], TensorFile]


_CONTAINERS: Final = (
    # Where a folder holds both, this one: it has nothing that could run.
    _Container("model", ".safetensors", "model.safetensors.index.json", open_safetensors),
    _Container("pytorch_model", ".bin", "pytorch_model.bin.index.json", open_torch_bin),
)
_NUMBERED: Final = re.compile(r"-(\d{1,5})-of-(\d{1,5})")


class WeightFolder:
    """All tensors of a checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelFileError when the folder has no weights, a shard is missing, or index and shards
        disagree."""
        self._files: list[TensorFile] = []
        self._owner: dict[str, TensorFile] = {}
        for container in _CONTAINERS:
            index = folder / container.index
            if index.exists():
                self._open_indexed(folder, container, read_object(index, limit_bytes=INDEX_LIMIT_BYTES))
                return
            names = _unindexed(folder, container)
            if names:
                self._open(folder, container, names)
                return
        raise ModelFileError(
            "checkpoint-incomplete", f"{folder.name} holds neither model.safetensors nor pytorch_model.bin."
        )

    @property
    def entries(self) -> Mapping[str, TensorEntry]:
        return {name: file.entries[name] for name, file in self._owner.items()}

    def shard_of(self, name: str) -> str:
        """The file name of the shard that holds a tensor."""
        return self._owner[name].path.name

    def path_of(self, name: str) -> Path:
        """The shard that holds a tensor."""
        return self._owner[name].path

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

    def _open_indexed(self, folder: Path, container: _Container, index: dict[str, object]) -> None:
        places = index.get("weight_map")
        if not isinstance(places, dict) or not places:
            raise ModelFileError("model-json-invalid", f"{container.index} has no weight_map.")
        names = sorted({str(shard) for shard in places.values()})
        for name in names:
            # An index must not lead out of its folder.
            plain = Path(name).name == name and name.isprintable() and "\\" not in name
            if not plain or not name.endswith(container.suffix):
                raise ModelFileError(
                    "model-json-invalid", f"{container.index} names a shard outside its folder."
                )
        self._open(folder, container, names)
        if self._owner.keys() != places.keys() or any(
            self._owner[name].path.name != shard for name, shard in places.items()
        ):
            raise ModelFileError(
                "checkpoint-incomplete", f"{container.index} and its shards list different tensors."
            )

    def _open(self, folder: Path, container: _Container, names: Iterable[str]) -> None:
        for shard in names:
            file = container.open_file(folder / shard)
            for name in file.entries:
                if name in self._owner:
                    raise ModelFileError(
                        "model-tensor-duplicate",
                        f"{self._owner[name].path.name} and {file.path.name} both hold {name[:80]!a}.",
                    )
                self._owner[name] = file
            self._files.append(file)


def _unindexed(folder: Path, container: _Container) -> list[str]:
    """The one file, or all shards `STEM-00001-of-00015…`; empty when there is neither."""
    single = container.stem + container.suffix
    if (folder / single).exists():
        return [single]
    names = sorted(path.name for path in folder.glob(f"{container.stem}-*{container.suffix}"))
    counts: set[int] = set()
    ranks: list[int] = []
    for name in names:
        numbers = _NUMBERED.fullmatch(name[len(container.stem) : len(name) - len(container.suffix)])
        if numbers is None:
            raise ModelFileError("checkpoint-incomplete", f"{name[:80]!a} is not a shard's name.")
        ranks.append(int(numbers[1]))
        counts.add(int(numbers[2]))
    if not names:
        return []
    missing = sorted(set(range(1, max(counts) + 1)) - set(ranks))
    if len(counts) > 1 or missing or len(ranks) != max(counts):
        told = "its shards are of two sets"
        if missing:
            lost = f"{container.stem}-{missing[0]:05d}-of-{max(counts):05d}{container.suffix}"
            told = f"shard {missing[0]} of {max(counts)} is missing ({lost})"
        raise ModelFileError("checkpoint-incomplete", f"{folder.name} is not complete: {told}.")
    return names
