"""SpikingBrain-7B: gated linear layers and sliding windows in turn (spec 1), float or spiking (spec 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from engine.models import keys
from engine.models.config import ModelConfig
from engine.models.gguf import MetadataValue
from engine.models.tensor_names import ExpectedTensor, expected_tensors
from engine.native_config import NativeConfig


class GlaSwa:
    name = keys.ARCHITECTURE
    note = ""
    note_fr = ""

    def from_json(self, raw: Mapping[str, object], names: Iterable[str]) -> ModelConfig:
        config = ModelConfig.from_json(raw)
        if any(name.endswith(keys.PUBLISHED_SCALES_SUFFIX) for name in names):
            # Nothing in the configuration tells a spiking checkpoint (W8ASpike) from a float one.
            return replace(config, merged_gate=True, spike_k=keys.PUBLISHED_SPIKE_K)
        return config

    def from_metadata(self, metadata: Mapping[str, object]) -> ModelConfig:
        return ModelConfig.from_metadata(metadata)

    def to_metadata(self, shape: ModelConfig) -> dict[str, MetadataValue]:
        found: dict[str, MetadataValue] = {
            keys.BLOCK_COUNT: shape.layers,
            keys.CONTEXT_LENGTH: shape.context_length,
            keys.EMBEDDING_LENGTH: shape.hidden_size,
            keys.FEED_FORWARD_LENGTH: shape.intermediate_size,
            keys.VOCAB_SIZE: shape.vocab_size,
            keys.HEAD_COUNT: shape.heads,
            keys.HEAD_COUNT_KV: shape.kv_heads,
            keys.NORM_EPSILON: shape.norm_eps,
            keys.SLIDING_WINDOW: shape.sliding_window,
            keys.ROPE_FREQ_BASE: shape.rope_theta,
            keys.GATE_RANK: shape.gate_rank,
            keys.GATE_NORMALIZER: shape.gate_normalizer,
            keys.SHORT_CONV: shape.use_short_conv,
            keys.CONV_SIZE: shape.conv_size,
        }
        if shape.spike_k:
            found |= {keys.MERGED_GATE: shape.merged_gate, keys.SPIKE_K: shape.spike_k}
        return found

    def tensors(self, shape: ModelConfig) -> Iterator[ExpectedTensor]:
        return expected_tensors(shape)

    def native(self, shape: ModelConfig, spike_k: float, spike_down: bool) -> NativeConfig:
        return NativeConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            layers=shape.layers,
            heads=shape.heads,
            kv_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            intermediate_size=shape.intermediate_size,
            gate_rank=shape.gate_rank,
            sliding_window=shape.sliding_window,
            attn_layers=shape.attn_layers,
            gate_normalizer=shape.gate_normalizer,
            norm_eps=shape.norm_eps,
            rope_theta=shape.rope_theta,
            use_short_conv=shape.use_short_conv,
            conv_size=shape.conv_size,
            merged_gate=shape.merged_gate,
            spike_k=spike_k,
            spike_down=spike_down,
        )

    def kept_elements_per_token(self, shape: ModelConfig) -> int:
        return 0
