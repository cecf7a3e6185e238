"""What is counted while a spiking model runs, against what its sites hold; four-bit weights with spikes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import kernels
from engine.models.convert import convert
from engine.models.loading import LoadedModel, load
from engine.models.quantization import dequantise_q4, quantise_q4
from engine.spike_tally import BIT_STEPS, NOT_CODED, ROWS, SAMPLED_PROMPT_TOK, SITES
from tests.fixtures.model_files import small_config, write_checkpoint
from tests.fixtures.spike_places import expected
from tests.native.test_branches import config_with, weights_for

TABLES = kernels.features().tables
K = 3.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tally") / "m"
    write_checkpoint(path, config=small_config())
    return path


@pytest.fixture(scope="module", params=["f32", "q8", "q4"])
def model(request: pytest.FixtureRequest, folder: Path) -> LoadedModel:
    path = folder.parent / f"{request.param}.gguf"
    convert(folder, path, request.param)
    return load(path, threads=2, spike_k=K, spiking_down=True)


def ids_of(model: LoadedModel, count: int, seed: int = 0) -> NDArray[np.int32]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, model.info.vocab_size, count).astype(np.int32)


def test_what_is_counted_is_what_was_coded(model: LoadedModel) -> None:
    ids = ids_of(model, 37)
    traced = model.model.trace_spikes(model.model.new_state(), ids)
    state = model.model.new_state()
    state.tally = model.model.new_tally(neurons=7, sample_tok=64)
    model.model.prefill(state, ids, logits="all")
    places = state.tally.places()
    sample = state.tally.sample(100)
    assert sample.shape == (SAMPLED_PROMPT_TOK, model.info.layers, len(SITES), 7)
    for layer in range(model.info.layers):
        for index, site in enumerate(SITES):
            if (layer, site) not in traced:
                assert not places[layer, index].any()
                assert (sample[:, layer, index] == NOT_CODED).all()
                continue
            counts = traced[layer, site].counts
            assert np.array_equal(places[layer, index], expected(counts)), (layer, site)
            rows = counts.reshape(len(ids), -1)[-SAMPLED_PROMPT_TOK:]
            kept = [j * rows.shape[1] // 7 for j in range(7)]
            assert np.array_equal(sample[:, layer, index], np.clip(rows[:, kept], -127, 127))


def test_tokens_are_counted_by_their_place_whatever_the_calls(model: LoadedModel) -> None:
    ids = ids_of(model, 30, 1)
    found = []
    for chunk, steps in ((64, 0), (7, 3), (1, 29)):
        state = model.model.new_state()
        state.tally = model.model.new_tally(every_tok=4)
        model.model.prefill(state, ids[: 30 - steps], logits="all", chunk_tok=chunk)
        for token_id in ids[30 - steps :]:
            model.model.step(state, int(token_id))
        found.append(state.tally.places().astype(np.int64))
    assert found[0][0, 0, ROWS] == 8
    for other in found[1:]:
        assert np.array_equal(other[:, :, ROWS], found[0][:, :, ROWS])
        # Behind the first site a sum in another order may tip a value over a tie, and that others.
        assert np.array_equal(other[0, 0, :BIT_STEPS], found[0][0, 0, :BIT_STEPS])


def test_nothing_changes_for_being_counted(model: LoadedModel) -> None:
    ids = ids_of(model, 40, 2)
    plain, counted = model.model.new_state(), model.model.new_state()
    counted.tally = model.model.new_tally(neurons=5, sample_tok=8)
    assert np.array_equal(model.model.prefill(plain, ids), model.model.prefill(counted, ids))
    assert np.array_equal(model.model.step(plain, 3), model.model.step(counted, 3))
    assert counted.fork().tally is None


def test_a_cancelled_call_adds_nothing(model: LoadedModel) -> None:
    ids = ids_of(model, 20, 3)
    state = model.model.new_state()
    state.tally = tally = model.model.new_tally(neurons=5, sample_tok=8)
    flag = kernels.CancelFlag()
    flag.set()
    with pytest.raises(kernels.Cancelled):
        model.model.prefill(state, ids, cancel=flag)
    assert not tally.places().any()
    assert tally.sample(8).shape[0] == 0
    model.model.prefill(state, ids)
    assert tally.places()[0, 0, ROWS] == 20


def test_a_sample_keeps_the_last_tokens_in_order(model: LoadedModel) -> None:
    ids = ids_of(model, 50, 4)
    state = model.model.new_state()
    state.tally = model.model.new_tally(neurons=6, sample_tok=20)
    model.model.prefill(state, ids[:30], logits="all")
    for token_id in ids[30:]:
        model.model.step(state, int(token_id))
    longer = model.model.new_state()
    longer.tally = model.model.new_tally(neurons=6, sample_tok=64)
    model.model.prefill(longer, ids[:30], logits="all")
    for token_id in ids[30:]:
        model.model.step(longer, int(token_id))
    whole = longer.tally.sample(99)
    assert len(whole) == SAMPLED_PROMPT_TOK + 20
    assert np.array_equal(state.tally.sample(99), whole[-20:])
    assert np.array_equal(state.tally.sample(5), whole[-5:])


def test_a_tally_of_another_shape_is_refused(model: LoadedModel, folder: Path) -> None:
    other = folder.parent / "other"
    write_checkpoint(other, config=small_config(layers=4))
    foreign = load(other, threads=1, spike_k=K)
    state = model.model.new_state()
    state.tally = foreign.model.new_tally()
    with pytest.raises(ValueError, match="another shape"):
        model.model.prefill(state, ids_of(model, 3))
    with pytest.raises(ValueError, match="sample"):
        model.model.new_tally(neurons=5000)
    with pytest.raises(ValueError, match="sample"):
        model.model.new_tally(every_tok=0)


def four_bit_weights(config: kernels.NativeConfig) -> tuple[dict[str, kernels.Weight], ...]:
    """The same random weights in four bits and as the floats these stand for. One input of each norm is so
    large that its counts pass int8."""
    rng = np.random.default_rng(5)
    coded: dict[str, kernels.Weight] = {}
    plain: dict[str, kernels.Weight] = {}
    for name, shape in kernels.expected_tensors(config).items():
        values = rng.standard_normal(shape).astype(np.float32)
        if len(shape) == 2:
            packed = quantise_q4(values / np.sqrt(np.float32(shape[1])))
            coded[name] = kernels.Weight("q4", shape, packed.codes, packed.scales)
            plain[name] = kernels.Weight("f32", shape, dequantise_q4(packed, shape[1]))
            continue
        if name.endswith("norm.weight"):
            values[shape[0] // 2] = 3000.0
        coded[name] = plain[name] = kernels.Weight("f32", shape, values)
    return coded, plain


@pytest.mark.parametrize("isa", TABLES)
def test_four_bit_weights_take_counts_of_any_size(isa: str) -> None:
    config = kernels.NativeConfig(
        vocab_size=40, hidden_size=202, layers=1, heads=2, kv_heads=1, head_dim=102, intermediate_size=134,
        gate_rank=6, sliding_window=5, attn_layers=(), spike_k=K, spike_down=True, merged_gate=True,
    )  # fmt: skip
    ids = np.arange(21, dtype=np.int32)
    hidden, counts = [], []
    for weights in four_bit_weights(config):
        model = kernels.Model(config, weights, threads=1, isa=isa)
        hidden.append(model.trace_hidden(model.new_state(), ids))
        counts.append(model.trace_spikes(model.new_state(), ids))
    largest = {site: np.abs(found.counts).max() for (_, site), found in counts[0].items()}
    assert largest["mixer"] > 127 < largest["mlp"]
    same = [np.array_equal(found.counts, counts[1][place].counts) for place, found in counts[0].items()]
    assert all(same)  # no value of this seed lies next to a tie
    error = np.abs(hidden[0][1] - hidden[1][1])
    assert error.max() < 2e-5 * np.abs(hidden[1][1]).max()


@pytest.mark.parametrize("shared", [True, False])
def test_routed_experts_count_each_input_once(shared: bool) -> None:
    config = dataclasses.replace(config_with(shared_expert=shared), spike_k=K, spike_down=True)
    model = kernels.Model(config, weights_for(config), threads=2)
    state = model.new_state()
    state.tally = model.new_tally(neurons=4, sample_tok=16)
    model.prefill(state, np.arange(23, dtype=np.int32), logits="all")
    rows = state.tally.places()[:, :, ROWS]
    sites = {site: index for index, site in enumerate(SITES)}
    assert (rows[:, sites["mixer"]] == 23).all()
    assert (rows[:, sites["mlp"]] == 23).all()
    assert config.branches is not None
    for layer in range(config.layers):
        # What each expert's own last matrix takes in is its own.
        several = 2 if shared and layer in config.branches.routed_layers else 1
        assert rows[layer, sites["down"]] == several * 23
    assert (state.tally.sample(8)[:, 0, sites["mlp"]] != NOT_CODED).all()
