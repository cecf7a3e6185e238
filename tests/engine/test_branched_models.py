"""Checkpoints of the 76B-like kind: from a folder to a file that runs, experts mapped or read on demand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.models.architectures.branched import BranchedConfig, BranchedMoe, published_76b
from engine.models.convert import FORMATS, convert
from engine.models.errors import ConversionError, ModelFileError
from engine.models.experts import ExpertShelf
from engine.models.gguf import open_gguf
from engine.models.loading import LoadedModel, load
from engine.models.tensor_names import weight_count
from engine.weights import Weight
from tests.fixtures.branched_model import SMALL, changed, write_branched_checkpoint

IDS = np.array([5, 40, 7, 99, 200, 1, 17, 33, 90, 12], np.int32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_branched_checkpoint(tmp_path / "checkpoint")


def logits_of(loaded: LoadedModel, ids: NDArray[np.int32] = IDS) -> NDArray[np.float32]:
    state = loaded.model.new_state(window_precision="f32")
    return loaded.model.prefill(state, ids, logits="all")


def as_stored(config: BranchedConfig) -> BranchedConfig:
    """Its real numbers in the single precision of a file's header."""
    reals = {name: float(np.float32(getattr(config, name))) for name in ("norm_eps", "branch_norm_eps")}
    return replace(config, **reals)


def test_the_sizes_of_the_report_give_its_parameter_counts() -> None:
    tensors = list(BranchedMoe().tensors(published_76b()))
    total = weight_count(tensors)
    experts = weight_count(tensor for tensor in tensors if tensor.is_expert)
    assert round(total / 1e9, 1) == 76.1
    assert round((total - experts * 15 / 16) / 1e9, 1) == 11.9
    assert [name for name in (tensor.name for tensor in tensors) if "layers.6.mlp.router" in name] == []
    assert BranchedMoe().kept_elements_per_token(published_76b()) == 4 * 2 * 512


def test_a_folder_and_its_bf16_file_compute_the_same_bits(folder: Path, tmp_path: Path) -> None:
    done = convert(folder, tmp_path / "model.gguf", "bf16")
    loaded = load(done.path, threads=1)
    assert logits_of(loaded).tobytes() == logits_of(load(folder, threads=1)).tobytes()
    assert loaded.info.architecture == "branched_moe"
    assert loaded.info.config == as_stored(SMALL)
    assert loaded.info.label_en == "checkpoint (76B-like, unverified)"
    assert loaded.info.label_fr == "checkpoint (façon 76B, non vérifié)"
    assert loaded.info.kept_elements_per_token == 2 * 32


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_stays_near_the_checkpoint(folder: Path, tmp_path: Path, format_name: str) -> None:
    convert(folder, tmp_path / "model.gguf", format_name)  # type: ignore[arg-type]
    expected = logits_of(load(folder, threads=1))
    found = logits_of(load(tmp_path / "model.gguf", threads=1))
    error = float(np.abs(found - expected).mean() / np.abs(expected).mean())
    assert error < {"f32": 1e-6, "bf16": 1e-6, "q8": 0.1, "q4": 0.6}[format_name]


def test_every_open_question_comes_through_the_file(tmp_path: Path) -> None:
    config = changed(
        own_qkv=True, own_output=True, whole_norm=True, branch_affine=False, branch_learned=True,
        linear_rope=True, linear_scale=False, linear_sinks=False, sink_positions=False, shared_expert=False,
        router_sigmoid=True, router_weighs=False, branch_norm_eps=1e-5, sinks=0,
        full_attention_layers=(), dense_layers=(),
    )  # fmt: skip
    folder = write_branched_checkpoint(tmp_path / "checkpoint", config)
    convert(folder, tmp_path / "model.gguf", "f32")
    loaded = load(tmp_path / "model.gguf", threads=1)
    assert loaded.info.config == as_stored(config)
    assert loaded.info.kept_elements_per_token == 0
    assert np.isfinite(logits_of(loaded)).all()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_experts_are_read_when_chosen_and_answer_alike(folder: Path, tmp_path: Path, kind: str) -> None:
    path = folder
    if kind == "file":
        path = convert(folder, tmp_path / "model.gguf", "q8").path
    mapped, on_demand = load(path, threads=1), load(path, threads=1, expert_memory_bytes=1 << 20)
    shelf = on_demand.experts
    assert mapped.experts is None
    assert shelf is not None
    assert shelf.reads == 0
    assert logits_of(on_demand).tobytes() == logits_of(mapped).tobytes()
    read = shelf.reads
    assert 2 <= read < 2 * SMALL.experts  # two layers of eight, and some nobody chose
    assert logits_of(on_demand).tobytes() == logits_of(mapped).tobytes()
    assert shelf.reads == read  # all that were chosen are still there


