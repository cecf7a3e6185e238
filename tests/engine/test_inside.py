"""What the engine tells of the inside of a model, asked through the real worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine.client import EngineClient, EngineFailed
from engine.client.importing import ModelImporter
from engine.kernels import Model
from engine.models.convert import convert
from engine.models.gguf import open_gguf
from engine.models.gguf_writer import GgufWriter, TensorPlan
from engine.models.keys import CONTENT_SHA256, GENERAL_ALIGNMENT
from engine.models.loading import load
from engine.protocol import MAX_REPLY_BYTES, ChatMessage, WindowPrecision
from engine.runtime.memory_shape import memory_shape
from engine.runtime.watching import SAMPLE_TOK, SpikeWatch
from engine.spike_tally import NOT_CODED, SAMPLED_PROMPT_TOK, SITES
from tests.fixtures.model_files import GOLDEN, small_config, write_checkpoint
from tests.native.test_branches import config_with, weights_for

QUESTION = [ChatMessage("user", "who is it that came in the night?")]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inside")
    write_checkpoint(folder / "m", config=small_config(layers=4))
    convert(folder / "m", folder / "m.gguf", "q8")
    return folder / "m.gguf"


@pytest.fixture(scope="module")
def client(file: Path) -> Iterator[EngineClient]:
    with EngineClient(model_folders=[file.parent]) as client:
        yield client


def test_the_spikes_of_an_answer_and_of_all_reading_are_told(client: EngineClient, file: Path) -> None:
    info = client.load(file, threads=1, spikes_k=3.0).result(60)
    assert (info.spikes_k, info.own_spikes_k, info.spikes_fixed, info.spiking_down) == (
        3.0,
        0.0,
        False,
        False,
    )
    assert client.inspect().result(60).spikes is None
    read = client.read("r", ["the night was long and nobody came to the house. " * 3]).result(60)
    everything = client.inspect(scope="all").result(60).spikes
    assert everything is not None
    assert everything.sample is None
    assert client.inspect(sample=True).result(60).spikes is None
    done = client.generate(QUESTION, from_session="r", max_tokens=9).result(60)
    found = client.inspect(sample=True).result(60)
    assert found.position_tok == read.position_tok + done.prompt_tok + done.generated_tok
    spikes = found.spikes
    assert spikes is not None
    assert spikes.overall.ternary_per_channel == pytest.approx(3.0, rel=0.2)
    told = {(site.layer, site.site) for site in spikes.sites}
    assert told == {
        (i, s) for i in range(4) for s in ("mixer", "output", "mlp", "query") if s != "query" or i % 2
    }
    assert all(sum(s.histogram) + s.beyond == s.figures.values for s in spikes.sites)
    sample = spikes.sample
    assert sample is not None
    assert sample.prompt_tok == SAMPLED_PROMPT_TOK
    assert len(sample.texts) == SAMPLED_PROMPT_TOK + 8  # the last token of an answer is said, not read
    counts = np.frombuffer(sample.counts, np.int8).reshape(
        len(sample.texts), 4, len(sample.sites), sample.neurons
    )
    assert (counts[:, 0, sample.sites.index("query")] == NOT_CODED).all()
    assert (counts[:, 1, sample.sites.index("query")] != NOT_CODED).all()
    later = client.inspect(scope="all").result(60).spikes
    assert later is not None
    assert later.overall.values == everything.overall.values + spikes.overall.values


def test_what_is_inside_the_deepest_model_goes_into_one_message() -> None:
    made: list[int] = []

    class Counts:
        def __init__(self, layers: int, neurons: int) -> None:
            self.layers, self.neurons = layers, neurons
            made.append(neurons)

    for layers in (28, 256):
        watch = SpikeWatch(lambda neurons, layers=layers, **_: Counts(layers, neurons), bytes)  # type: ignore[arg-type]
        watch.watch_answer(SimpleNamespace(), np.zeros(1, np.int32))
        assert layers * len(SITES) * SAMPLE_TOK * made[-1] <= MAX_REPLY_BYTES // 2
    assert made[1] == 64, "of an ordinary one nothing is left out"


def test_another_coding_is_another_model(client: EngineClient, file: Path) -> None:
    on = client.load(file, threads=1, spikes_k=3.0).result(60)
    off = client.load(file, threads=1).result(60)
    assert (off.spikes_k, off.identity != on.identity) == (0.0, True)
    found = client.inspect().result(60)
    assert found.spikes is None
    assert found.memory is not None
    with pytest.raises(EngineFailed) as refused:
        client.load(file, threads=1, spiking_down=True).result(60)
    assert refused.value.code == "spikes-impossible"


@pytest.mark.parametrize("precision", ["f32", "f16", "int8"])
@pytest.mark.parametrize("spike_k", [0.0, 3.0])
@pytest.mark.parametrize("short_conv", [False, True])
def test_memory_is_computed_as_a_state_takes_it(
    tmp_path: Path, precision: WindowPrecision, spike_k: float, short_conv: bool
) -> None:
    write_checkpoint(tmp_path / "m", config=small_config(layers=5, use_short_conv=short_conv))
    model = load(tmp_path / "m", threads=1, spike_k=spike_k).model
    shape = memory_shape(model.config, "int8" if spike_k else precision)
    state = model.new_state(window_precision=precision)
    for read, count in ((0, 0), (5, 5), (7, 2), (40, 33)):
        if count:
            model.prefill(state, np.ones(count, np.int32))
        wanted = shape.fixed_bytes + min(read, shape.window_tok) * shape.window_token_bytes
        assert abs(state.payload_bytes - wanted) <= 8  # the position itself
    assert shape.transformer_token_bytes == 5 * 2 * model.config.kv_dim * 2


@pytest.mark.parametrize("spike_k", [0.0, 3.0])
def test_memory_of_parallel_branches_grows_where_they_see_everything(spike_k: float) -> None:
    config = replace(config_with(sinks=0), spike_k=spike_k)
    model = Model(config, weights_for(config), threads=1)
    shape = memory_shape(config, "int8" if spike_k else "f16")
    assert shape.growing_token_bytes > 0
    state = model.new_state()
    for read, count in ((5, 5), (40, 35)):
        model.prefill(state, np.ones(count, np.int32))
        wanted = shape.fixed_bytes + min(read, shape.window_tok) * shape.window_token_bytes
        assert abs(state.payload_bytes - wanted - read * shape.growing_token_bytes) <= 8


def test_a_published_spiking_model_is_told_as_one(tmp_path: Path) -> None:
    with EngineClient(model_folders=[GOLDEN]) as client:
        info = client.load(GOLDEN / "w8aspike-tiny", threads=1).result(60)
        assert (info.spikes_k, info.own_spikes_k, info.spikes_fixed) == (3.0, 3.0, True)
        with pytest.raises(EngineFailed, match="always coded"):
            client.load(GOLDEN / "w8aspike-tiny", threads=1, spikes_k=0.0).result(60)


def with_nothing_in(name: str, source: Path, target: Path) -> Path:
    """A copy that says of itself nothing wrong, its tensor `name` full of what is no number."""
    good = open_gguf(source)
    told = dict(good.metadata)
    del told[GENERAL_ALIGNMENT], told[CONTENT_SHA256]
    entries = list(good.tensors.entries.values())
    plan = [TensorPlan(entry.name, entry.element, entry.shape) for entry in entries]
    with GgufWriter(target, told, plan) as writer:
        for entry in entries:
            values = np.array(good.tensors.map_tensor(entry.name))
            writer.write(np.full_like(values, np.nan) if entry.name == name else values)
    return target


def test_weights_that_are_no_numbers_are_told_when_they_are_taken_in_loaded_or_computed(
    file: Path, tmp_path: Path
) -> None:
    small = with_nothing_in("model.norm.weight", file, tmp_path / "small.gguf")
    scales = with_nothing_in("lm_head.weight.scales", file, tmp_path / "scales.gguf")
    convert(file.with_suffix(""), tmp_path / "floats.gguf", "f32")
    large = with_nothing_in("lm_head.weight", tmp_path / "floats.gguf", tmp_path / "large.gguf")
    (tmp_path / "into").mkdir()
    for bad in (small, scales, large):
        with pytest.raises(EngineFailed, match=rf"{bad.name}: .* no finite number") as refused:
            ModelImporter().take_in(bad, tmp_path / "into", "m.gguf", format_name="auto")
        assert refused.value.code == "weights-not-finite"
    assert list((tmp_path / "into").iterdir()) == []
    with EngineClient(model_folders=[tmp_path]) as client:
        with pytest.raises(EngineFailed, match=r"model\.norm\.weight holds") as refused:
            client.load(small, threads=1).result(60)
        assert refused.value.code == "model-weights-invalid"
        client.load(large, threads=1).result(60)
        with pytest.raises(EngineFailed, match="no finite numbers") as refused:
            client.generate(QUESTION, max_tokens=2).result(60)
        assert refused.value.code == "model-weights-invalid"
