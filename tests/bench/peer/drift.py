"""A gated layer's state in float64, beside the engine's own: what a million roundings have made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.config import ModelConfig
from engine.models.gguf import GgufFile, open_gguf
from engine.models.tensors import ElementType, widen

Array = NDArray[np.float64]
_CHUNK_TOK: Final = 32
"""So few that no product of decays of a random model underflows."""


class GatedState:
    """The first layer of a q8 file, token by token in exact arithmetic on its stored weights (spec 1.4).

    What the layer sees of a token depends on the token alone, so keys, values and decays are tables by id.
    """

    def __init__(self, path: Path, layer: int = 0) -> None:
        if layer != 0:
            raise ValueError("only the first layer sees tokens alone")
        file = open_gguf(path)
        config = ModelConfig.from_metadata(file.metadata)
        prefix = "model.layers.0."
        x = _matrix(file, keys.EMBEDDINGS)
        norm = np.sqrt(np.square(x).mean(1, keepdims=True) + config.norm_eps)
        x = x / norm * _matrix(file, f"{prefix}attn_norm.weight")
        shape = (config.vocab_size, config.kv_heads, config.head_dim)
        parts = {
            name: x @ _matrix(file, f"{prefix}attn.{name}_proj.weight").T
            + _matrix(file, f"{prefix}attn.{name}_proj.bias")
            for name in "kv"
        }
        self._keys = np.maximum(parts["k"], 0).reshape(shape)
        self._values = parts["v"].reshape(shape)
        gate = x @ _matrix(file, f"{prefix}attn.gk_proj.0.weight").T
        gate = gate @ _matrix(file, f"{prefix}attn.gk_proj.1.weight").T
        gate = gate + _matrix(file, f"{prefix}attn.gk_proj.1.bias")
        self._log_decays = (-np.logaddexp(0, -gate) / config.gate_normalizer).reshape(shape)
        self._state = np.zeros((config.kv_heads, config.head_dim, config.head_dim))

    def read(self, ids: NDArray[np.int32]) -> None:
        for start in range(0, len(ids), _CHUNK_TOK):
            self._read(ids[start : start + _CHUNK_TOK])

    def distance(self, state: NDArray[np.float32]) -> float:
        """Of another state [kv_heads, key, value], relative to this one."""
        return float(np.linalg.norm(state - self._state) / np.linalg.norm(self._state))

    def _read(self, ids: NDArray[np.int32]) -> None:
        logs = self._log_decays[ids]
        after = np.cumsum(logs[::-1], axis=0)[::-1] - logs  # what later tokens of the chunk still take away
        keys_left = self._keys[ids] * np.exp(after)
        added = np.einsum("thk,thv->hkv", keys_left, self._values[ids], optimize=True)
        self._state = np.exp(logs.sum(0))[:, :, None] * self._state + added


def _matrix(file: GgufFile, name: str) -> Array:
    """A stored tensor in float64: q8 codes times their scales, or floats as they are."""
    entry = file.tensors.entries[name]
    stored = file.tensors.map_tensor(name)
    if entry.element is not ElementType.I8:
        return widen(stored, entry.element).astype(np.float64)
    scales = widen(file.tensors.map_tensor(name + keys.SCALES_SUFFIX), ElementType.F16).astype(np.float64)
    wide = np.repeat(scales, keys.QUANT_GROUP, axis=1)[:, : entry.shape[1]]
    return stored.astype(np.float64) * wide
