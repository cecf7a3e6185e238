"""Tokens computed beside a state and committed in part: what is committed is what single steps leave, and of
the rest nothing remains, in every window precision and mode, on every instruction set."""

from __future__ import annotations

import dataclasses
import gc
import io
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine import kernels
from engine.kernels import (
    LARGEST_DRAFT_TOK,
    CancelFlag,
    Cancelled,
    KernelError,
    Model,
    NativeConfig,
    State,
    Weight,
)
from engine.spike_tally import BIT_STEPS, PLACES, ROWS
from tests.native.test_branches import SMALL, config_with, weights_for

TABLES = kernels.features().tables
PRECISIONS = ("f32", "f16", "int8")
MODES = ("hf", "vllm", "report")
# Of logits near 1, as test_state has them for chunks against steps: the order of sums, and in the smaller
# windows an entry that it moved to the neighbouring code.
GATES = {"f32": 1e-4, "f16": 2e-3, "int8": 5e-2}


def ids_of(model: Model, count: int, seed: int = 3) -> NDArray[np.int32]:
    return np.random.default_rng(seed).integers(0, model.config.vocab_size, count).astype(np.int32)


def dumped(state: State) -> bytes:
    out = io.BytesIO()
    state.dump(out.write)
    return out.getvalue()


def near(model: Model, one: State, other: State, gate: float) -> None:
    """Every part of both states agrees."""
    assert one.position == other.position
    both = model.config.branches is not None
    for layer in range(model.config.layers):
        windowed = layer in model.config.attn_layers
        if both or not windowed:
            states = [model.gla_state(s, layer) for s in (one, other)]
            assert np.abs(states[0] - states[1]).max() < gate * max(1.0, float(np.abs(states[0]).max()))
        if both or windowed:
            for a, b in zip(*(model.window_entries(s, layer) for s in (one, other)), strict=True):
                assert a.shape == b.shape
                assert np.abs(a - b).max(initial=0.0) < gate * max(1.0, float(np.abs(a).max(initial=0.0)))


@pytest.fixture(scope="module")
def models(odd_config: NativeConfig, odd_weights: dict[str, Weight]) -> dict[str, Model]:
    return {isa: Model(odd_config, odd_weights, threads=2, isa=isa) for isa in TABLES}


