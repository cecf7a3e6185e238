"""What a reading takes of memory at any length, computed from the model's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.native_config import NativeConfig
from engine.protocol import MemoryShape, WindowPrecision

_ELEMENT_BYTES: Final[Mapping[WindowPrecision, int]] = {"f32": 4, "f16": 2, "int8": 1}
_FLOAT_BYTES: Final = 4
_HALF_BYTES: Final = 2


def memory_shape(config: NativeConfig, precision: WindowPrecision) -> MemoryShape:
    """The gated layers keep a matrix per key/value head whatever the length, the window layers keys and
    values of the last tokens (spec 1.7). Where both run side by side, layers without a window keep those of
    all tokens, as a transformer does in every layer.
    """
    windows = len(config.attn_layers)
    branched = config.branches is not None
    gated = config.layers if branched else config.layers - windows
    past = (config.conv_size - 1) * (config.q_dim + 2 * config.kv_dim) if config.use_short_conv else 0
    scales = 2 * config.kv_heads * _FLOAT_BYTES if precision == "int8" else 0
    token_bytes = 2 * config.kv_dim * _ELEMENT_BYTES[precision] + scales
    return MemoryShape(
        fixed_bytes=gated * (config.kv_dim * config.head_dim + past) * _FLOAT_BYTES,
        window_tok=config.sliding_window + 1,
        window_token_bytes=windows * token_bytes,
        growing_token_bytes=(config.layers - windows) * token_bytes if branched else 0,
        transformer_token_bytes=config.layers * 2 * config.kv_dim * _HALF_BYTES,
    )
