"""`python -m engine spikes`: the table, the k curve, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.cli import main
from engine.models.loading import load
from engine.runtime.spike_statistics import figures_of
from engine.spike_table import CURVE
from tests.fixtures.model_files import FLOAT_TINY, GOLDEN
from tests.fixtures.spike_places import expected

SPIKING = GOLDEN / "w8aspike-tiny"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("In the night the house was empty, and nobody heard the bell. " * 2, "utf-8")
    return path


def spikes(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["spikes", *(str(one) for one in arguments)])
    return code, *capsys.readouterr()


def test_the_table_says_what_was_coded(capsys: pytest.CaptureFixture[str], text: Path) -> None:
    code, out, _ = spikes(capsys, FLOAT_TINY, "--text", text, "--json", "--threads", 1, "--max-tok", 60)
    assert code == 0
    told = json.loads(out)
    assert (told["k"], told["down"], told["tokens"]) == (3.0, "float", 60)
    model = load(FLOAT_TINY, threads=1, spike_k=3.0)
    ids = np.array(model.encode_text(text.read_text("utf-8"))[:60], np.int32)
    traced = model.model.trace_spikes(model.model.new_state(), ids)
    assert {(one["layer"], one["site"]) for one in told["sites"]} == set(traced)
    for one in told["sites"]:
        figures = figures_of(expected(traced[one["layer"], one["site"]].counts)[None])
        assert one["bitwise_per_channel"] == figures.bitwise_per_channel
        assert one["sparsity_r"] == figures.sparsity_r
    assert [one["k"] for one in told["curve"]] == list(CURVE)
    bits = [one["bitwise_per_channel"] for one in told["curve"]]
    assert bits == sorted(bits)
    assert all(0 < one["same_best"] <= 1 for one in told["curve"])
    assert told["loss_without_spikes"] > 0


def test_the_estimate_is_called_one(capsys: pytest.CaptureFixture[str], text: Path) -> None:
    code, out, _ = spikes(
        capsys, FLOAT_TINY, "--text", text, "--threads", 1, "--max-tok", 30, "--down", "float"
    )
    assert code == 0
    assert "ESTIMATE for event-driven hardware" in out
    assert "nothing measured" in out
    assert out.count("mixer") == 4


def test_a_published_spiking_model_has_no_plain_twin(capsys: pytest.CaptureFixture[str], text: Path) -> None:
    asked = [SPIKING, "--text", text, "--json", "--threads", 1, "--max-tok", 30, "--spikes", "k=2.2"]
    code, out, _ = spikes(capsys, *asked, "--down", "spiking")
    assert code == 0
    told = json.loads(out)
    assert (told["k"], told["down"], told["loss_without_spikes"]) == (2.2, "spiking", None)
    assert "down" in {one["site"] for one in told["sites"]}
    assert all(one["same_best"] is None for one in told["curve"])


def test_a_text_of_nothing_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    code, _, err = spikes(capsys, FLOAT_TINY, "--text", tmp_path / "empty", "--threads", 1)
    assert code == 3
    assert "fewer than two tokens" in err
    assert spikes(capsys, FLOAT_TINY, "--text", tmp_path / "nowhere", "--threads", 1)[0] == 4
