"""The measurement beside llama.cpp, on a tiny shape: that it measures what its rows say, not how fast."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from engine.models.loading import load
from tests.bench import drafting
from tests.bench.peer import __main__ as command
from tests.bench.peer import depth, long, spikes, theirs, threads
from tests.bench.peer.figures import Figure, Goal, Row, Section, Taken, figure, interleave
from tests.bench.peer.models import write_peer
from tests.bench.peer.ours import Engine
from tests.bench.peer.setting import MISSING, Setting
from tests.bench.peer.shapes import PUBLISHED_7B, TINY, Shape
from tests.bench.peer.workers import Worker, WorkerFailed
from tests.fixtures.model_files import small_config
from tests.fixtures.random_model import write_random_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def setting(folder: Path) -> Setting:
    return Setting(folder, config=TINY, layers=2, runs=2, block_bytes=1 << 20, with_peer=False)


def rows_of(section: Section) -> dict[str, Row]:
    return {row.what: row for row in section.rows}


def test_a_median_keeps_its_ends_in_any_unit() -> None:
    taken = figure([0.5, 0.25, 1.0])
    assert (taken.value, taken.lowest, taken.highest, taken.runs) == (0.5, 0.25, 1.0, 3)
    speed = taken.map(lambda seconds: 10 / seconds, "tokens/s")
    assert (speed.value, speed.lowest, speed.highest) == (20, 10, 40)
    assert str(speed) == "20 tokens/s (10–40)"


def test_a_goal_is_met_from_its_bound_on() -> None:
    least, most = Goal("at least", 1.8, "×"), Goal("at most", 0.5, "s")
    assert [least.is_met(value) for value in (1.79, 1.8, 2.0)] == [False, True, True]
    assert [most.is_met(value) for value in (0.4, 0.5, 0.51)] == [True, True, False]
    assert Row("what", 1.7, "×", least).cells()[1:4] == ("≥ 1.8 ×", "1.7 ×", "no")
    assert Row("what", None, "×", least, theirs=MISSING).cells()[2:6] == ("not measured", "", "", MISSING)
    assert Row("what", 2.0, "×", least, Figure(1, 1, 1)).to_json()["is_met"] is True


def test_runs_go_by_turns_after_a_warm_one() -> None:
    order: list[str] = []

    def way(name: str) -> Callable[[], Taken]:
        def run() -> Taken:
            order.append(name)
            return Taken(len(order), 10 * len(order))

        return run

    found = interleave(2, {"a": way("a"), "b": way("b")}, "processor")
    assert order == ["a", "b"] * 3
    assert found == {"a": [30, 50], "b": [40, 60]}


def test_the_7b_costs_what_is_known_of_it() -> None:
    whole = Shape.of(PUBLISHED_7B, 28)
    assert whole.is_whole
    layer = 2 * 3584 * 3584 + 2 * 512 * 3584 + 3 * 3584 * 18_944
    gates = 14 * 16 * (3584 + 512)
    assert whole.products(1, 1) == 28 * layer + gates + 152_064 * 3584
    # Behind the last mixer only sampled tokens go on.
    last = 3584 * 3584 + 3 * 3584 * 18_944
    assert whole.products(512, 1) == 512 * (28 * layer + gates - last) + last + 152_064 * 3584


def test_fewer_layers_are_scaled_to_all_by_what_they_compute() -> None:
    cut = Shape.of(PUBLISHED_7B, 4)
    per_product_s = 1e-9
    taken_s, body_s = (per_product_s * cut.products(1, sampled) for sampled in (1, 0))
    assert cut.whole_decode_s(taken_s, body_s) == pytest.approx(per_product_s * cut.whole.products(1, 1))
    prefill_s = per_product_s * cut.products(512, 1)
    assert cut.whole_prefill_s(prefill_s, 512) == pytest.approx(per_product_s * cut.whole.products(512, 1))


@pytest.mark.parametrize("form", ["q8", "q4"])
def test_a_decoded_token_reads_the_file_but_for_the_embeddings(tmp_path: Path, form: str) -> None:
    path = tmp_path / "model.gguf"
    write_random_model(path, form, TINY)
    table = TINY.vocab_size * (TINY.hidden_size + 2 * (TINY.hidden_size // 128))
    header_bytes = path.stat().st_size - Shape.of(TINY, 4).read_bytes(form) - table
    assert 0 < header_bytes < 40_000


@pytest.mark.parametrize("form", ["q8", "q4"])
def test_the_peers_file_holds_the_same_sizes_in_its_own_formats(tmp_path: Path, form: str) -> None:
    path = tmp_path / "peer.gguf"
    write_peer(path, form, TINY)
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert len(tensors) == 3 + 12 * TINY.layers
    kinds = gguf.GGMLQuantizationType
    body = {"q8": kinds.Q8_0, "q4": kinds.Q4_0}[form]
    assert tensors["blk.3.ffn_down.weight"].tensor_type == body
    assert tensors["output.weight"].tensor_type == (kinds.Q6_K if form == "q4" else body)
    for tensor in tensors.values():
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        assert np.isfinite(values).all()
        if len(tensor.shape) == 2:
            assert list(tensor.shape) == [values.shape[1], values.shape[0]]
            assert 0.3 < values.std() * TINY.hidden_size**0.5 < 3


def saved_cache(tokens: int, layers: int, row_bytes: int) -> np.ndarray:
    """As llama.cpp saves it: the layout that `stand` relies on."""
    raw = struct.pack("<IiII", 0xAF143CD8, 0, 1, tokens)
    raw += b"".join(struct.pack("<iIi", position, 1, 0) for position in range(tokens))
    raw += struct.pack("<II", 0, layers)
    for _ in range(2 * layers):
        raw += struct.pack("<iQ", 1, row_bytes) + bytes(tokens * row_bytes)
    return np.frombuffer(raw, np.uint8)


def test_a_made_up_cache_has_the_librarys_own_layout() -> None:
    made = theirs._enlarge(saved_cache(2, 3, 64), 2, 300, 3)
    expected = saved_cache(300, 3, 64)
    assert made.size == expected.size
    rows = 16 + 12 * 300 + 8
    assert (made[:rows] == expected[:rows]).all()
    for part in range(6):
        at = rows + part * (12 + 300 * 64)
        assert (made[at : at + 12] == expected[at : at + 12]).all()
        assert np.isfinite(made[at + 12 : at + 12 + 300 * 64].view(np.float16)).all()
    with pytest.raises(ValueError, match="layout"):
        theirs._enlarge(saved_cache(2, 3, 64)[:-1], 2, 300, 3)


def test_a_standing_state_goes_on_like_one_that_was_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_random_model(path, "q8", TINY)
    engine = Engine(path, 1)
    window = TINY.sliding_window
    sizes = {depth: engine.stand(depth) for depth in (window, window + 1, 10_000, window, 100_000)}
    assert engine._state.position == 100_000
    assert sizes[window] < sizes[window + 1] == sizes[10_000] == sizes[100_000]
    engine.stand(40)
    read = engine._model.new_state()
    engine._model.prefill(read, engine._ids(40), logits="none")
    assert (engine._model.step(engine._state.fork(), 3) == engine._model.step(read, 3)).all()
    engine.step(2)
    engine.read_on(2)
    assert engine._state.position == 40


def test_a_worker_tells_what_went_wrong_and_goes_on() -> None:
    with pytest.raises(WorkerFailed, match="No such file"):
        Worker(Engine, Path("nowhere.gguf"), 1)
    with Worker(dict, [("a", 1)]) as worker:
        with pytest.raises(WorkerFailed, match="KeyError"):
            worker.ask("pop", "b")
        assert worker.ask("pop", "a") == 1


def test_float_down_and_spiking_files_load_and_compute(tmp_path: Path) -> None:
    config = small_config(hidden_size=256, intermediate_size=384, layers=2, vocab_size=300)
    mixed, coded = tmp_path / "mixed.gguf", tmp_path / "coded.gguf"
    spikes.write_mixed(mixed, config)
    spikes.write_spiking(coded, config)
    for path, down in ((mixed, False), (coded, False), (coded, True)):
        model = load(path, threads=1, spiking_down=down)
        logits = model.model.prefill(model.model.new_state(), np.arange(40, dtype=np.int32))
        assert np.isfinite(logits).all()
        assert model.info.coding.k == (0 if path is mixed else 3.0)
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(coded).tensors}
    down = tensors["model.layers.1.mlp.down_proj.weight"]
    steps = tensors["model.layers.1.mlp.down_proj.weight.scales"].data[0, 0]
    wide = (down.data.view(np.uint16).astype(np.uint32) << 16).view(np.float32) / steps
    assert 0.007 < (np.abs(wide) > 127.5).mean() < 0.013


def test_odd_tokens_of_a_spiking_file_have_counts_beyond_int8_and_even_ones_none(tmp_path: Path) -> None:
    config = small_config(
        hidden_size=2560, heads=20, kv_heads=4, intermediate_size=2048, layers=2, vocab_size=300
    )
    path = tmp_path / "coded.gguf"
    spikes.write_spiking(path, config)
    model = load(path, threads=1, spiking_down=True).model
    ids = spikes.loud_ids(np.arange(100, 124, dtype=np.int32), 3)
    assert (ids % 2).tolist() == [1, 0, 0] * 8
    loud = ids % 2 == 1
    for (_, site), coded in model.trace_spikes(model.new_state(), ids).items():
        beyond = (np.abs(coded.counts) > 127).reshape(24, -1).sum(1)
        assert not beyond[~loud].any()
        if site in ("mixer", "mlp", "down"):
            assert (beyond[loud] == 10).all()


def test_the_float64_twin_follows_the_engine(setting: Setting) -> None:
    setting.long_tok = 4_000
    section = long.long(setting, TINY)
    rows = rows_of(section)
    off = rows["4,000 tokens: first layer's state off its float64 twin"]
    assert off.measured is not None
    assert 0 < off.measured < 1.0  # percent: what rounding activations to eight bits leaves
    assert rows["4,000 tokens: numbers that are none, in any state or logit"].is_met
    assert [look["position_tok"] for look in section.facts["looks"]] == [
        256 + 400 * part for part in range(1, 11)
    ]


def test_every_section_prints_its_rows_without_the_peer(
    setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.long_tok = 2_000
    monkeypatch.setattr(threads, "_IDLE_S", 0.05)
    prompts = drafting.sample_prompts
    monkeypatch.setattr(drafting, "sample_prompts", lambda model: prompts(model)[:12])
    report = tmp_path / "report.json"
    found = command.measure(setting, list(command.SECTIONS), report)
    told = json.loads(report.read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert [section.name for section in found] == list(command.SECTIONS) == list(told["sections"])
    for section in found:
        assert section.rows
        for row in section.rows:
            assert row.what in printed
            assert row.measured is not None or row.theirs == MISSING
    prefill = told["sections"]["prefill"]["rows"]
    assert [row["theirs"] for row in prefill if row["unit"] == "×"] == [MISSING, MISSING]
    assert prefill[1]["measured"] > 0  # percent of the integer peak


def test_an_unknown_section_is_told_and_nothing_is_measured() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "tests.bench.peer", "everything"], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert "no such section: everything" in answer.stderr


def test_what_depth_adds_is_scaled_by_layers_and_the_rest_by_products() -> None:
    shape = Shape.of(PUBLISHED_7B, 4)
    body_s, whole_s = shape.products(1, 0) * 1e-9, shape.products(1, 1) * 1e-9
    at = {0: figure([whole_s]), 8192: figure([whole_s + 0.4])}
    found = depth.Depths(shape, at, figure([body_s]))
    assert found.whole_s(0) == pytest.approx(shape.whole.products(1, 1) * 1e-9)
    assert found.whole_s(8192) - found.whole_s(0) == pytest.approx(0.4 * 7)
    assert depth._line(found) is None
    longer = depth.Depths(shape, at | {16_384: figure([whole_s + 0.8])}, figure([body_s]))
    line = depth._line(longer)
    assert line is not None
    assert line(131_072) == pytest.approx(found.whole_s(0) + 0.4 * 7 * 16, rel=1e-6)
