"""How inputs are coded: what a model says itself, what is asked of it, and what that means to readings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.models.convert import convert
from engine.models.errors import ModelError
from engine.models.loading import load
from engine.models.spike_coding import SpikeCodingError
from tests.fixtures.model_files import FLOAT_TINY, GOLDEN, small_config, write_checkpoint

SPIKING = GOLDEN / "w8aspike-tiny"
IDS = np.array([5, 9, 3, 17, 200, 4, 8], np.int32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FLOAT_TINY, tmp_path / "m", ignore=shutil.ignore_patterns("golden.*")))


def say(folder: Path, **facts: object) -> None:
    (folder / "huisclos.json").write_text(json.dumps(facts), "utf-8")


def test_a_model_that_says_so_runs_spiking_by_default(folder: Path, tmp_path: Path) -> None:
    say(folder, name="x", spikes_k=3)
    convert(folder, tmp_path / "m.gguf", "q8")
    for path in (folder, tmp_path / "m.gguf"):
        model, told = load(path, threads=1), load(path, threads=1, spike_k=3.0)
        assert model.info.coding == model.info.own_coding == told.info.coding
        assert model.info.coding.k == 3.0
        assert model.info.identity == told.info.identity
        found, asked = (m.model.prefill(m.model.new_state(), IDS) for m in (model, told))
        assert np.array_equal(found, asked)
        assert "spikes=3.0" in model.model.new_state().layout


def test_a_spiking_default_can_be_switched_off(folder: Path, tmp_path: Path) -> None:
    plain = load(folder, threads=1)
    say(folder, spikes_k=3.0)
    off = load(folder, threads=1, spike_k=0.0)
    assert off.info.coding.k == 0.0
    assert off.info.own_coding.k == 3.0
    logits = [m.model.prefill(m.model.new_state(), IDS) for m in (plain, off)]
    assert np.array_equal(*logits)


def test_a_reading_is_bound_to_how_inputs_are_coded(folder: Path) -> None:
    identities = [
        load(folder, threads=1, spike_k=k, spiking_down=down).info.identity
        for k, down in ((None, False), (0.0, False), (3.0, False), (2.5, False), (3.0, True))
    ]
    assert identities[0] == identities[1]
    assert len(set(identities[1:])) == 4
    published = [load(SPIKING, threads=1, spike_k=k, reading=r) for k, r in ((None, None), (3.0, "f32"))]  # type: ignore[arg-type]
    assert published[0].info.identity == published[1].info.identity
    assert load(SPIKING, threads=1, reading="bf16").info.identity != published[0].info.identity


def test_weights_of_a_spiking_folder_are_read_as_asked(tmp_path: Path) -> None:
    convert(SPIKING, tmp_path / "m.gguf", "spike8", reading="bf16")
    converted, folder = load(tmp_path / "m.gguf", threads=1), load(SPIKING, threads=1, reading="bf16")
    assert converted.info.coding == folder.info.coding
    found = [m.model.prefill(m.model.new_state(), IDS) for m in (converted, folder)]
    assert np.array_equal(*found)
    with pytest.raises(SpikeCodingError, match="once and for all"):
        load(tmp_path / "m.gguf", threads=1, reading="f32")


def test_what_a_model_cannot_do_is_said(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "m", config=small_config())
    for options in (
        {"spike_k": -1.0},
        {"spike_k": float("nan")},
        {"spike_k": 2000.0},
        {"spiking_down": True},
        {"reading": "bf16"},
    ):
        with pytest.raises(SpikeCodingError):
            load(tmp_path / "m", threads=1, **options)  # type: ignore[arg-type]
    for value in (-1, 5000, "3", True):
        say(tmp_path / "m", spikes_k=value)
        with pytest.raises(ModelError, match="says about itself"):
            load(tmp_path / "m", threads=1)