@pytest.mark.parametrize("isa", TABLES)
@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_committed_is_what_steps_leave(
    models: dict[str, Model], isa: str, precision: kernels.WindowPrecision, data: st.DataObject
) -> None:
    # The window keeps 20 entries: drafts fall before it is full, across its end, and are longer than it is.
    model = models[isa]
    mode = data.draw(st.sampled_from(MODES))
    read_tok = data.draw(st.integers(0, 45))
    ids = ids_of(model, read_tok, data.draw(st.integers(0, 3)))
    state = model.new_state(window_precision=precision, window_mode=mode)
    model.prefill(state, ids, logits="none", chunk_tok=data.draw(st.integers(1, 30)))
    stepped = state.fork()
    for round_number in range(3):
        drafted = ids_of(model, data.draw(st.integers(1, 26)), 50 + round_number)
        count = data.draw(st.integers(1, len(drafted)))
        before = dumped(state)
        draft = model.draft_step(state, drafted)
        assert dumped(state) == before
        draft.commit(count)
        steps = np.stack([model.step(stepped, int(token)) for token in drafted[:count]])
        assert np.abs(draft.logits[:count] - steps).max() < GATES[precision]
        near(model, state, stepped, GATES[precision])
    last = [model.step(s, 7) for s in (state, stepped)]
    assert np.abs(last[0] - last[1]).max() < GATES[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("read_tok", [0, 2, 17, 19, 20, 41])
@pytest.mark.parametrize("drafted_tok", [2, 9, 16, 24])
def test_tokens_that_are_not_committed_leave_no_trace(
    odd_model: Model, precision: kernels.WindowPrecision, read_tok: int, drafted_tok: int
) -> None:
    state = odd_model.new_state(window_precision=precision)
    odd_model.prefill(state, ids_of(odd_model, read_tok), logits="none")
    before = dumped(state)
    drafted = ids_of(odd_model, drafted_tok, seed=5)
    for count in sorted({1, 2, 4, drafted_tok - 1}):
        if count > drafted_tok:
            continue
        found = []
        for seed in (6, 7):
            fork = state.fork()
            tail = ids_of(odd_model, drafted_tok - count, seed)
            draft = odd_model.draft_step(fork, np.concatenate([drafted[:count], tail]))
            draft.commit(count)
            found.append((draft.logits[:count].tobytes(), dumped(fork), odd_model.step(fork, 3).tobytes()))
        assert found[0] == found[1], count
    draft = odd_model.draft_step(state, drafted)
    del draft
    assert dumped(state) == before


def test_threads_never_show(odd_config: NativeConfig, odd_weights: dict[str, Weight], isa: str) -> None:
    outputs = []
    for threads in (1, 1, 3):
        model = Model(odd_config, odd_weights, threads=threads, isa=isa)
        state = model.new_state()
        model.prefill(state, ids_of(model, 30), logits="none")
        draft = model.draft_step(state, ids_of(model, 12, seed=4))
        draft.commit(7)
        outputs.append((draft.logits.tobytes(), dumped(state)))
    assert outputs[0] == outputs[1] == outputs[2]


def test_a_state_is_whole_while_a_draft_of_it_waits(odd_model: Model) -> None:
    state = odd_model.new_state()
    odd_model.prefill(state, ids_of(odd_model, 25), logits="none")
    before = dumped(state)
    draft = odd_model.draft_step(state, ids_of(odd_model, 6))
    fork = state.fork()
    odd_model.prefill(fork, ids_of(odd_model, 40, seed=9), logits="none")
    other = odd_model.draft_step(state, ids_of(odd_model, 20, seed=8))
    assert dumped(state) == before
    draft.commit(3)
    alone = odd_model.new_state()
    odd_model.prefill(alone, ids_of(odd_model, 25), logits="none")
    odd_model.draft_step(alone, ids_of(odd_model, 6)).commit(3)
    assert dumped(alone) == dumped(state)
    with pytest.raises(KernelError, match="gone on without"):
        other.commit(1)


def test_a_draft_is_committed_once_to_the_state_it_was_computed_beside(odd_model: Model) -> None:
    state = odd_model.new_state()
    odd_model.prefill(state, ids_of(odd_model, 10), logits="none")
    payload = dumped(state)
    draft = odd_model.draft_step(state, ids_of(odd_model, 4))
    for count in (-1, 0, 5):
        with pytest.raises(ValueError, match="between 1 and 4"):
            draft.commit(count)
    assert dumped(state) == payload
    draft.commit(2)
    after = dumped(state)
    with pytest.raises(KernelError, match="gone on without"):
        draft.commit(2)
    assert dumped(state) == after
    # The same position again, but another reading.
    draft = odd_model.draft_step(state, ids_of(odd_model, 4))
    state.load(io.BytesIO(after).read)
    with pytest.raises(KernelError, match="gone on without"):
        draft.commit(1)
    stepped = odd_model.draft_step(state, ids_of(odd_model, 4))
    odd_model.step(state, 1)
    moved = dumped(state)
    with pytest.raises(KernelError, match="gone on without"):
        stepped.commit(1)
    assert dumped(state) == moved


def test_a_draft_outlives_whoever_made_it(odd_config: NativeConfig, odd_weights: dict[str, Weight]) -> None:
    model = Model(odd_config, odd_weights, threads=1)
    state = model.new_state()
    draft = model.draft_step(state, np.array([1, 2, 3], np.int32))
    del model
    gc.collect()
    draft.commit(2)
    assert state.position == 2
    del state
    gc.collect()
    assert np.isfinite(draft.logits).all()


def test_bad_drafts_are_refused_in_words(odd_model: Model) -> None:
    state = odd_model.new_state()
    for ids in (np.array([], np.int32), np.zeros(LARGEST_DRAFT_TOK + 1, np.int32)):
        with pytest.raises(ValueError, match="make a draft"):
            odd_model.draft_step(state, ids)
    with pytest.raises(ValueError, match="from 0 to 100"):
        odd_model.draft_step(state, np.array([1, 101]))
    assert state.position == 0


def test_a_cancelled_draft_leaves_the_state_as_it_was(odd_model: Model) -> None:
    state = odd_model.new_state()
    odd_model.prefill(state, ids_of(odd_model, 30), logits="none")
    before = dumped(state)
    flag = CancelFlag()
    flag.set()
    with pytest.raises(Cancelled):
        odd_model.draft_step(state, ids_of(odd_model, 9), cancel=flag)
    assert dumped(state) == before
    for delay_s in (0.0, 0.0005, 0.002):
        late = CancelFlag()
        raiser = threading.Timer(delay_s, late.set)
        raiser.start()
        fork = state.fork()
        with pytest.raises(Cancelled):
            draft_on(odd_model, fork, late)
        raiser.join()
        assert (fork.position - 30) % 5 == 0
        stepped = state.fork()
        for _ in range((fork.position - 30) // 5):
            odd_model.draft_step(stepped, ids_of(odd_model, 9)).commit(5)
        assert dumped(fork) == dumped(stepped)


def draft_on(model: Model, state: State, flag: CancelFlag) -> None:
    for _ in range(100_000):
        model.draft_step(state, ids_of(model, 9), cancel=flag).commit(5)


# --- models with branches: sinks, growing caches, experts


@pytest.mark.parametrize("isa", TABLES)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("read_tok", [0, 1, 6, 30, 505])
def test_branches_sinks_caches_and_experts_are_committed_in_part(isa: str, own: bool, read_tok: int) -> None:
    config = config_with(own_qkv=own, linear_rope=own) if own else SMALL
    model = Model(config, weights_for(config), threads=2, isa=isa)
    state = model.new_state(window_precision="f32")
    model.prefill(state, ids_of(model, read_tok), logits="none", chunk_tok=128)
    stepped, before = state.fork(), dumped(state)
    for count, drafted_tok in ((3, 9), (1, 2), (8, 12), (6, 6)):
        drafted = ids_of(model, drafted_tok, seed=count)
        dropped = state.fork()
        model.draft_step(dropped, drafted)
        assert dumped(dropped) == before
        draft = model.draft_step(state, drafted)
        draft.commit(count)
        steps = np.stack([model.step(stepped, int(token)) for token in drafted[:count]])
        assert np.abs(draft.logits[:count] - steps).max() < 1e-3
        near(model, state, stepped, 1e-4)
        before = dumped(state)
    fork = state.fork()
    assert model.step(fork, 2).tobytes() == model.step(state, 2).tobytes()


def test_an_expert_that_cannot_be_read_ends_a_draft_and_leaves_the_state_whole() -> None:
    weights, broken = weights_for(SMALL), False

    def fetch(layer: int, expert: int) -> tuple[Weight, Weight, Weight]:
        if broken:
            raise OSError(5, "the disk is gone")
        prefix = f"model.layers.{layer}.mlp.experts.{expert}"
        gate, up, down = (weights[f"{prefix}.{part}_proj.weight"] for part in ("gate", "up", "down"))
        return gate, up, down

    model = Model(SMALL, weights, threads=1, fetch_expert=fetch)
    state = model.new_state()
    model.prefill(state, ids_of(model, 20), logits="none")
    before, broken = dumped(state), True
    with pytest.raises(OSError, match="the disk is gone"):
        model.draft_step(state, ids_of(model, 5))
    assert dumped(state) == before
    broken = False
    model.draft_step(state, ids_of(model, 5)).commit(2)
    assert state.position == 22


# --- spiking models and their tallies


def spiking(config: NativeConfig, **changes: object) -> NativeConfig:
    return dataclasses.replace(config, spike_k=3.0, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("isa", TABLES)
@pytest.mark.parametrize("every_tok", [1, 3, 8])
def test_only_committed_tokens_are_counted_each_as_a_step_of_its_own(
    odd_config: NativeConfig, odd_weights: dict[str, Weight], isa: str, every_tok: int
) -> None:
    config = spiking(odd_config, use_short_conv=False, spike_down=True)
    weights = {name: weight for name, weight in odd_weights.items() if "conv1d" not in name}
    model = Model(config, weights, threads=2, isa=isa)
    ids = ids_of(model, 60)
    states = model.new_state(), model.new_state()
    for state in states:
        model.prefill(state, ids[:5], logits="none")
        state.tally = model.new_tally(every_tok=every_tok, neurons=4, sample_tok=30)
    drafted, stepped = states
    start = 5
    for count, length in ((1, 1), (3, 9), (9, 9), (1, 6), (2, 12), (12, 12), (5, 20)):
        tail = ids_of(model, length - count, seed=length)
        model.draft_step(drafted, np.concatenate([ids[start : start + count], tail]))  # and dropped
        model.draft_step(drafted, np.concatenate([ids[start : start + count], tail])).commit(count)
        for token in ids[start : start + count]:
            model.step(stepped, int(token))
        start += count
    assert drafted.tally is not None
    assert stepped.tally is not None
    places = [tally.places().astype(np.int64) for tally in (drafted.tally, stepped.tally)]
    counted = sum(position % every_tok == 0 for position in range(5, start))
    assert places[0][0, 0, ROWS] == counted > 0
    assert np.array_equal(places[0][:, :, ROWS], places[1][:, :, ROWS])
    # Behind the first site a sum in another order may tip a value over a tie, and that others.
    assert np.array_equal(places[0][0, 0, :PLACES], places[1][0, 0, :PLACES])
    same = (places[0][:, :, :BIT_STEPS] == places[1][:, :, :BIT_STEPS]).mean()
    assert same > 0.9
    samples = [tally.sample(99) for tally in (drafted.tally, stepped.tally)]
    assert samples[0].shape == samples[1].shape
    assert len(samples[0]) == 30
    assert np.array_equal(samples[0][:, 0, 0], samples[1][:, 0, 0])


def test_experts_count_committed_tokens_only() -> None:
    config = spiking(config_with(shared_expert=False), spike_down=True)
    model = Model(config, weights_for(config), threads=2)
    drafted, stepped = model.new_state(), model.new_state()
    for state in (drafted, stepped):
        state.tally = model.new_tally()
    ids = ids_of(model, 30)
    model.draft_step(drafted, ids[:11]).commit(4)
    model.draft_step(drafted, ids[4:11]).commit(7)
    for token in ids[:11]:
        model.step(stepped, int(token))
    assert drafted.tally is not None
    assert stepped.tally is not None
    assert np.array_equal(drafted.tally.places()[:, :, ROWS], stepped.tally.places()[:, :, ROWS])


@pytest.mark.parametrize("isa", TABLES)
def test_a_spiking_model_drafts_as_it_steps(
    odd_config: NativeConfig, odd_weights: dict[str, Weight], isa: str
) -> None:
    model = Model(spiking(odd_config), odd_weights, threads=1, isa=isa)
    state = model.new_state()
    model.prefill(state, ids_of(model, 25), logits="none")
    stepped = state.fork()
    drafted = ids_of(model, 5, seed=2)  # few enough that every product sums as a step's
    draft = model.draft_step(state, drafted)
    draft.commit(1)
    assert draft.logits[0].tobytes() == model.step(stepped, int(drafted[0])).tobytes()
    assert dumped(state) == dumped(stepped)
