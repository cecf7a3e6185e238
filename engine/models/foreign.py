"""GGUF files of other makers, for another engine than ours: what their fronts say, nothing of it trusted.

Their tokenizers lie in arrays of hundreds of thousands of texts and their weights in formats that we do not
read, so this reader skips both. Every count and length is checked against the bytes that are left.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from engine.models.errors import ModelFileError
from engine.models.gguf import KEY_MAX_BYTES, MAGIC, PAIRS_MAX, SCALARS, TENSORS_MAX, VERSION, ValueType
from engine.models.tensors import file_size

ENGINE_PACKAGE: Final = "llama_cpp"
FORMAT: Final = "gguf"
"""What such a file is kept as: as it is."""
GROWS: Final = "transformer: memory grows with length"
_VERSIONS: Final = (2, VERSION)
_TEXT_MAX_BYTES: Final = 1 << 20
_ELEMENTS_MAX: Final = 1 << 24
"""Texts over all arrays of a file: sixteen times the largest vocabulary there is."""
_DIMENSIONS_MAX: Final = 4
_HALF_BYTES: Final = 2
_FRONT_BYTES: Final = 16 << 20
_SAMPLE_BYTES: Final = 64 << 10
_SAMPLES: Final = 64


@dataclass(frozen=True, slots=True)
class ForeignFacts:
    """`token_bytes` is what a transformer of this shape keeps of every token, in half precision; 0 where the
    file does not tell."""

    name: str
    architecture: str
    licence: str
    parameters: int
    size_bytes: int
    layers: int
    context_tok: int
    token_bytes: int

    @property
    def note(self) -> str:
        """What a person must know of it, in English."""
        return GROWS if self.token_bytes else ""


def is_engine_installed() -> bool:
    """Whether the library that computes such models is there, without loading anything of it."""
    return importlib.util.find_spec(ENGINE_PACKAGE) is not None


def engine_missing(name: str) -> ModelFileError:
    """What to say and to type where it is not."""
    return ModelFileError(
        "backend-missing",
        f"{name} is a model for llama.cpp, which is not installed here. Type:  pip install 'huisclos[gguf]'",
    )


def read_foreign(path: Path) -> ForeignFacts:
    """Raises ModelFileError for a file that is not what it claims, or cannot be read."""
    size_bytes = file_size(path)
    try:
        with path.open("rb") as file:
            pairs, parameters = _Front(path.name, file, size_bytes).read()
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read: {error.strerror or error}."
        ) from error
    architecture = _text(pairs, "general.architecture")

    def number(key: str, default: int = 0) -> int:
        value = pairs.get(f"{architecture}.{key}")
        return value if type(value) is int and 0 <= value < 1 << 32 else default

    heads, layers = number("attention.head_count"), number("block_count")
    head_size = number("embedding_length") // heads if heads else 0
    kept = number("attention.key_length", head_size) + number("attention.value_length", head_size)
    return ForeignFacts(
        name=_text(pairs, "general.name") or path.stem,
        architecture=architecture,
        licence=_text(pairs, "general.license"),
        parameters=parameters,
        size_bytes=size_bytes,
        layers=layers,
        context_tok=number("context_length"),
        token_bytes=layers * number("attention.head_count_kv", heads) * kept * _HALF_BYTES,
    )


def identity_of(path: Path) -> str:
    """What readings of the model are bound to: a digest of its size, front and end and of samples between, so
    that many gigabytes open at once. Raises OSError."""
    size_bytes = path.stat().st_size
    digest = hashlib.sha256(f"{size_bytes}\n".encode())
    with path.open("rb") as file:
        digest.update(file.read(_FRONT_BYTES))
        step = max(_SAMPLE_BYTES, (size_bytes - _FRONT_BYTES) // _SAMPLES)
        for place in range(_FRONT_BYTES, size_bytes, step):
            file.seek(place)
            digest.update(file.read(_SAMPLE_BYTES))
        file.seek(max(0, size_bytes - _SAMPLE_BYTES))
        digest.update(file.read())
    return digest.hexdigest()


def _text(pairs: dict[str, str | int], key: str) -> str:
    value = pairs.get(key, "")
    return "".join(c for c in value if c.isprintable()).strip()[:200] if isinstance(value, str) else ""


class _Front:
    """One pass over the front of a file, buffered by the file itself."""

    def __init__(self, name: str, file: BinaryIO, size_bytes: int) -> None:
        self._name = name
        self._file = file
        self._left = size_bytes
        self._elements = 0

    def read(self) -> tuple[dict[str, str | int], int]:
        """Texts and whole numbers among the pairs, and the count of all weights."""
        if self._left < len(MAGIC) or self._take(len(MAGIC)) != MAGIC:
            raise self._bad("model-file-invalid", "it does not start like one")
        if self._number("<I") not in _VERSIONS:
            raise self._bad("model-file-version", "it has a version that nobody reads any more, or not yet")
        tensors, count = self._number("<Q"), self._number("<Q")
        if count > PAIRS_MAX or tensors > TENSORS_MAX:
            raise self._bad("model-file-oversized", f"it claims {count} pairs and {tensors} tensors")
        pairs: dict[str, str | int] = {}
        for _ in range(count):
            key = self._string(KEY_MAX_BYTES)
            value = self._value(self._kind())
            if value is not None:
                pairs[key] = value
        parameters = 0
        for _ in range(tensors):
            self._string(KEY_MAX_BYTES)
            dimensions = self._number("<I")
            if not 1 <= dimensions <= _DIMENSIONS_MAX:
                raise self._bad("model-file-invalid", f"a tensor has {dimensions} dimensions")
            parameters += math.prod(self._number("<Q") for _ in range(dimensions))
            self._take(4 + 8)
            if parameters >= 1 << 53:
                raise self._bad("model-file-invalid", "its tensors are larger than any file can be")
        return pairs, parameters

    def _value(self, kind: ValueType) -> str | int | None:
        if kind is ValueType.STRING:
            return self._string(_TEXT_MAX_BYTES)
        if kind is ValueType.ARRAY:
            self._skip_array()
            return None
        value: int | float = SCALARS[kind].unpack(self._take(SCALARS[kind].size))[0]
        return value if type(value) is int else None

    def _skip_array(self) -> None:
        kind, count = self._kind(), self._number("<Q")
        if kind is ValueType.ARRAY:
            raise self._bad("model-file-invalid", "an array in it holds arrays")
        if kind is not ValueType.STRING:
            self._skip(count * SCALARS[kind].size)
            return
        self._elements += count
        if self._elements > _ELEMENTS_MAX or count * 8 > self._left:
            raise self._bad("model-file-oversized", f"it claims an array of {count} texts")
        for _ in range(count):
            self._skip(self._number("<Q"))

    def _kind(self) -> ValueType:
        code = self._number("<I")
        try:
            return ValueType(code)
        except ValueError:
            raise self._bad("model-file-invalid", f"a value has the unknown type {code}") from None

    def _string(self, limit_bytes: int) -> str:
        length = self._number("<Q")
        if length > limit_bytes:
            raise self._bad("model-file-oversized", f"a text claims {length} bytes")
        return self._take(length).decode("utf-8", "replace")

    def _number(self, layout: str) -> int:
        value: int = struct.unpack(layout, self._take(struct.calcsize(layout)))[0]
        return value

    def _take(self, length: int) -> bytes:
        self._spend(length)
        data = self._file.read(length)
        if len(data) != length:
            raise self._bad("model-file-truncated", "it became shorter while it was read")
        return data

    def _skip(self, length: int) -> None:
        self._spend(length)
        self._file.seek(length, os.SEEK_CUR)

    def _spend(self, length: int) -> None:
        if length > self._left:
            raise self._bad("model-file-truncated", "it ends in the middle of its description")
        self._left -= length

    def _bad(self, code: str, reason: str) -> ModelFileError:
        return ModelFileError(code, f"{self._name} is no usable model file: {reason}.")
