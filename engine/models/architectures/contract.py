"""What reading, converting and checking ask of an architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from engine.models.gguf import MetadataValue
from engine.models.tensor_names import ExpectedTensor
from engine.native_config import NativeConfig


class Shape(Protocol):
    """What every architecture's configuration tells: a frozen value whose `repr` names all of it."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def hidden_size(self) -> int: ...

    @property
    def layers(self) -> int: ...

    @property
    def sliding_window(self) -> int: ...

    @property
    def context_length(self) -> int: ...

    @property
    def spike_k(self) -> float:
        """Above 0 for a checkpoint whose projections come with scales of their own (spec 2)."""


class Architecture(Protocol):
    """One per file of this folder. `Shape` arguments are values that this architecture made itself."""

    @property
    def name(self) -> str:
        """`model_type` of a `config.json` and `general.architecture` of a file."""

    @property
    def note(self) -> str:
        """What a person must know of it ("unverified"), in English; empty for most."""

    @property
    def note_fr(self) -> str:
        """The same in French."""

    def from_json(self, raw: Mapping[str, object], names: Iterable[str]) -> Shape:
        """From a parsed `config.json` and the names of the tensors beside it. Raises ModelFileError."""

    def from_metadata(self, metadata: Mapping[str, object]) -> Shape:
        """From a converted file. Raises ModelFileError."""

    def to_metadata(self, shape: Any) -> dict[str, MetadataValue]:
        """What `from_metadata` needs."""

    def tensors(self, shape: Any) -> Iterator[ExpectedTensor]:
        """All tensors in the order of a converted file."""

    def native(self, shape: Any, spike_k: float, spike_down: bool) -> NativeConfig:
        """The same shape in the kernels' words, its inputs coded as spikes where `spike_k` is above 0."""

    def kept_elements_per_token(self, shape: Any) -> int:
        """How many keys' and values' elements a reading keeps of every token for ever; 0 where its memory has
        an end."""
