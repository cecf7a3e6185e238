"""What is kept beside an added model: where it came from, byte for byte, and what was measured of it here.

``manifest.json`` in the model's folder, in clear like the model itself: it names no dossier, and of the
source only the last folder's name.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import msgspec

MANIFEST = "manifest.json"
OLD_MANIFEST = "model.toml"
_MAX_BYTES = 1 << 20


class SourceShard(msgspec.Struct, frozen=True):
    """A file of the source as it was read."""

    name: str
    size_bytes: int
    sha256: str


class MeasuredSpeed(msgspec.Struct, frozen=True):
    """What a short run on this machine gave. ``tok_per_character`` is that of ordinary words.

    A reading took ``kv_bytes_per_token`` more memory with every token (0: its memory has an end) and could
    hold ``max_context_tok`` (0: without end).
    """

    prefill_tok_per_s: float = 0.0
    decode_tok_per_s: float = 0.0
    tok_per_character: float = 0.0
    state_bytes: int = 0
    threads: int = 0
    isa: str = ""
    kv_bytes_per_token: int = 0
    max_context_tok: int = 0


class ModelManifest(msgspec.Struct, frozen=True):
    """Unknown fields are passed over, so that a newer manifest can be read."""

    name: str = ""
    label_en: str = ""
    label_fr: str = ""
    format: str = ""
    architecture: str = ""
    note: str = ""
    parameters: int = 0
    size_bytes: int = 0
    identity: str = ""
    content_sha256: str = ""
    sha256: str = ""
    licence: str = ""
    source: str = ""
    origin: str = ""
    reading: str = ""
    reader: bool = False
    shards: tuple[SourceShard, ...] = ()
    converter: str = ""
    added_utc: str = ""
    taken_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    speed: MeasuredSpeed = MeasuredSpeed()


def read_manifest(folder: Path) -> ModelManifest | None:
    """The manifest of a model's folder, also one of the older form; None when none can be read."""
    try:
        return msgspec.json.decode(_read(folder / MANIFEST), type=ModelManifest)
    except FileNotFoundError:
        pass
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None
    return read_old_manifest(folder / OLD_MANIFEST)


def read_old_manifest(path: Path) -> ModelManifest | None:
    """A TOML manifest, as the first version wrote them."""
    try:
        return msgspec.convert(tomllib.loads(_read(path).decode("utf-8")), ModelManifest)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return None


def write_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Durably, in place of an older one. Raises OSError."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    temporary = folder / f"{MANIFEST}.part"
    with temporary.open("wb") as file:
        file.write(data + b"\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES)