def test_a_budget_for_none_reads_every_time_and_gives_the_same_answer(folder: Path) -> None:
    frugal = load(folder, threads=1, expert_memory_bytes=0)
    assert frugal.experts is not None
    first = logits_of(frugal)
    read = frugal.experts.reads
    assert logits_of(frugal).tobytes() == first.tobytes() == logits_of(load(folder, threads=1)).tobytes()
    assert frugal.experts.reads > read
    assert frugal.experts.kept_bytes == 0


def test_experts_that_no_token_chose_may_as_well_be_missing(folder: Path, tmp_path: Path) -> None:
    path = convert(folder, tmp_path / "model.gguf", "f32").path
    loaded = load(path, threads=1, expert_memory_bytes=1 << 20)
    assert loaded.experts is not None
    expected = logits_of(loaded)
    chosen = set(loaded.experts._kept)
    assert 0 < len(chosen) < 2 * SMALL.experts
    file = open_gguf(path)
    with path.open("r+b") as raw:
        for tensor in BranchedMoe().tensors(SMALL):
            parts = tensor.name.split(".")
            if tensor.is_expert and (int(parts[2]), int(parts[5])) not in chosen:
                entry = file.tensors.entries[tensor.name]
                raw.seek(entry.offset_bytes)
                raw.write(np.full(entry.size_bytes // 4, np.nan, np.float32).tobytes())
    file.tensors.close()
    again = load(path, threads=1, expert_memory_bytes=1 << 20, verify=False)
    assert logits_of(again).tobytes() == expected.tobytes()
    assert logits_of(load(path, threads=1, verify=False)).tobytes() == expected.tobytes()


def test_the_shelf_lets_go_of_what_was_used_longest_ago() -> None:
    read: list[tuple[int, int]] = []

    def fetch(layer: int, expert: int) -> tuple[Weight, Weight, Weight]:
        read.append((layer, expert))
        part = Weight("f32", (2, 5), np.zeros((2, 5), np.float32))
        return part, part, part

    shelf = ExpertShelf(fetch, budget_bytes=240)  # two of 120 bytes
    for place in ((0, 0), (0, 1), (0, 0), (0, 2), (0, 0), (0, 1)):
        shelf.fetch(*place)
    assert read == [(0, 0), (0, 1), (0, 2), (0, 1)]
    assert (shelf.reads, shelf.kept_bytes) == (4, 240)
    with pytest.raises(ValueError, match="budget"):
        ExpertShelf(fetch, -1)


def test_a_file_that_vanishes_under_its_experts_is_told_by_name(folder: Path, tmp_path: Path) -> None:
    path = convert(folder, tmp_path / "model.gguf", "f32").path
    loaded = load(path, threads=1, expert_memory_bytes=0)
    path.unlink()
    state = loaded.model.new_state()
    with pytest.raises(ModelFileError, match=r"model\.gguf cannot be read"):
        loaded.model.prefill(state, IDS)
    assert state.position == 0


def test_inputs_can_be_coded_as_spikes(folder: Path) -> None:
    coded = load(folder, threads=1, spike_k=3.0)
    assert np.isfinite(logits_of(coded)).all()
    assert coded.info.identity != load(folder, threads=1).info.identity


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_experts": 0}, "experts"),
        ({"num_attention_heads": 3}, "multiple of 3 heads"),
        ({"full_attention_layers": [4]}, "full_attention_layers names a layer"),
        ({"dense_layers": "all"}, "dense_layers is not a list"),
        ({"own_qkv": 1}, "own_qkv in config.json is not true or false"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"max_position_embeddings": 0}, "context_length"),
        ({"num_experts": 1024}, "1024 experts in 2 layers are too many"),
        ({"head_dim": 64}, None),  # what is not known is not asked for
    ],
)
def test_an_impossible_configuration_is_refused(
    folder: Path, change: dict[str, object], words: str | None
) -> None:
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(raw | change))
    if words is None:
        assert load(folder, threads=1).info.config == SMALL
        return
    with pytest.raises(ModelFileError, match=words) as caught:
        load(folder, threads=1)
    assert caught.value.code == "model-config-invalid"


def test_spiking_storage_is_refused_as_unknown(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="spiking checkpoints"):
        convert(folder, tmp_path / "model.gguf", "spike8")
    with pytest.raises(ModelFileError, match="not known"):
        BranchedMoe().from_json(
            json.loads((folder / "config.json").read_text()),
            ["model.layers.0.attn.q_proj.weight_quantizer.scales"],
        )


def test_the_defaults_are_those_that_the_page_tells() -> None:
    fields = BranchedConfig.__dataclass_fields__
    told = {name: field.default for name, field in fields.items() if field.type == "bool"}
    assert [name for name, default in told.items() if default] == [
        "branch_affine",
        "linear_scale",
        "linear_sinks",
        "sink_positions",
        "shared_expert",
        "router_weighs",
    ]
