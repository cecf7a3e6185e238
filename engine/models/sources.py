"""What a path holds, told by content: the one place that decides what can be taken in or loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from engine.models import keys
from engine.models.architectures import ARCHITECTURES
from engine.models.errors import ModelFileError
from engine.models.gguf import MAGIC, peek_text
from engine.models.tensors import file_size

Kind = Literal["checkpoint", "file", "foreign"]

_ZIP: Final = b"PK\x03\x04"
_WEIGHT_SUFFIXES: Final = (".safetensors", ".bin")
_CHECKPOINT_FILES: Final = ("config.json", "model.safetensors.index.json", "pytorch_model.bin.index.json")


@dataclass(frozen=True, slots=True)
class Source:
    """`path` is a checkpoint's folder, or one model file of the named architecture; a foreign one is for
    another engine than ours."""

    kind: Kind
    path: Path
    architecture: str = ""


def sniff(path: Path) -> Source:
    """Looks at a few bytes. A shard or a configuration stands for its folder, a folder with one model file
    for that file. Raises ModelFileError `model-source-unknown` for anything else."""
    if path.is_dir():
        return _folder(path)
    front = _front(path)
    if front.startswith(MAGIC):
        return _file(path)
    is_shard = path.suffix in _WEIGHT_SUFFIXES and (front.startswith(_ZIP) or front[8:9] == b"{")
    if is_shard or path.name in _CHECKPOINT_FILES:
        return _folder(path.absolute().parent)
    raise _unknown(path, "it is neither a model file (GGUF) nor part of a checkpoint")


def _folder(folder: Path) -> Source:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise _unknown(folder, error.strerror or str(error)) from error
    if "config.json" in names:
        return Source("checkpoint", folder)
    files = [name for name in names if name.endswith(".gguf")]
    if len(files) == 1:
        return _file(folder / files[0])
    if any(name.endswith(_WEIGHT_SUFFIXES) for name in names):
        raise ModelFileError("checkpoint-incomplete", f"{folder.name} has weights but no config.json.")
    told = "it holds several model files; choose one" if files else "it holds no config.json and no weights"
    raise _unknown(folder, told)


def is_gguf(path: Path) -> bool:
    """Whether it is a file that starts like a GGUF model. Never raises."""
    try:
        return _front(path).startswith(MAGIC)
    except ModelFileError:
        return False


def _file(path: Path) -> Source:
    architecture = peek_text(path, keys.GENERAL_ARCHITECTURE)
    known = [one.name for one in ARCHITECTURES]
    return Source("file" if architecture in known else "foreign", path, architecture)


def _front(path: Path) -> bytes:
    file_size(path)  # refuses a pipe, which would keep us waiting for ever
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read: {error.strerror or error}."
        ) from error


def _unknown(path: Path, reason: str) -> ModelFileError:
    return ModelFileError("model-source-unknown", f"{path.name} is no model: {reason}.")
