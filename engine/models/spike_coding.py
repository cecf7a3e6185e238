"""Whether a model's inputs are coded as spikes, and how: what it was made for, what is asked of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from engine.models.architectures.contract import Shape
from engine.models.errors import ModelError
from engine.models.facts import SPIKES_K_MAX, ModelFacts
from engine.models.spike_codes import Reading

REFUSED: Final = "spikes-impossible"


class SpikeCodingError(ModelError, ValueError):
    """The model cannot run with the coding that was asked for."""

    def __init__(self, message: str) -> None:
        ModelError.__init__(self, REFUSED, message)


@dataclass(frozen=True, slots=True)
class SpikeCoding:
    """How inputs are coded: thresholds are mean|x| / `k` (0: not at all); `down`: that of down_proj too.

    `reading` is how the weights of a spiking checkpoint become codes (spec 2.6); f32 for any other model.
    """

    k: float = 0.0
    down: bool = False
    reading: Reading = "f32"

    def __post_init__(self) -> None:
        if not 0 <= self.k <= SPIKES_K_MAX:
            raise SpikeCodingError(f"spike_k must be 0 (off) or up to {SPIKES_K_MAX}, not {self.k}")
        if self.down and not self.k:
            raise SpikeCodingError("a spiking down_proj needs spike coding")


def own_coding(config: Shape, facts: ModelFacts, reading: Reading = "f32") -> SpikeCoding:
    """What the model was made for: the published coding of a spiking one, what its facts say of another."""
    return SpikeCoding(config.spike_k, False, reading) if config.spike_k else SpikeCoding(facts.spikes_k)


def choose_coding(
    config: Shape, own: SpikeCoding, k: float | None, down: bool, reading: Reading | None
) -> SpikeCoding:
    """`own` but for what is asked. Raises SpikeCodingError for a coding that the model cannot do."""
    chosen = SpikeCoding(own.k if k is None else k, down, own.reading if reading is None else reading)
    if config.spike_k and not chosen.k:
        raise SpikeCodingError("a spiking model's inputs are always coded")
    if not config.spike_k and chosen.reading != "f32":
        raise SpikeCodingError("only the weights of a spiking checkpoint can be read as bf16")
    return chosen


def bind_identity(identity: str, coding: SpikeCoding, own: SpikeCoding) -> str:
    """The identity readings are bound to: a model that runs as it was made to keeps its own.

    Anything else is another model to a reading, which must never be continued by the other.
    """
    if coding == own:
        return identity
    told = f"{identity};spikes={coding.k!r},{coding.down:d},{coding.reading}"
    return hashlib.sha256(told.encode()).hexdigest()
