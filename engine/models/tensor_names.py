"""Which tensors a model of a given shape has, and which of them are quantised (spec 1.2, 1.5)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.models import keys
from engine.models.config import ModelConfig

EXPERT_PART: Final = ".mlp.experts."
"""Found in the name of every tensor of a routed expert."""


@dataclass(frozen=True, slots=True)
class ExpectedTensor:
    """One tensor by its published name; `quantised` says whether the q8 and q4 formats store it as codes,
    `coded` whether a spiking checkpoint has scales for it (spec 2.1)."""

    name: str
    shape: tuple[int, ...]
    quantised: bool = False
    coded: bool = False

    @property
    def stays_float(self) -> bool:
        """Coded, but computed as a float unless asked otherwise (spec 2.4)."""
        return self.coded and self.name.endswith(keys.DOWN_SUFFIX)

    @property
    def is_expert(self) -> bool:
        """One of a routed expert's: touched only when a token chose that expert."""
        return EXPERT_PART in self.name

    @property
    def groups(self) -> int:
        """Groups of inputs of a matrix, each with a scale of its own."""
        return -(-self.shape[1] // keys.QUANT_GROUP)


def expected_tensors(config: ModelConfig) -> Iterator[ExpectedTensor]:
    """All tensors of the model in the order a converted file stores them."""
    hidden, kv, mlp = config.hidden_size, config.kv_dim, config.intermediate_size
    coded = config.spike_k > 0
    yield ExpectedTensor(keys.EMBEDDINGS, (config.vocab_size, hidden), True)
    for layer in range(config.layers):
        prefix = f"model.layers.{layer}."
        yield ExpectedTensor(prefix + "attn_norm.weight", (hidden,))
        for name, rows in (("q", hidden), ("k", kv), ("v", kv)):
            yield ExpectedTensor(f"{prefix}attn.{name}_proj.weight", (rows, hidden), True, coded)
            yield ExpectedTensor(f"{prefix}attn.{name}_proj.bias", (rows,))
            if config.use_short_conv and not config.is_attention(layer):
                yield ExpectedTensor(f"{prefix}attn.{name}_conv1d.weight", (rows, 1, config.conv_size))
        yield ExpectedTensor(prefix + "attn.o_proj.weight", (hidden, hidden), True, coded)
        if not config.is_attention(layer):
            if config.merged_gate:
                yield ExpectedTensor(prefix + "attn.gk_proj.weight", (kv, hidden), True, coded)
                yield ExpectedTensor(prefix + "attn.gk_proj.bias", (kv,))
            else:
                yield ExpectedTensor(prefix + "attn.gk_proj.0.weight", (config.gate_rank, hidden))
                yield ExpectedTensor(prefix + "attn.gk_proj.1.weight", (kv, config.gate_rank))
                yield ExpectedTensor(prefix + "attn.gk_proj.1.bias", (kv,))
            yield ExpectedTensor(prefix + "attn.g_norm.weight", (config.head_dim,))
        yield ExpectedTensor(prefix + "mlp_norm.weight", (hidden,))
        yield ExpectedTensor(prefix + "mlp.gate_proj.weight", (mlp, hidden), True, coded)
        yield ExpectedTensor(prefix + "mlp.up_proj.weight", (mlp, hidden), True, coded)
        yield ExpectedTensor(prefix + "mlp.down_proj.weight", (hidden, mlp), True, coded)
    yield ExpectedTensor(keys.FINAL_NORM, (hidden,))
    yield ExpectedTensor(keys.LM_HEAD, (config.vocab_size, hidden), True)


def parameter_count(config: ModelConfig) -> int:
    """Weights of the whole model, a quantised matrix counted by the numbers it stands for."""
    return weight_count(expected_tensors(config))


def weight_count(tensors: Iterable[ExpectedTensor]) -> int:
    """Numbers in all these tensors together."""
    return sum(math.prod(tensor.shape) for tensor in tensors)
