"""The shape that both engines are given, and what one token of it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.models import keys
from engine.models.config import ModelConfig
from engine.models.convert import file_plan
from engine.models.encoding import FloatFormat
from engine.models.tensor_names import expected_tensors
from tests.fixtures.model_files import small_config
from tests.fixtures.random_model import PUBLISHED_7B

TINY = small_config(
    vocab_size=512, hidden_size=256, layers=4, heads=2, kv_heads=1, intermediate_size=512, sliding_window=64
)
"""For testing the measurement itself."""
HUNDRED_M = ModelConfig(
    vocab_size=8192,
    hidden_size=768,
    layers=12,
    heads=6,
    kv_heads=2,
    intermediate_size=3072,
    sliding_window=1024,
)
"""About 100 M parameters, for a million tokens."""

__all__ = ["HUNDRED_M", "PUBLISHED_7B", "TINY", "Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """`config` is cut to the layers that are measured; `layers` are those of the whole model."""

    config: ModelConfig
    layers: int

    @classmethod
    def of(cls, config: ModelConfig, measured_layers: int) -> Shape:
        return cls(replace(config, layers=measured_layers), config.layers)

    @property
    def is_whole(self) -> bool:
        return self.config.layers == self.layers

    def whole_s(self, taken_s: float, head_s: float) -> float:
        """What all layers take, when those measured and the output matrix take `taken_s`, and the output
        matrix alone `head_s` of it."""
        return (taken_s - head_s) * self.layers / self.config.layers + head_s

    @property
    def layer_weights(self) -> int:
        """Weights of the linear layers, the output matrix not counted."""
        return sum(
            tensor.shape[0] * tensor.shape[1]
            for tensor in expected_tensors(self.config)
            if len(tensor.shape) == 2 and tensor.name not in (keys.EMBEDDINGS, keys.LM_HEAD)
        )

    @property
    def head_weights(self) -> int:
        return self.config.vocab_size * self.config.hidden_size

    def products(self, tokens: int, sampled: int) -> int:
        """Multiply-adds of the linear layers for so many tokens, of which `sampled` get logits."""
        return self.layer_weights * tokens + self.head_weights * sampled

    def read_bytes(self, form: FloatFormat) -> int:
        """What one decoded token reads of the weights: all but the embeddings, of which it reads a row."""
        plan = file_plan(self.config, form)
        row = sum(tensor.size_bytes for tensor in plan if tensor.name.startswith(keys.EMBEDDINGS))
        whole = sum(tensor.size_bytes for tensor in plan)
        return whole - row + row // self.config.vocab_size
