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
class LayerWeights:
    """Of one layer's matrices: those that mix tokens, and those behind them."""

    mixer: int
    behind: int


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

    @property
    def whole(self) -> Shape:
        return Shape(replace(self.config, layers=self.layers), self.layers)

    @property
    def head_weights(self) -> int:
        return self.config.vocab_size * self.config.hidden_size

    def products(self, tokens: int, sampled: int) -> int:
        """Multiply-adds of the linear layers for so many tokens, of which `sampled` get logits: behind the
        last layer's mixer only those go on."""
        *all_but_last, last = self._weights()
        before = sum(layer.mixer + layer.behind for layer in all_but_last) + last.mixer
        return before * tokens + (last.behind + self.head_weights) * sampled

    def whole_prefill_s(self, taken_s: float, tokens: int, sampled: int = 1) -> float:
        """What all layers take, by products, when those measured take `taken_s`."""
        return taken_s * self.whole.products(tokens, sampled) / self.products(tokens, sampled)

    def whole_decode_s(self, taken_s: float, body_s: float) -> float:
        """What all layers take for a token, when those measured take `taken_s`, and `body_s` without logits:
        all before the last layer's outputs."""
        return taken_s - body_s + body_s * self.whole.products(1, 0) / self.products(1, 0)

    def down_products(self, tokens: int) -> int:
        """Those of `down_proj`, no logits asked for."""
        return self.config.hidden_size * self.config.intermediate_size * (self.config.layers - 1) * tokens

    def read_bytes(self, form: FloatFormat) -> int:
        """What one decoded token reads of the weights: all but the embeddings, of which it reads a row."""
        plan = file_plan(self.config, form)
        row = sum(tensor.size_bytes for tensor in plan if tensor.name.startswith(keys.EMBEDDINGS))
        whole = sum(tensor.size_bytes for tensor in plan)
        return whole - row + row // self.config.vocab_size

    def _weights(self) -> list[LayerWeights]:
        found = []
        for layer in range(self.config.layers):
            prefix = f"model.layers.{layer}."
            sizes = {
                tensor.name.removeprefix(prefix): tensor.shape[0] * tensor.shape[1]
                for tensor in expected_tensors(self.config)
                if tensor.name.startswith(prefix) and len(tensor.shape) == 2
            }
            behind = sum(size for name, size in sizes.items() if name.startswith(("mlp.", "attn.o_proj")))
            found.append(LayerWeights(sum(sizes.values()) - behind, behind))
        return found
