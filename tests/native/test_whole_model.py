"""The whole model against the specification written down once more in numpy float64, short convolution
included, and the integer formats against their own dequantised weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.kernels import Model, NativeConfig, Weight
from engine.models.quantization import pack_q4

Array = NDArray[np.float64]


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


class Plain:
    """One token at a time, all positions kept, nothing shared (spec §1.4-1.6)."""

    def __init__(self, config: NativeConfig, weights: dict[str, Weight], visible_keys: int) -> None:
        self.c = config
        self.w = {name: w.data.astype(np.float64) for name, w in weights.items()}
        self.visible = visible_keys
        self.states = {}
        self.lines: dict[str, list[Array]] = {}
        self.keys: dict[int, list[Array]] = {}
        self.values: dict[int, list[Array]] = {}
        self.position = 0

    def norm(self, x: Array, weight: Array) -> Array:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + self.c.norm_eps) * weight

    def convolve(self, name: str, z: Array) -> Array:
        if not self.c.use_short_conv:
            return z
        taps = self.w[name][:, 0, :]
        line = self.lines.setdefault(name, [np.zeros_like(z)] * (self.c.conv_size - 1))
        line.append(z)
        recent = np.stack(line[-self.c.conv_size :])
        return silu((taps.T * recent).sum(0))

    def gated(self, i: int, x: Array) -> Array:
        c, p = self.c, f"model.layers.{i}.attn"
        part = {}
        for n in "qkv":
            z = self.w[f"{p}.{n}_proj.weight"] @ x + self.w[f"{p}.{n}_proj.bias"]
            part[n] = self.convolve(f"{p}.{n}_conv1d.weight", z)
        q = np.maximum(part["q"], 0).reshape(c.heads, c.head_dim)
        k = np.maximum(part["k"], 0).reshape(c.kv_heads, c.head_dim)
        v = part["v"].reshape(c.kv_heads, c.head_dim)
        z = (
            self.w[f"{p}.gk_proj.1.weight"] @ (self.w[f"{p}.gk_proj.0.weight"] @ x)
            + self.w[f"{p}.gk_proj.1.bias"]
        )
        decay = np.exp(-np.logaddexp(0, -z) / c.gate_normalizer).reshape(c.kv_heads, c.head_dim)
        out = np.empty_like(q)
        for h in range(c.heads):
            kv = h // (c.heads // c.kv_heads)
            state = self.states.get((i, h), np.zeros((c.head_dim, c.head_dim)))
            state = decay[kv][:, None] * state + np.outer(k[kv], v[kv])
            self.states[i, h] = state
            out[h] = q[h] * c.head_dim**-0.5 @ state
        return self.w[f"{p}.o_proj.weight"] @ self.norm(out, self.w[f"{p}.g_norm.weight"]).reshape(-1)

    def rotate(self, x: Array) -> Array:
        half = self.c.head_dim // 2
        angle = self.position * self.c.rope_theta ** (-2.0 * np.arange(half) / self.c.head_dim)
        low, high = x[:, :half], x[:, half:]
        return np.concatenate(
            [low * np.cos(angle) - high * np.sin(angle), high * np.cos(angle) + low * np.sin(angle)], 1
        )

    def windowed(self, i: int, x: Array) -> Array:
        c, p = self.c, f"model.layers.{i}.attn"
        part = {n: self.w[f"{p}.{n}_proj.weight"] @ x + self.w[f"{p}.{n}_proj.bias"] for n in "qkv"}
        q = self.rotate(part["q"].reshape(c.heads, c.head_dim))
        self.keys.setdefault(i, []).append(self.rotate(part["k"].reshape(c.kv_heads, c.head_dim)))
        self.values.setdefault(i, []).append(part["v"].reshape(c.kv_heads, c.head_dim))
        keys, values = np.stack(self.keys[i][-self.visible :]), np.stack(self.values[i][-self.visible :])
        out = np.empty_like(q)
        for h in range(c.heads):
            kv = h // (c.heads // c.kv_heads)
            scores = keys[:, kv] @ q[h] * c.head_dim**-0.5
            weights = np.exp(scores - scores.max())
            out[h] = weights / weights.sum() @ values[:, kv]
        return self.w[f"{p}.o_proj.weight"] @ out.reshape(-1)

    def step(self, token: int) -> Array:
        x = self.w["model.embeddings.weight"][token]
        for i in range(self.c.layers):
            p = f"model.layers.{i}"
            mixer = self.windowed if i in self.c.attn_layers else self.gated
            x = x + mixer(i, self.norm(x, self.w[f"{p}.attn_norm.weight"]))
            m = self.norm(x, self.w[f"{p}.mlp_norm.weight"])
            inner = silu(self.w[f"{p}.mlp.gate_proj.weight"] @ m) * (self.w[f"{p}.mlp.up_proj.weight"] @ m)
            x = x + self.w[f"{p}.mlp.down_proj.weight"] @ inner
        self.position += 1
        return self.w["lm_head.weight"] @ self.norm(x, self.w["model.norm.weight"])


@pytest.mark.parametrize("short_conv", [True, False])
def test_the_model_is_the_specification(odd_config, odd_weights, isa: str, short_conv: bool) -> None:
    config = dataclasses.replace(odd_config, use_short_conv=short_conv)
    ids = np.random.default_rng(4).integers(0, config.vocab_size, 50).astype(np.int32)
    plain = Plain(config, odd_weights, visible_keys=config.sliding_window + 1)
    expected = np.stack([plain.step(int(token)) for token in ids])
    model = Model(config, odd_weights, threads=2, isa=isa)
    for chunk_tok in (1, 2, 7, 50):
        state = model.new_state(window_precision="f32", window_mode="vllm")
        logits = model.prefill(state, ids[:40], logits="all", chunk_tok=chunk_tok)
        rest = np.stack([model.step(state, int(token)) for token in ids[40:]])
        assert float(np.abs(np.concatenate([logits, rest]) - expected).max()) < 1e-4


def quantise(weight: Weight, kind: str) -> tuple[Weight, Weight]:
    """The weight in q8 or q4, and the same numbers as f32."""
    rows, cols = weight.shape
    groups = -(-cols // 128)
    top = {"q8": 127, "q4": 7}[kind]
    padded = np.zeros((rows, groups, 128), np.float32)
    padded.reshape(rows, -1)[:, :cols] = weight.data
    scales = np.maximum(np.abs(padded).max(2) / top, 1e-6).astype(np.float16)
    wide = scales.astype(np.float32)[:, :, None]
    codes = np.clip(np.rint(padded / wide), -top, top)
    exact = np.ascontiguousarray((codes * wide).reshape(rows, -1)[:, :cols])
    flat = np.ascontiguousarray(codes.reshape(rows, -1)[:, :cols]).astype(np.int8)
    data = flat if kind == "q8" else pack_q4(flat)
    return Weight(kind, (rows, cols), data, scales), Weight("f32", (rows, cols), exact)


@pytest.mark.parametrize("kind", ["q8", "q4"])
def test_integer_weights_answer_like_their_float_values(odd_config, odd_weights, isa: str, kind: str) -> None:
    packed, exact = dict(odd_weights), dict(odd_weights)
    for name, weight in odd_weights.items():
        if len(weight.shape) == 2 and "gk_proj" not in name:
            packed[name], exact[name] = quantise(weight, kind)
    ids = np.random.default_rng(6).integers(0, odd_config.vocab_size, 60).astype(np.int32)
    outputs = []
    for weights in (packed, exact):
        model = Model(odd_config, weights, threads=1, isa=isa)
        state = model.new_state(window_precision="f32")
        prefilled = model.prefill(state, ids, logits="all", chunk_tok=40)
        outputs.append(np.concatenate([prefilled, [model.step(state, token) for token in (3, 1, 4)]]))
    # What remains is the rounding of activations to int8, layer by layer.
    difference = float(np.sqrt(((outputs[0] - outputs[1]) ** 2).mean()) / outputs[1].std())
    assert 0 < difference < 0.05


@pytest.mark.parametrize("precision", ["f16", "int8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_inside_reaches_the_logits(
    odd_config, odd_weights, isa: str, precision: str, bad: float
) -> None:
    weights = {
        name: quantise(weight, "q8")[0] if len(weight.shape) == 2 and "gk_proj" not in name else weight
        for name, weight in odd_weights.items()
    }
    rows = odd_weights["model.embeddings.weight"].data.copy()
    rows[7, 41] = bad
    weights["model.embeddings.weight"] = Weight("f32", rows.shape, rows)
    model = Model(odd_config, weights, threads=1, isa=isa)
    state = model.new_state(window_precision=precision)
    assert np.isfinite(model.prefill(state, np.array([3, 1, 4], np.int32), logits="all")).all()
    assert np.isnan(model.step(state, 7)).all()
    # The state has taken it in, so nothing computed from it passes for an answer.
    assert np.isnan(model.step(state, 3)).all()
