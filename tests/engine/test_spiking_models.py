"""Spiking checkpoints: recognised by their tensors, stored to the code, and computed as published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine import kernels
from engine.models import keys
from engine.models.checkpoint import open_checkpoint
from engine.models.config import ModelConfig
from engine.models.convert import FORMATS, convert
from engine.models.errors import ConversionError, ModelError, ModelFileError
from engine.models.gguf import open_gguf
from engine.models.loading import LoadedModel, load
from engine.models.spike_codes import code_weights, far_starts, join_codes, split_codes
from engine.models.spike_conversion import SpikeEncoder
from engine.models.tensor_names import expected_tensors, parameter_count
from engine.models.tensors import ElementType, narrow_to_bf16, widen
from tests.fixtures.model_files import (
    FLOAT_TINY,
    GOLDEN,
    read_golden,
    write_safetensors,
)
from tests.fixtures.spiking_model import (
    CLEAR,
    CONFIG,
    PROMPT_TOK,
    prompt,
    run,
    spiking_tensors,
    write_spiking,
)

PUBLISHED = GOLDEN / "w8aspike-tiny"
PROMPTS = ("len1", "len7", "len33", "len48", "text")
SITES = {
    "layers.0.attn.q_proj": (0, "mixer"),
    "layers.0.attn.o_proj": (0, "output"),
    "layers.0.mlp.gate_proj": (0, "mlp"),
    "layers.1.attn.q_proj": (1, "mixer"),
    "layers.1.attn.o_proj": (1, "output"),
    "layers.1.attn.query_spikes": (1, "query"),
}
TABLES = kernels.features().tables


@pytest.fixture(scope="module")
def answers() -> dict[str, NDArray[np.float32]]:
    return {name: np.array(array) for name, array in read_golden(PUBLISHED).items()}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spike8") / "m.gguf"
    convert(PUBLISHED, path, "spike8")
    return path


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The float32 checkpoint with codes beyond int8."""
    return write_spiking(tmp_path_factory.mktemp("wide"))


