"""A published folder becomes a checked value, and a converted or plain model gives the known logits."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.models import keys
from engine.models.checkpoint import open_checkpoint
from engine.models.config import ModelConfig
from engine.models.convert import FORMATS, Format, convert
from engine.models.errors import ModelFileError
from engine.models.loading import load
from engine.models.tensor_names import expected_tensors, parameter_count
from tests.fixtures.model_files import (
    FLOAT_TINY,
    SHARDED,
    random_tensors,
    read_golden,
    small_config,
    write_checkpoint,
    write_safetensors,
)

PUBLISHED = {
    "model_type": "gla_swa",
    "vocab_size": 152064,
    "hidden_size": 3584,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "intermediate_size": 18944,
    "sliding_window": 4096,
    "norm_eps": 1e-6,
    "rope_theta": 1_000_000,
    "attn_layers": [0, 2, 4],
}


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_published_shape_has_the_published_number_of_tensors_and_weights() -> None:
    config = ModelConfig.from_json(PUBLISHED)
    assert len(list(expected_tensors(config))) == 395
    assert parameter_count(config) == 7_616_542_976
    assert config.head_dim == 128


def test_odd_layers_have_windows_whatever_the_configuration_lists() -> None:
    config = ModelConfig.from_json(PUBLISHED)
    assert config.attn_layers == tuple(range(1, 28, 2))
    names = {tensor.name for tensor in expected_tensors(config)}
    assert "model.layers.0.attn.gk_proj.0.weight" in names
    assert "model.layers.1.attn.gk_proj.0.weight" not in names


@pytest.mark.parametrize(
    "change",
    [
        {"vocab_size": 0},
        {"vocab_size": 1 << 40},
        {"hidden_size": 3585},
        {"hidden_size": "3584"},
        {"hidden_size": True},
        {"num_hidden_layers": 10**9},
        {"num_attention_heads": 0},
        {"num_key_value_heads": 3},
        {"num_key_value_heads": 0},
        {"num_attention_heads": 3584},
        {"norm_eps": 0.0},
        {"norm_eps": float("inf")},
        {"rope_theta": -1},
        {"rope_theta": 10**400},
        {"sliding_window": 1.5},
        {"use_short_conv": 1},
        {"conv_size": 10**6},
        {"conv_size": 1, "use_short_conv": True},
        {"tie_word_embeddings": True},
        {"hidden_act": "gelu"},
    ],
    ids=str,
)
def test_a_configuration_out_of_bounds_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelFileError) as caught:
        ModelConfig.from_json({**PUBLISHED, **change})
    assert caught.value.code == "model-config-invalid"


def test_another_kind_of_model_is_refused_by_its_name() -> None:
    with pytest.raises(ModelFileError, match="'llama'") as caught:
        ModelConfig.from_json({**PUBLISHED, "model_type": "llama"})
    assert caught.value.code == "model-architecture-unknown"


def test_a_folder_gives_tokenizer_template_and_both_ends_of_an_answer() -> None:
    checkpoint = open_checkpoint(FLOAT_TINY)
    assert checkpoint.tokenizer.size == 503
    assert checkpoint.eos_id == 500
    assert checkpoint.stop_ids == (500, 502)
    assert "<|im_start|>assistant" in checkpoint.template
    checkpoint.tensors.close()


def test_a_template_in_a_file_of_its_own_wins(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert open_checkpoint(tmp_path).template == "{{ messages[0].content }}"


def test_of_several_named_templates_the_default_is_taken(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    choices = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]
    edit(tmp_path / "tokenizer_config.json", chat_template=choices)
    assert open_checkpoint(tmp_path).template == "yes"


def break_missing(folder: Path) -> None:
    arrays = random_tensors(small_config())
    del arrays["model.norm.weight"]
    write_safetensors(folder / "model.safetensors", arrays)


def break_shape(folder: Path) -> None:
    arrays = random_tensors(small_config())
    arrays["model.norm.weight"] = arrays["model.norm.weight"][:-1]
    write_safetensors(folder / "model.safetensors", arrays)


def break_extra(folder: Path) -> None:
    arrays = random_tensors(small_config())
    write_safetensors(folder / "model.safetensors", {**arrays, "more": arrays["model.norm.weight"]})


def break_spiking(folder: Path) -> None:
    arrays = random_tensors(small_config())
    name = "model.layers.0.attn.q_proj.weight_quantizer.scales"
    write_safetensors(folder / "model.safetensors", {**arrays, name: arrays["model.norm.weight"]})


def break_integers(folder: Path) -> None:
    arrays = {**random_tensors(small_config()), "model.norm.weight": np.ones(64, dtype=np.int8)}
    write_safetensors(folder / "model.safetensors", arrays)


def break_vocabulary(folder: Path) -> None:
    edit(folder / "config.json", vocab_size=100)
    write_safetensors(folder / "model.safetensors", random_tensors(small_config(vocab_size=100)))


def break_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def break_facts(folder: Path) -> None:
    (folder / "huisclos.json").write_text('{"confidence_floor": 7}')


def break_facts_name(folder: Path) -> None:
    (folder / "huisclos.json").write_text('{"licence_": "x"}')


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (break_missing, "checkpoint-incomplete"),
        (break_shape, "model-tensor-shape"),
        (break_extra, "checkpoint-tensor-unexpected"),
        (break_spiking, "model-tensor-shape"),
        (break_integers, "model-tensor-type-unsupported"),
        (break_vocabulary, "tokenizer-invalid"),
        (break_config, "model-file-unreadable"),
        (break_facts, "model-facts-invalid"),
        (break_facts_name, "model-facts-invalid"),
    ],
)
def test_a_folder_that_does_not_fit_together_is_refused(damage: object, code: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    assert callable(damage)
    damage(tmp_path)
    with pytest.raises(ModelFileError) as caught:
        open_checkpoint(tmp_path)
    assert caught.value.code == code


@pytest.mark.parametrize("half", ["\ud800", "x\udc80"])
def test_half_a_character_is_no_text_wherever_it_stands(half: str, tmp_path: Path) -> None:
    folder = shutil.copytree(SHARDED, tmp_path / "m")
    edit(folder / "tokenizer_config.json", chat_template=half)
    with pytest.raises(ModelFileError, match=r"tokenizer_config\.json is not valid") as caught:
        open_checkpoint(folder)
    assert caught.value.code == "model-json-invalid"
    edit(folder / "tokenizer_config.json", chat_template="\N{GRINNING FACE}")  # two of them are a whole one
    assert open_checkpoint(folder).template == "\N{GRINNING FACE}"


@pytest.mark.parametrize("shard", ["\ud800.safetensors", "a\0.safetensors", "../m.safetensors", 7, []])
def test_an_index_names_files_of_its_folder(shard: object, tmp_path: Path) -> None:
    folder = shutil.copytree(SHARDED, tmp_path / "m")
    index = folder / "model.safetensors.index.json"
    places = json.loads(index.read_text())["weight_map"]
    edit(index, weight_map={**places, "model.norm.weight": shard})
    with pytest.raises(ModelFileError) as caught:
        open_checkpoint(folder)
    assert caught.value.code == "model-json-invalid"


def test_templates_with_names_that_are_none_are_passed_over(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    edit(tmp_path / "tokenizer_config.json", chat_template=[{"name": [], "template": "x"}, 7])
    assert open_checkpoint(tmp_path).template == ""


@pytest.mark.parametrize("folder", [FLOAT_TINY, SHARDED], ids=lambda folder: folder.name)
@pytest.mark.parametrize("form", ["folder", "f32", "bf16"])
def test_the_known_logits_come_out_of_folder_and_exact_files(form: str, folder: Path, tmp_path: Path) -> None:
    path = folder
    if form != "folder":
        path = tmp_path / "model.gguf"
        convert(folder, path, "f32" if form == "f32" else "bf16")
    loaded = load(path, threads=2)
    golden = read_golden(folder)
    ids = golden["text.input_ids"]
    logits = loaded.model.prefill(loaded.model.new_state(window_precision="f32"), ids, logits="all")
    assert float(np.abs(logits - golden["text.prefill_logits"]).max()) <= 1e-4
    text = json.loads((folder / "golden.json").read_text())["prompts"]["text"]
    assert loaded.encode_text(text["text"] if isinstance(text, dict) else text) == ids.tolist()


@pytest.mark.parametrize(("format_name", "bound"), [("q8", 0.04), ("q4", 0.30)])
def test_quantised_files_stay_near_the_known_logits(
    format_name: Format, bound: float, tmp_path: Path
) -> None:
    convert(SHARDED, tmp_path / "model.gguf", format_name)
    loaded = load(tmp_path / "model.gguf", threads=2)
    golden = read_golden(SHARDED)
    wanted = np.asarray(golden["len130.prefill_logits"])
    logits = loaded.model.prefill(
        loaded.model.new_state(window_precision="f32"), golden["len130.input_ids"], logits="all"
    )
    error = np.sqrt(np.mean((logits - wanted) ** 2) / np.mean(wanted**2))
    assert 0.0 < error < bound


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_model_with_short_convolutions_and_odd_sizes_loads_in_every_format(
    format_name: Format, tmp_path: Path
) -> None:
    config = small_config(
        use_short_conv=True, conv_size=4, layers=3, hidden_size=132, heads=3, kv_heads=1, intermediate_size=77
    )
    write_checkpoint(tmp_path / "folder", config=config, element="F32")
    convert(tmp_path / "folder", tmp_path / "model.gguf", format_name)
    ids = np.arange(20, dtype=np.int32)
    results = []
    for path in (tmp_path / "folder", tmp_path / "model.gguf"):
        model = load(path, threads=1).model
        results.append(model.prefill(model.new_state(window_precision="f32"), ids, logits="all"))
    error = np.sqrt(np.mean((results[1] - results[0]) ** 2) / np.mean(results[0] ** 2))
    assert error < {"f32": 1e-6, "bf16": 0.03, "q8": 0.05, "q4": 0.4}[format_name]


def test_half_precision_folders_are_widened_exactly(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "half", element="F16", seed=3)
    arrays = {
        name: array.astype(np.float32)
        for name, array in random_tensors(small_config(), element="F16", seed=3).items()
    }
    write_checkpoint(tmp_path / "whole", element="F32")
    write_safetensors(tmp_path / "whole" / "model.safetensors", arrays)
    ids = np.arange(9, dtype=np.int32)
    half, whole = (load(tmp_path / name, threads=1).model for name in ("half", "whole"))
    assert np.array_equal(half.prefill(half.new_state(), ids), whole.prefill(whole.new_state(), ids))


def test_what_a_model_says_about_itself_survives_conversion(tmp_path: Path) -> None:
    facts = {
        "name": "mini-1", "licence": "CC0-1.0", "source": "ours", "label_en": "Mini reader",
        "label_fr": "Petit lecteur", "evidence_tok": 400, "reads_on": False, "confidence_floor": 0.25,
        "reader": True,
    }  # fmt: skip
    write_checkpoint(tmp_path / "folder", facts=facts)
    convert(tmp_path / "folder", tmp_path / "model.gguf", "q8")
    info = load(tmp_path / "model.gguf", threads=1).info
    assert {name: getattr(info, name) for name in facts} == facts
    assert (info.format, info.layers, info.window_tok, info.vocab_size) == ("q8", 2, 8, 264)
    assert info.parameters == parameter_count(small_config())
    assert info.size_bytes == (tmp_path / "model.gguf").stat().st_size


def test_a_configuration_survives_conversion(tmp_path: Path) -> None:
    config = small_config(use_short_conv=True, conv_size=3, rope_theta=5000.0)
    write_checkpoint(tmp_path / "folder", config=config)
    convert(tmp_path / "folder", tmp_path / "model.gguf", "f32")
    told = load(tmp_path / "model.gguf", threads=1).info.config
    assert dataclasses.replace(told, norm_eps=config.norm_eps) == config
    assert told.norm_eps == pytest.approx(config.norm_eps, rel=1e-6)


def test_identity_follows_the_weights_and_nothing_else(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", seed=1, facts={"name": "same"})
    write_checkpoint(tmp_path / "b", seed=2, facts={"name": "same"})
    first = convert(tmp_path / "a", tmp_path / "1.gguf", "q8").identity
    assert convert(tmp_path / "a", tmp_path / "2.gguf", "q8").identity == first
    assert convert(tmp_path / "b", tmp_path / "3.gguf", "q8").identity != first
    assert load(tmp_path / "2.gguf", threads=1).info.identity == first


def test_one_flipped_bit_in_the_weights_is_noticed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "folder")
    path = tmp_path / "model.gguf"
    convert(tmp_path / "folder", path, "q8")
    raw = bytearray(path.read_bytes())
    raw[-9000] ^= 4
    path.write_bytes(raw)
    with pytest.raises(ModelFileError) as caught:
        load(path, threads=1)
    assert caught.value.code == "model-file-damaged"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"gla_swa.block_count", b"gla_swa.block_coun_", "model-config-invalid"),
        (b"general.architecture", b"general.architectur_", "model-architecture-unknown"),
        (b"tokenizer.huggingface.json", b"tokenizer.huggingface.jso_", "model-facts-invalid"),
        (b"lm_head.weight.scales", b"lm_head.weight.scale_", "model-tensor-shape"),
        (b"model.norm.weight", b"model.norm.weigh_", "model-tensor-missing"),
        (b'"type":"BPE"', b'"type":"BPX"', "tokenizer-unsupported"),
    ],
)
def test_a_file_that_lacks_what_a_model_needs_is_refused(
    old: bytes, new: bytes, code: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "folder")
    path = tmp_path / "model.gguf"
    convert(tmp_path / "folder", path, "q8")
    raw = path.read_bytes()
    assert raw.count(old) == 1
    path.write_bytes(raw.replace(old, new))
    with pytest.raises(ModelFileError) as caught:
        load(path, threads=1)
    assert caught.value.code == code


def test_the_tensor_names_of_kernels_and_files_are_the_same_list() -> None:
    from engine import kernels
    from engine.models.architectures.gla_swa import GlaSwa

    config = small_config(use_short_conv=True, layers=4)
    ours = {tensor.name: tensor.shape for tensor in expected_tensors(config)}
    assert ours == kernels.expected_tensors(GlaSwa().native(config, 0.0, False))
    assert keys.QUANT_GROUP == kernels.GROUP
