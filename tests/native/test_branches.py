"""Parallel branches, growing caches, sinks and routed experts against the specification (spec 3) written
down in numpy float64, every open question asked both ways; and such a model's state as a value."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.kernels import (
    Branches,
    CancelFlag,
    Cancelled,
    KernelError,
    Model,
    NativeConfig,
    State,
    Weight,
    WeightError,
    expected_tensors,
)

Array = NDArray[np.float64]

SMALL = NativeConfig(
    vocab_size=61,
    hidden_size=42,
    layers=4,
    heads=6,
    kv_heads=2,
    head_dim=10,
    intermediate_size=70,
    gate_rank=1,
    sliding_window=7,
    attn_layers=(0, 1, 2),
    branches=Branches(expert_size=34, routed_layers=(1, 3), experts=5, sinks=6),
)
assert SMALL.branches is not None
OPEN_QUESTIONS = {
    "as it is by default": {},
    "projections of its own for the linear branch": {"own_qkv": True},
    "an output matrix of its own for the linear branch": {"own_output": True},
    "one norm over all heads": {"whole_norm": True},
    "norms without weights": {"branch_affine": False, "branch_norm_eps": 1e-3},
    "learned weights of the branches": {"branch_learned": True},
    "rotation in the linear branch": {"linear_rope": True},
    "no scale in the linear branch": {"linear_scale": False},
    "a recurrence that does not see the sinks": {"linear_sinks": False},
    "sinks without positions": {"sink_positions": False},
    "no sinks at all": {"sinks": 0},
    "no shared expert": {"shared_expert": False},
    "a sigmoid router": {"router_sigmoid": True},
    "the chosen expert unweighed": {"router_weighs": False},
    "everything the other way": {
        "own_qkv": True, "own_output": True, "whole_norm": True, "branch_learned": True, "linear_rope": True,
        "linear_scale": False, "linear_sinks": False, "sink_positions": False, "shared_expert": False,
        "router_sigmoid": True,
    },
}  # fmt: skip


def config_with(**changes: object) -> NativeConfig:
    assert SMALL.branches is not None
    return dataclasses.replace(SMALL, branches=dataclasses.replace(SMALL.branches, **changes))


def weights_for(config: NativeConfig, seed: int = 0) -> dict[str, Weight]:
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in expected_tensors(config).items():
        values = rng.standard_normal(shape)
        if "norm" in name:
            values = 1 + 0.1 * values
        elif "router" in name:
            values = values * 0.7
        elif len(shape) == 2 and "embeddings" not in name and "sinks" not in name:
            values = values / np.sqrt(shape[1])
        weights[name] = Weight("f32", shape, values.astype(np.float32))
    return weights


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


class Written:
    """The whole sequence, sinks in front, layer by layer; nothing incremental (spec 3.1, 3.2, 3.4)."""

    def __init__(self, config: NativeConfig, weights: dict[str, Weight]) -> None:
        assert config.branches is not None
        self.c, self.b = config, config.branches
        self.w = {name: weight.data.astype(np.float64) for name, weight in weights.items()}
        self.chosen: set[tuple[int, int]] = set()

    def norm(self, x: Array, weight: Array | float, eps: float) -> Array:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * weight

    def rotate(self, x: Array, positions: Array) -> Array:
        """x [n, heads, d]."""
        half = self.c.head_dim // 2
        angle = positions[:, None] * self.c.rope_theta ** (-2.0 * np.arange(half) / self.c.head_dim)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        low, high = x[..., :half], x[..., half:]
        return np.concatenate([low * cos - high * sin, high * cos + low * sin], -1)

    def heads(self, name: str, x: Array) -> Array:
        z = x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]
        return z.reshape(len(x), -1, self.c.head_dim)

    def softmax_branch(self, i: int, q: Array, k: Array, v: Array, sinks: int) -> Array:
        n = len(q)
        row, column = np.arange(n)[:, None], np.arange(n)[None, :]
        seen = column <= row
        if i in self.c.attn_layers:
            seen &= column > row - self.c.sliding_window
        seen = np.where(column < sinks, True, seen & (row >= sinks))
        out = np.empty_like(q)
        for h in range(self.c.heads):
            kv = h // (self.c.heads // self.c.kv_heads)
            scores = np.where(seen, q[:, h] @ k[:, kv].T * self.c.head_dim**-0.5, -np.inf)
            weights = np.exp(scores - scores.max(1, keepdims=True))
            out[:, h] = weights / weights.sum(1, keepdims=True) @ v[:, kv]
        return out

    def linear_branch(self, q: Array, k: Array, v: Array, positions: Array, sinks: int) -> Array:
        q, k = sigmoid(q), sigmoid(k)
        decay = 1 - k
        if self.b.linear_rope:
            q, k = self.rotate(q, positions), self.rotate(k, positions)
        scale = self.c.head_dim**-0.5 if self.b.linear_scale else 1.0
        out = np.zeros_like(q)
        for h in range(self.c.heads):
            kv = h // (self.c.heads // self.c.kv_heads)
            state = np.zeros((self.c.head_dim, self.c.head_dim))
            for t in range(0 if self.b.linear_sinks else sinks, len(q)):
                state = decay[t, kv][:, None] * state + np.outer(k[t, kv], v[t, kv])
                out[t, h] = q[t, h] * scale @ state
        return out

    def attention(self, i: int, x: Array, sinks: int) -> Array:
        p, b = f"model.layers.{i}.attn", self.b
        first = 0 if b.sink_positions else -sinks
        positions = np.maximum(np.arange(len(x)) + first, 0).astype(np.float64)
        q, k, v = (self.heads(f"{p}.{part}_proj", x) for part in "qkv")
        own = tuple(self.heads(f"{p}.linear_{part}_proj", x) for part in "qkv") if b.own_qkv else (q, k, v)
        soft = self.softmax_branch(i, self.rotate(q, positions), self.rotate(k, positions), v, sinks)
        linear = self.linear_branch(*own, positions, sinks)
        normed = []
        for name, out in (("linear", linear), ("softmax", soft)):
            weight = self.w[f"{p}.{name}_norm.weight"] if b.branch_affine else 1.0
            flat = out.reshape(len(x), -1)
            whole = self.norm(flat if b.whole_norm else out, weight, b.branch_norm_eps)
            normed.append(whole.reshape(flat.shape))
        w1, w2 = self.w[f"{p}.branch_weights"] if b.branch_learned else (0.5, 0.5)
        into = self.w[f"{p}.linear_o_proj.weight" if b.own_output else f"{p}.o_proj.weight"]
        return w1 * normed[0] @ into.T + w2 * normed[1] @ self.w[f"{p}.o_proj.weight"].T

    def mlp(self, prefix: str, x: Array) -> Array:
        inner = silu(x @ self.w[f"{prefix}.gate_proj.weight"].T) * (x @ self.w[f"{prefix}.up_proj.weight"].T)
        return inner @ self.w[f"{prefix}.down_proj.weight"].T

    def feed(self, i: int, x: Array) -> Array:
        p, b = f"model.layers.{i}.mlp", self.b
        if i not in b.routed_layers:
            return self.mlp(p, x)
        scores = x @ self.w[f"{p}.router.weight"].T
        powers = np.exp(scores - scores.max(1, keepdims=True))
        share = sigmoid(scores) if b.router_sigmoid else powers / powers.sum(1, keepdims=True)
        out = self.mlp(f"{p}.shared_expert", x) if b.shared_expert else np.zeros_like(x)
        for t, expert in enumerate(scores.argmax(1)):
            self.chosen.add((i, int(expert)))
            factor = share[t, expert] if b.router_weighs else 1.0
            out[t] += factor * self.mlp(f"{p}.experts.{expert}", x[t : t + 1])[0]
        return out

    def logits(self, ids: NDArray[np.int32]) -> Array:
        sinks = self.b.sinks
        x = self.w["model.embeddings.weight"][ids]
        if sinks:
            x = np.concatenate([self.w["model.sinks.weight"], x])
        for i in range(self.c.layers):
            p, eps = f"model.layers.{i}", self.c.norm_eps
            x = x + self.attention(i, self.norm(x, self.w[f"{p}.attn_norm.weight"], eps), sinks)
            x = x + self.feed(i, self.norm(x, self.w[f"{p}.mlp_norm.weight"], eps))
        return self.norm(x[sinks:], self.w["model.norm.weight"], self.c.norm_eps) @ self.w["lm_head.weight"].T


def ids_of(count: int, seed: int = 3) -> NDArray[np.int32]:
    return np.random.default_rng(seed).integers(0, SMALL.vocab_size, count).astype(np.int32)


def dumped(state: State) -> bytes:
    out = io.BytesIO()
    state.dump(out.write)
    return out.getvalue()


@pytest.mark.parametrize("question", OPEN_QUESTIONS)
def test_the_model_is_the_specification_whichever_way_an_open_question_goes(isa: str, question: str) -> None:
    config = config_with(**OPEN_QUESTIONS[question])
    weights, ids = weights_for(config), ids_of(40)
    expected = Written(config, weights).logits(ids)
    model = Model(config, weights, threads=2, isa=isa)
    for chunk_tok in (1, 7, 30):  # in chunks and token by token
        state = model.new_state(window_precision="f32")
        logits = model.prefill(state, ids[:30], logits="all", chunk_tok=chunk_tok)
        rest = np.stack([model.step(state, int(token)) for token in ids[30:]])
        assert float(np.abs(np.concatenate([logits, rest]) - expected).max()) < 1e-4, chunk_tok


def test_inputs_coded_finely_as_spikes_answer_like_the_float_model(isa: str) -> None:
    weights, ids = weights_for(SMALL), ids_of(30)
    expected = Written(SMALL, weights).logits(ids)
    model = Model(dataclasses.replace(SMALL, spike_k=1000.0), weights, threads=2, isa=isa)
    logits = model.prefill(model.new_state(), ids, logits="all", chunk_tok=8)
    difference = float(np.sqrt(((logits - expected) ** 2).mean()) / expected.std())
    assert 0 < difference < 0.1  # the windows and the sinks are int8 in such a model


@pytest.fixture
def model(isa: str) -> Model:
    return Model(SMALL, weights_for(SMALL), threads=2, isa=isa)


@pytest.mark.parametrize("precision", ["f32", "f16", "int8"])
@pytest.mark.parametrize("read_tok", [0, 1, 7, 9, 511, 512, 1030])
def test_forked_and_restored_states_continue_bit_equally(model: Model, precision: str, read_tok: int) -> None:
    state = model.new_state(window_precision=precision)
    model.prefill(state, ids_of(read_tok), logits="none", chunk_tok=200)
    payload = dumped(state)
    assert len(payload) == state.payload_bytes
    fork = state.fork()
    restored = model.new_state(window_precision=precision)
    model.prefill(restored, ids_of(33, seed=8), logits="none")  # whatever was there is replaced
    restored.load(io.BytesIO(payload).read)
    assert restored.position == fork.position == read_tok
    assert dumped(restored) == dumped(fork) == payload

    def continuation(s: State) -> tuple[bytes, bytes, bytes]:
        steps = b"".join(model.step(s, token).tobytes() for token in (4, 9, 2))
        rest = model.prefill(s, ids_of(40, seed=9), logits="all", chunk_tok=11)
        return steps, rest.tobytes(), dumped(s)

    expected = continuation(state)
    assert continuation(fork) == expected
    assert continuation(restored) == expected


def test_a_copy_goes_its_own_way_from_the_middle_of_a_block(model: Model) -> None:
    state = model.new_state()
    model.prefill(state, ids_of(700), logits="none", chunk_tok=256)
    kept = dumped(state)
    fork = state.fork()
    model.prefill(fork, ids_of(500, seed=5), logits="none", chunk_tok=256)
    assert dumped(state) == kept
    keys, values = model.window_entries(fork, 3)
    assert keys.shape == values.shape == (2, 1200, 10)
    assert (keys[:, :700] == model.window_entries(state, 3)[0]).all()


def test_only_the_layers_that_see_everything_grow(model: Model) -> None:
    state = model.new_state(window_precision="f16")
    sizes = []
    for _ in range(3):
        model.prefill(state, ids_of(100), logits="none")
        sizes.append(state.nbytes)
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] == 100 * 2 * SMALL.kv_dim * 2
    windowed = dataclasses.replace(SMALL, attn_layers=(0, 1, 2, 3))
    constant = Model(windowed, weights_for(windowed), threads=1).new_state()
    other = Model(windowed, weights_for(windowed), threads=1)
    other.prefill(constant, ids_of(50), logits="none")
    before = constant.nbytes
    other.prefill(constant, ids_of(50), logits="none")
    assert constant.nbytes == before


def test_threads_and_repetition_never_show(isa: str) -> None:
    outputs = []
    for threads in (1, 1, 3):
        model = Model(SMALL, weights_for(SMALL), threads=threads, isa=isa)
        state = model.new_state()
        logits = model.prefill(state, ids_of(600), logits="all", chunk_tok=128)
        outputs.append((logits.tobytes(), model.step(state, 5).tobytes(), dumped(state)))
    assert outputs[0] == outputs[1] == outputs[2]


class Shelf:
    """Experts handed out on request, every request noted."""

    def __init__(self, weights: dict[str, Weight]) -> None:
        self.weights, self.asked = weights, []

    def fetch(self, layer: int, expert: int) -> tuple[Weight, Weight, Weight]:
        self.asked.append((layer, expert))
        prefix = f"model.layers.{layer}.mlp.experts.{expert}"
        gate, up, down = (self.weights[f"{prefix}.{part}_proj.weight"] for part in ("gate", "up", "down"))
        return gate, up, down


def test_a_token_asks_for_its_own_experts_and_no_others(isa: str) -> None:
    weights = weights_for(SMALL)
    held = {name: weight for name, weight in weights.items() if ".experts." not in name}
    shelf = Shelf(weights)
    model = Model(SMALL, held, threads=2, isa=isa, fetch_expert=shelf.fetch)
    whole = Model(SMALL, weights, threads=2, isa=isa)
    states = model.new_state(), whole.new_state()
    assert shelf.asked == []
    text = ids_of(22)
    for start, end in ((0, 1), (1, 2), (2, 22)):
        shelf.asked.clear()
        answers = [
            m.prefill(s, text[start:end], logits="all") for m, s in zip((model, whole), states, strict=True)
        ]
        assert answers[0].tobytes() == answers[1].tobytes()
        written = Written(SMALL, weights)
        written.logits(text[:end])
        assert set(shelf.asked) <= written.chosen
        assert len(shelf.asked) < 2 * 5 + 2 * 5  # each at most once for the sinks, once for the chunk
    shelf.asked.clear()
    model.step(states[0], 7)
    assert [layer for layer, _ in shelf.asked] == [1, 3]  # one token: one expert in each routed layer


def test_experts_that_no_token_chose_are_not_even_looked_at(isa: str) -> None:
    weights, ids = weights_for(SMALL, seed=4), ids_of(5)
    written = Written(SMALL, weights)
    written.logits(ids)
    poisoned = dict(weights)
    for name, weight in weights.items():
        parts = name.split(".")
        if "experts" in parts and (int(parts[2]), int(parts[5])) not in written.chosen:
            poisoned[name] = Weight("f32", weight.shape, np.full(weight.shape, np.nan, np.float32))
    assert len({name.split(".")[5] for name in poisoned if poisoned[name] is not weights[name]}) > 0
    model = Model(SMALL, poisoned, threads=1, isa=isa)
    assert np.isfinite(model.prefill(model.new_state(), ids, logits="all")).all()


def test_an_expert_that_cannot_be_read_ends_the_call_and_leaves_the_state_whole() -> None:
    weights = weights_for(SMALL)
    shelf, broken = Shelf(weights), False

    def fetch(layer: int, expert: int) -> tuple[Weight, Weight, Weight]:
        if broken:
            raise OSError(5, "the disk is gone")
        return shelf.fetch(layer, expert)

    model = Model(SMALL, weights, threads=1, fetch_expert=fetch)
    state = model.new_state()
    model.prefill(state, ids_of(20), logits="none")
    kept = dumped(state)
    broken = True
    with pytest.raises(OSError, match="the disk is gone"):
        model.prefill(state, ids_of(20), logits="none")
    assert dumped(state) == kept
    broken = False
    model.step(state, 1)
    bent = Model(SMALL, weights, threads=1, fetch_expert=lambda _layer, _expert: shelf.fetch(1, 0)[::-1])
    with pytest.raises(WeightError, match="should have shape"):
        bent.step(bent.new_state(), 1)


def test_a_cancelled_call_leaves_the_state_as_it_was(model: Model) -> None:
    flag = CancelFlag()
    flag.set()
    state = model.new_state()
    with pytest.raises(Cancelled):  # while the sinks are computed
        model.prefill(state, ids_of(10), logits="none", cancel=flag)
    assert state.position == 0
    model.prefill(state, ids_of(10), logits="none")
    kept = dumped(state)
    with pytest.raises(Cancelled):
        model.step(state, 1, cancel=flag)
    assert dumped(state) == kept


def test_bad_shapes_and_dumps_are_refused_in_words(model: Model) -> None:
    state = model.new_state()
    with pytest.raises(KernelError, match="cannot stand at position"):
        state.load(io.BytesIO((1 << 30).to_bytes(8, "little")).read)
    coded = Model(dataclasses.replace(SMALL, spike_k=3.0), weights_for(SMALL), threads=1)
    with pytest.raises(ValueError, match="not recorded"):
        coded.trace_spikes(coded.new_state(), ids_of(2))
    for change in ({"experts": 0}, {"sinks": 5000}, {"routed_layers": (1, 1)}, {"branch_norm_eps": 0.0}):
        with pytest.raises(ValueError, match=next(iter(change))):
            config_with(**change)
    with pytest.raises(ValueError, match="routed_layers"):
        config_with(routed_layers=(4,))
    with pytest.raises(ValueError, match="short convolution"):
        dataclasses.replace(SMALL, use_short_conv=True)
    lacking = weights_for(SMALL)
    del lacking["model.layers.1.mlp.experts.4.up_proj.weight"]
    with pytest.raises(WeightError, match=r"experts\.4\.up_proj"):
        Model(SMALL, lacking, threads=1)