@pytest.fixture(scope="module")
def wide_file(wide: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wide8") / "m.gguf"
    convert(wide, path, "spike8")
    return path


def prefill(loaded: LoadedModel, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    return loaded.model.prefill(loaded.model.new_state(), ids, logits="all", chunk_tok=48)


@pytest.mark.parametrize("isa", TABLES)
@pytest.mark.parametrize("stored", ["folder", "file"])
def test_prompts_and_continuations_follow_the_published_code(
    stored: str, isa: str, answers: dict[str, NDArray[np.float32]], converted: Path
) -> None:
    model = load(PUBLISHED if stored == "folder" else converted, threads=2, isa=isa).model
    for name in PROMPTS:
        state = model.new_state()
        logits = model.prefill(state, answers[f"{name}.input_ids"], logits="all", chunk_tok=48)
        assert np.abs(logits - answers[f"{name}.prefill_logits"]).max() <= 1e-4
        generated = answers[f"{name}.gen_ids"]
        decoded = np.stack([model.step(state, int(token)) for token in generated])
        assert np.abs(decoded - answers[f"{name}.decode_logits"]).max() <= 1e-4
        greedy = [int(logits[-1].argmax()), *(int(row.argmax()) for row in decoded[:-1])]
        assert greedy == generated.tolist()


@pytest.mark.parametrize("isa", TABLES)
def test_every_count_and_threshold_is_the_published_one(
    isa: str, answers: dict[str, NDArray[np.float32]], converted: Path
) -> None:
    model = load(converted, threads=1, isa=isa).model
    found = model.trace_spikes(model.new_state(), answers["len33.input_ids"])
    assert (1, "query") in found
    assert (0, "query") not in found
    assert (0, "down") not in found
    for name, site in SITES.items():
        counts = answers[f"len33.spikes.model.{name}.counts"]
        thresholds = answers[f"len33.spikes.model.{name}.vth"]
        assert np.array_equal(found[site].counts, counts)
        assert np.abs(found[site].thresholds / thresholds - 1).max() <= 1e-5


@pytest.mark.parametrize("isa", TABLES)
def test_states_windows_and_the_residual_stream_are_the_published_ones(
    isa: str, answers: dict[str, NDArray[np.float32]], converted: Path
) -> None:
    model = load(converted, threads=1, isa=isa).model
    ids = answers["len33.input_ids"]
    hidden = model.trace_hidden(model.new_state(), ids)
    assert np.abs(hidden - answers["len33.hidden_states"]).max() <= 1e-4
    state = model.new_state(window_precision="f32")
    model.prefill(state, ids, logits="none")
    for layer in (0, 2):
        expected = answers[f"len33.layer{layer}.state_after_prefill"]
        assert np.abs(model.gla_state(state, layer) - expected).max() <= 1e-4 * max(1, np.abs(expected).max())
    for which, entries in zip("kv", model.window_entries(state, 1), strict=True):
        # The published cache keeps floats and rounds them at every use; ours keeps what they are rounded to.
        count = entries.shape[1]
        scales = answers[f"len33.layer1.{which}_scale"].T[:, -count:]
        codes = answers[f"len33.layer1.{which}_codes"].transpose(1, 0, 2)[:, -count:]
        assert np.array_equal(np.rint(entries / scales[..., None]), codes)
        assert np.allclose(entries, codes * scales[..., None], rtol=1e-5, atol=0)
    for layer in (1, 3):
        for which, entries in zip("kv", model.window_entries(state, layer), strict=True):
            floats = answers[f"len33.layer{layer}.{which}_cache_after_prefill"]
            half_step = np.abs(floats).max(axis=-1, keepdims=True) / 127 / 2
            assert (np.abs(entries[:, -floats.shape[1] :] - floats) <= half_step * 1.0001).all()
    for token in answers["len33.gen_ids"]:
        model.step(state, int(token))
    for layer in (0, 2):
        expected = answers[f"len33.layer{layer}.state_after_decode"]
        assert np.abs(model.gla_state(state, layer) - expected).max() <= 1e-4 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("isa", TABLES)
@pytest.mark.parametrize("stored", ["folder", "file"])
def test_down_proj_spikes_when_asked_to(
    stored: str, isa: str, answers: dict[str, NDArray[np.float32]], converted: Path
) -> None:
    path = PUBLISHED if stored == "folder" else converted
    loaded = load(path, threads=1, isa=isa, spiking_down=True)
    for name in ("len1", "len7"):
        logits = prefill(loaded, answers[f"{name}.input_ids"])
        assert np.abs(logits - answers[f"{name}.spiking_down_proj_prefill_logits"]).max() <= 1e-4
    assert (0, "down") in loaded.model.trace_spikes(loaded.model.new_state(), answers["len7.input_ids"])


@pytest.mark.parametrize("isa", TABLES)
@pytest.mark.parametrize("down", [False, True])
def test_codes_beyond_int8_follow_the_reference_in_float64(
    down: bool, isa: str, wide: Path, wide_file: Path
) -> None:
    ids = prompt()
    expected, reference = run(wide, ids, spiking_down=down)
    assert reference.clearance > CLEAR
    for path in (wide, wide_file):
        model = load(path, threads=2, isa=isa, spiking_down=down).model
        state = model.new_state()
        logits = model.prefill(state, ids[:PROMPT_TOK], logits="all", chunk_tok=5)
        decoded = [model.step(state, int(token)) for token in ids[PROMPT_TOK:]]
        assert np.abs(np.stack([*logits, *decoded]) - expected).max() <= 1e-4


def test_codes_and_scales_survive_the_file_to_the_bit(wide_file: Path) -> None:
    file = open_gguf(wide_file)
    arrays = spiking_tensors()
    place, largest = 0, 0
    far = file.tensors.map_tensor(keys.FAR).view(np.uint32)
    for tensor in expected_tensors(CONFIG):
        if not tensor.coded or tensor.stays_float:
            stored = file.tensors.map_tensor(tensor.name)
            assert np.array_equal(np.asarray(stored), arrays[tensor.name])
            continue
        scales = np.asarray(file.tensors.map_tensor(tensor.name + keys.SCALES_SUFFIX))
        assert np.array_equal(scales, arrays[tensor.name + "_quantizer.scales"][..., 0])
        counts = np.asarray(file.tensors.map_tensor(tensor.name + keys.FAR_COUNTS_SUFFIX))
        rows = split_codes(np.zeros((1, 1), np.int32))
        rows = type(rows)(
            np.asarray(file.tensors.map_tensor(tensor.name)), far[place : place + counts.sum()], counts
        )
        place += int(counts.sum())
        codes = join_codes(rows)
        weights = arrays[tensor.name].astype(np.float64)
        assert np.array_equal(codes, np.rint(weights / np.repeat(scales, 128, 1)[:, : weights.shape[1]]))
        largest = max(largest, int(np.abs(codes).max()))
    assert place == far.size > 100
    assert largest == 194


def test_a_spiking_folder_is_recognised_by_its_tensors() -> None:
    checkpoint = open_checkpoint(PUBLISHED)
    assert checkpoint.config.spike_k == 3.0
    assert checkpoint.config.merged_gate
    checkpoint.tensors.close()


def test_the_published_spiking_shape_has_the_published_number_of_tensors() -> None:
    raw = json.loads((PUBLISHED / "config.json").read_text())
    raw |= {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "intermediate_size": 18944,
    }
    fields = {field: getattr(ModelConfig.from_json(raw), field) for field in ModelConfig.__slots__}
    config = ModelConfig(**{**fields, "merged_gate": True, "spike_k": 3.0})
    tensors = list(expected_tensors(config))
    assert len(tensors) + sum(tensor.coded for tensor in tensors) == 591
    coded = sum(t.shape[0] * t.shape[1] for t in tensors if t.coded and not t.stays_float)
    assert coded == 4_649_910_272


def test_float_matrices_are_narrowed_only_where_nothing_is_lost(wide: Path, tmp_path: Path) -> None:
    narrow = write_spiking(tmp_path / "narrow")
    arrays = spiking_tensors()
    name = "model.layers.1.mlp.down_proj.weight"
    arrays[name] = widen(narrow_to_bf16(arrays[name]), ElementType.BF16)
    write_safetensors(narrow / "model.safetensors", arrays)
    convert(narrow, tmp_path / "m.gguf", "spike8")
    entries = open_gguf(tmp_path / "m.gguf").tensors.entries
    assert entries[name].element is ElementType.BF16
    assert entries["lm_head.weight"].element is ElementType.F32
    ids = prompt()[:PROMPT_TOK]
    assert np.array_equal(
        prefill(load(tmp_path / "m.gguf", threads=1), ids), prefill(load(narrow, threads=1), ids)
    )


def test_the_two_readings_give_other_codes_and_the_file_says_which(wide: Path, tmp_path: Path) -> None:
    weights = spiking_tensors()["model.layers.0.attn.q_proj.weight"]
    name = "model.layers.0.attn.q_proj.weight"
    codes = {}
    for reading in ("f32", "bf16"):
        convert(wide, tmp_path / f"{reading}.gguf", "spike8", reading=reading)  # type: ignore[arg-type]
        file = open_gguf(tmp_path / f"{reading}.gguf")
        assert file.metadata[keys.SPIKE_READING] == reading
        codes[reading] = np.asarray(file.tensors.map_tensor(name)).astype(int)
        load(tmp_path / f"{reading}.gguf", threads=1, spiking_down=True)
    changed = (codes["f32"] != codes["bf16"]).mean()
    assert 0.0 < changed < 0.2
    scales = np.asarray(file.tensors.map_tensor(name + keys.SCALES_SUFFIX))
    assert not (scales.view(np.uint32) & 0xFFFF).any()
    rounded = (widen(narrow_to_bf16(weights), ElementType.BF16) / np.repeat(scales, 128, 1)[:, :192]).astype(
        np.float32
    )
    wanted = np.rint(widen(narrow_to_bf16(rounded), ElementType.BF16))
    assert np.array_equal(codes["bf16"], np.clip(wanted, -128, 127))


def test_a_file_without_far_codes_loads(tmp_path: Path) -> None:
    folder = write_spiking(tmp_path / "near")
    arrays = spiking_tensors()
    for tensor in expected_tensors(CONFIG):
        if tensor.coded:
            wide_scales = np.repeat(arrays[tensor.name + "_quantizer.scales"][..., 0], 128, 1)
            limit = 100 * wide_scales[:, : tensor.shape[1]]
            arrays[tensor.name] = np.clip(arrays[tensor.name], -limit, limit).astype(np.float32)
    write_safetensors(folder / "model.safetensors", arrays)
    convert(folder, tmp_path / "m.gguf", "spike8")
    assert open_gguf(tmp_path / "m.gguf").tensors.entries[keys.FAR].shape == (1,)
    ids = prompt()[:PROMPT_TOK]
    assert np.array_equal(
        prefill(load(tmp_path / "m.gguf", threads=1), ids), prefill(load(folder, threads=1), ids)
    )


def test_blocks_and_threads_do_not_change_anything(
    wide: Path, wide_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.models.tensors._BLOCK_ELEMENTS", 500)
    convert(wide, tmp_path / "b.gguf", "spike8")
    assert wide_file.read_bytes() == (tmp_path / "b.gguf").read_bytes()
    ids = prompt()
    one, three = (load(wide_file, threads=n, spiking_down=True) for n in (1, 3))
    assert np.array_equal(prefill(one, ids), prefill(three, ids))


def test_formats_go_with_their_checkpoints(tmp_path: Path, wide: Path) -> None:
    for format_name in FORMATS:
        with pytest.raises(ConversionError) as caught:
            convert(wide, tmp_path / "m.gguf", format_name)
        assert caught.value.code == "format-unsuitable"
    with pytest.raises(ConversionError) as caught:
        convert(FLOAT_TINY, tmp_path / "m.gguf", "spike8")
    assert caught.value.code == "format-unsuitable"
    with pytest.raises(ConversionError):
        convert(wide, tmp_path / "m.gguf", "spike8", reading="f16")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


BROKEN = {
    "no scales": ({"model.layers.0.attn.q_proj.weight_quantizer.scales": None}, "checkpoint-incomplete"),
    "scales of another shape": (
        {"model.layers.0.attn.q_proj.weight_quantizer.scales": np.ones((192, 2), np.float32)},
        "model-tensor-shape",
    ),
    "a scale of zero": (
        {"model.layers.0.attn.q_proj.weight_quantizer.scales": np.zeros((192, 2, 1), np.float32)},
        "scale-invalid",
    ),
    "a weight that is not a number": (
        {"model.layers.1.mlp.up_proj.weight": np.full((320, 192), np.nan, np.float32)},
        "code-out-of-range",
    ),
    "a code of thousands": (
        {"model.layers.1.mlp.up_proj.weight": np.full((320, 192), 90.0, np.float32)},
        "code-out-of-range",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_spiking_folder_that_does_not_fit_together_is_refused(name: str, tmp_path: Path) -> None:
    changes, code = BROKEN[name]
    folder = write_spiking(tmp_path / "m")
    arrays = {**spiking_tensors(), **changes}
    write_safetensors(folder / "model.safetensors", {k: a for k, a in arrays.items() if a is not None})
    with pytest.raises(ModelError) as caught:
        load(folder, threads=1)
    assert caught.value.code == code
    with pytest.raises(ModelError) as caught:
        convert(folder, tmp_path / "m.gguf", "spike8")
    assert caught.value.code == code
    assert not (tmp_path / "m.gguf").exists()


@given(st.data())
def test_any_change_of_a_spiking_file_gives_a_model_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, wide_file: Path, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("mutated")
    file = open_gguf(wide_file)
    spans = [
        entry
        for name, entry in file.tensors.entries.items()
        if name.endswith(keys.FAR_COUNTS_SUFFIX) or name == keys.FAR
    ]
    raw = bytearray(wide_file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        entry = data.draw(st.sampled_from(spans))
        raw[entry.offset_bytes + data.draw(st.integers(0, entry.size_bytes - 1))] = data.draw(
            st.integers(0, 255)
        )
    (folder / "m.gguf").write_bytes(raw)
    try:
        loaded = load(folder / "m.gguf", threads=1, verify=False)
    except ModelFileError:
        return
    prefill(loaded, prompt()[:3])


def test_a_spiking_model_cannot_be_told_not_to_spike(wide: Path) -> None:
    with pytest.raises(ValueError, match="always coded"):
        load(wide, threads=1, spike_k=0)
    with pytest.raises(ValueError, match="spike_k"):
        load(wide, threads=1, spike_k=-1)
    with pytest.raises(ValueError, match="down_proj"):
        load(FLOAT_TINY, threads=1, spiking_down=True)


def test_any_float_or_q8_model_spikes_when_asked_to(tmp_path: Path) -> None:
    """Finer thresholds come nearer to the same model without spikes."""
    folder = Path(shutil.copytree(FLOAT_TINY, tmp_path / "m", ignore=shutil.ignore_patterns("golden.*")))
    ids = np.array(read_golden(FLOAT_TINY)["len33.input_ids"])
    for format_name in ("f32", "q8", "q4"):
        convert(folder, tmp_path / f"{format_name}.gguf", format_name)  # type: ignore[arg-type]
        path = tmp_path / f"{format_name}.gguf"
        plain = prefill(load(path, threads=1), ids)
        errors = []
        for k in (3.0, 12.0, 60.0):
            spiking = load(path, threads=1, spike_k=k, spiking_down=True)
            found = prefill(spiking, ids)
            errors.append(float(np.sqrt(((found - plain) ** 2).mean()) / plain.std()))
            counts = spiking.model.trace_spikes(spiking.model.new_state(), ids)[0, "mixer"].counts
            assert abs(np.abs(counts).mean() / k - 1) < 0.05
            assert np.array_equal(counts, np.rint(counts))
        assert errors[0] > errors[1] > errors[2]
        assert errors[2] < 0.1


def test_states_of_spiking_and_plain_models_do_not_mix(tmp_path: Path) -> None:
    plain, spiking = load(FLOAT_TINY, threads=1), load(FLOAT_TINY, threads=1, spike_k=3.0)
    ids = np.array([1, 2, 3], np.int32)
    with pytest.raises(ValueError, match="another shape"):
        spiking.model.prefill(plain.model.new_state(window_precision="int8"), ids)
    with pytest.raises(ValueError, match="another shape"):
        plain.model.prefill(spiking.model.new_state(), ids)
    assert "window=int8" in spiking.model.new_state(window_precision="f32").layout


@given(st.lists(st.lists(st.integers(-4095, 4095), min_size=3, max_size=3), min_size=1, max_size=5))
def test_codes_of_any_size_survive_splitting(codes: list[list[int]]) -> None:
    array = np.array(codes, np.int32)
    rows = split_codes(array)
    assert np.array_equal(join_codes(rows), array)
    assert far_starts(rows.far_counts)[-1] == rows.far.size == np.count_nonzero(np.abs(array + 0.5) > 128)


def test_codes_round_to_even_and_by_true_division() -> None:
    scales = np.array([[0.1]], np.float32)
    steps = np.array([[0.5, 1.5, 2.5, -0.5, -1.5, 127.5, 200.5]], np.float32)
    assert code_weights(steps, np.ones((1, 1), np.float32)).tolist() == [[0, 2, 2, 0, -2, 128, 200]]
    weights = np.float32([[0.35]])
    assert code_weights(weights, scales)[0, 0] == np.rint(weights[0, 0] / scales[0, 0])


def test_parameters_are_counted_with_the_merged_gate() -> None:
    assert parameter_count(CONFIG) == sum(
        int(np.prod(array.shape)) for name, array in spiking_tensors().items() if "quantizer" not in name
    )


def test_looking_for_what_bfloat16_cannot_hold_can_be_stopped(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop() -> None:
        raise Enough

    write_spiking(tmp_path / "m")
    checkpoint = open_checkpoint(tmp_path / "m")
    tensors = list(checkpoint.architecture.tensors(checkpoint.config))
    try:
        with pytest.raises(Enough):
            SpikeEncoder(checkpoint.tensors, tensors, "f32", stop)
    finally:
        checkpoint.tensors.close()
