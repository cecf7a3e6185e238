"""Random checkpoints in the published layouts: the very names, shapes, types and shards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.models import keys
from engine.models.checkpoint import open_checkpoint
from engine.models.convert import convert
from engine.models.errors import ConversionError
from engine.models.loading import load
from engine.models.random_checkpoint import (
    _SHAPES,
    LAYOUTS,
    Layout,
    published_plan,
    split_shards,
    write_random_checkpoint,
)
from engine.models.spike_codes import code_weights
from engine.models.tensors import ElementType, widen
from engine.models.unpacking import unpack
from tests.fixtures.model_files import FLOAT_TINY

SEVEN_B = _SHAPES["7b"]
SPIKING_7B = replace(SEVEN_B, merged_gate=True, spike_k=3.0)


def test_the_full_size_float_layout_has_the_published_tensors_to_the_byte() -> None:
    plan = published_plan(SEVEN_B)
    assert len(plan) == 395
    assert sum(tensor.size_bytes for tensor in plan) == 15_233_085_952
    parts = split_shards(plan, 15)
    assert [tensor for part in parts for tensor in part] == plan
    assert max(sum(t.size_bytes for t in part) for part in parts) < 1.2e9


def test_the_full_size_spiking_layout_has_the_published_tensors_and_shard_borders() -> None:
    plan = published_plan(SPIKING_7B)
    assert len(plan) == 591
    assert sum(tensor.size_bytes for tensor in plan) == 30_769_980_416
    parts = split_shards(plan, 7)
    assert len(parts) == 7
    straddling = [
        int(part[0].name.split(".")[2]) for part in parts if part[0].name.startswith("model.layers.")
    ]
    assert straddling == [2, 8, 13, 18, 23]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_small_one_has_as_many_shards_converts_and_answers(layout: Layout, tmp_path: Path) -> None:
    made = write_random_checkpoint(tmp_path / "m", layout, "tiny")
    spiking = layout == "w8aspike"
    suffix, count = (".safetensors", 7) if spiking else (".bin", 15)
    shards = sorted((tmp_path / "m").glob(f"*{suffix}"))
    assert len(shards) == made.shards == count
    index = json.loads(next((tmp_path / "m").glob("*.index.json")).read_text())
    assert index["metadata"]["total_size"] == made.size_bytes
    assert set(index["weight_map"].values()) == {path.name for path in shards}
    checkpoint = open_checkpoint(tmp_path / "m")
    assert bool(checkpoint.config.spike_k) is spiking
    assert checkpoint.element is (ElementType.F32 if spiking else ElementType.BF16)
    checkpoint.tensors.close()
    file = convert(tmp_path / "m", tmp_path / "m.gguf", "spike8" if spiking else "q8", digests=True)
    assert [shard.name for shard in file.shards] == [path.name for path in shards]
    model = load(file.path, threads=1)
    logits = model.model.prefill(model.model.new_state(), np.array(model.encode_text("bonjour"), np.int32))
    assert np.isfinite(logits).all()
    assert logits.std() > 0.01


def test_codes_of_a_spiking_one_run_past_int8_as_often_as_the_published(tmp_path: Path) -> None:
    write_random_checkpoint(tmp_path / "m", "w8aspike", "tiny")
    tensors = open_checkpoint(tmp_path / "m").tensors
    name = "model.layers.0.mlp.gate_proj.weight"
    scales = tensors.map_tensor(name + keys.PUBLISHED_SCALES_SUFFIX)[..., 0]
    codes = code_weights(np.asarray(tensors.map_tensor(name), np.float32), np.asarray(scales, np.float32))
    assert np.abs(codes).max() <= 194
    assert 0.005 < (np.abs(codes) > 127).mean() < 0.015


def test_the_same_seed_writes_the_same_bytes_and_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    for name in "ab":
        write_random_checkpoint(tmp_path / name, "base", "tiny", seed=4)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    with pytest.raises(ConversionError, match="is not empty"):
        write_random_checkpoint(tmp_path / "a", "base", "tiny")


def test_a_file_unpacks_into_the_weights_it_stands_for(tmp_path: Path) -> None:
    for form in ("f32", "q8", "q4"):
        convert(FLOAT_TINY, tmp_path / f"{form}.gguf", form)  # type: ignore[arg-type]
        folder = unpack(tmp_path / f"{form}.gguf", tmp_path / form)
        model, again = load(tmp_path / f"{form}.gguf", threads=1), load(folder, threads=1)
        ids = np.array(model.encode_text("The patient was seen on Monday."), np.int32)
        assert again.encode_text("The patient was seen on Monday.") == ids.tolist()
        assert again.stop_ids == model.stop_ids
        found, wanted = (m.model.prefill(m.model.new_state(), ids, logits="all") for m in (again, model))
        # The kernels round the inputs of quantised matrices to eight bits; of these float32 ones they do not.
        assert np.abs(found - wanted).max() < (1e-4 if form == "f32" else 0.5)
    source = open_checkpoint(FLOAT_TINY).tensors
    name = "model.layers.0.mlp.up_proj.weight"
    exact = widen(np.asarray(source.map_tensor(name)), source.entries[name].element)
    assert np.array_equal(open_checkpoint(tmp_path / "f32").tensors.map_tensor(name), exact)
