"""Hyperparameters of a `gla_swa` model, from a `config.json` or a converted file, and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.models import keys
from engine.models.errors import ModelFileError

_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "vocab_size": (1, 1 << 20),
    "hidden_size": (2, 1 << 16),
    "layers": (1, 256),
    "heads": (1, 1024),
    "kv_heads": (1, 1024),
    "head_dim": (2, 512),
    "intermediate_size": (1, 1 << 18),
    "gate_rank": (1, 4096),
    "sliding_window": (1, 1 << 20),
    "context_length": (1, 1 << 31),
    "conv_size": (1, 64),
}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of one model (spec 1.1). Sizes are counts of elements; `sliding_window` is in tokens.

    A spiking model (spec 2) has `spike_k` above 0, and its gate merged into one matrix.
    """

    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    intermediate_size: int
    sliding_window: int
    norm_eps: float = 1e-6
    rope_theta: float = 1_000_000.0
    gate_rank: int = 16
    gate_normalizer: float = 16.0
    use_short_conv: bool = False
    conv_size: int = 4
    context_length: int = 131_072
    merged_gate: bool = False
    spike_k: float = 0.0

    def __post_init__(self) -> None:
        for field, (low, high) in _LIMITS.items():
            if field != "head_dim" and not low <= getattr(self, field) <= high:
                raise bad_config(f"{field} is {getattr(self, field)}, which is outside {low} to {high}")
        if self.hidden_size % self.heads:
            raise bad_config(f"hidden_size {self.hidden_size} is not a multiple of {self.heads} heads")
        if self.heads % self.kv_heads:
            raise bad_config(f"{self.heads} heads cannot share {self.kv_heads} key/value heads evenly")
        low, high = _LIMITS["head_dim"]
        if not low <= self.head_dim <= high or self.head_dim % 2:
            raise bad_config(f"a head size of {self.head_dim} is not an even number within {low} to {high}")
        if self.use_short_conv and self.conv_size < 2:
            raise bad_config("conv_size must be at least 2 where the short convolution is used")
        for field, value, least, most in (
            ("norm_eps", self.norm_eps, 1e-12, 1e-1),
            ("rope_theta", self.rope_theta, 1.0, 1e12),
            ("gate_normalizer", self.gate_normalizer, 1e-3, 1e6),
            ("spike_k", self.spike_k, 0.0, 1024.0),
        ):
            if not math.isfinite(value) or not least <= value <= most:
                raise bad_config(f"{field} is {value}, which is outside {least} to {most}")

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.heads

    @property
    def kv_dim(self) -> int:
        return self.kv_heads * self.head_dim

    @property
    def attn_layers(self) -> tuple[int, ...]:
        """Sliding-window layers: every odd index, whatever a `config.json` lists (spec 1.1)."""
        return tuple(range(1, self.layers, 2))

    def is_attention(self, layer: int) -> bool:
        return layer % 2 == 1

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> ModelConfig:
        """Takes a parsed `config.json`. Raises ModelFileError for another model or bad values."""
        model_type = raw.get("model_type")
        if model_type != keys.ARCHITECTURE:
            raise _other_model("checkpoint", model_type)
        if raw.get("tie_word_embeddings", False) is not False:
            raise bad_config(
                "tie_word_embeddings is set, but models of this family have their own output matrix"
            )
        if raw.get("hidden_act", "swish") not in ("swish", "silu"):
            raise bad_config(f"the activation {raw.get('hidden_act')!r} is not swish")
        numbers = Numbers(raw, "config.json")
        return cls(
            vocab_size=numbers.whole("vocab_size"),
            hidden_size=numbers.whole("hidden_size"),
            layers=numbers.whole("num_hidden_layers"),
            heads=numbers.whole("num_attention_heads"),
            kv_heads=numbers.whole("num_key_value_heads"),
            intermediate_size=numbers.whole("intermediate_size"),
            sliding_window=numbers.whole("sliding_window"),
            norm_eps=numbers.real("norm_eps", 1e-6),
            rope_theta=numbers.real("rope_theta", 1_000_000.0),
            gate_rank=numbers.whole("gate_low_rank_dim", 16),
            gate_normalizer=numbers.real("gate_logit_normalizer", 16.0),
            use_short_conv=numbers.flag("use_short_conv", False),
            conv_size=numbers.whole("conv_size", 4),
            context_length=numbers.whole("max_position_embeddings", 131_072),
        )

    @classmethod
    def from_metadata(cls, raw: Mapping[str, object]) -> ModelConfig:
        """Takes a converted file's key/value pairs. Raises ModelFileError for another model or bad values."""
        architecture = raw.get(keys.GENERAL_ARCHITECTURE)
        if architecture != keys.ARCHITECTURE:
            raise _other_model("file", architecture)
        numbers = Numbers(raw, "the model file")
        return cls(
            vocab_size=numbers.whole(keys.VOCAB_SIZE),
            hidden_size=numbers.whole(keys.EMBEDDING_LENGTH),
            layers=numbers.whole(keys.BLOCK_COUNT),
            heads=numbers.whole(keys.HEAD_COUNT),
            kv_heads=numbers.whole(keys.HEAD_COUNT_KV),
            intermediate_size=numbers.whole(keys.FEED_FORWARD_LENGTH),
            sliding_window=numbers.whole(keys.SLIDING_WINDOW),
            norm_eps=numbers.real(keys.NORM_EPSILON),
            rope_theta=numbers.real(keys.ROPE_FREQ_BASE),
            gate_rank=numbers.whole(keys.GATE_RANK),
            gate_normalizer=numbers.real(keys.GATE_NORMALIZER),
            use_short_conv=numbers.flag(keys.SHORT_CONV, False),
            conv_size=numbers.whole(keys.CONV_SIZE, 4),
            merged_gate=numbers.flag(keys.MERGED_GATE, False),
            spike_k=numbers.real(keys.SPIKE_K, 0.0),
            context_length=numbers.whole(keys.CONTEXT_LENGTH),
        )


class Numbers:
    """Reads typed values out of an untyped mapping; a wrong type is told with the key and its origin."""

    def __init__(self, raw: Mapping[str, object], origin: str) -> None:
        self._raw = raw
        self._origin = origin

    def whole(self, key: str, default: int | None = None) -> int:
        value = self._raw.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad_config(f"{key} in {self._origin} is missing or not a whole number")
        return value

    def real(self, key: str, default: float | None = None) -> float:
        value = self._raw.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
            raise bad_config(f"{key} in {self._origin} is missing or not a number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self._raw.get(key, default)
        if not isinstance(value, bool):
            raise bad_config(f"{key} in {self._origin} is not true or false")
        return value


def bad_config(reason: str) -> ModelFileError:
    return ModelFileError("model-config-invalid", f"The model's configuration is not usable: {reason}.")


def _other_model(container: str, architecture: object) -> ModelFileError:
    told = repr(architecture)[:80]
    return ModelFileError(
        "model-architecture-unknown", f"This {container} holds a {told} model; only gla_swa models run here."
    )
