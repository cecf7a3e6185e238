"""Inside the model: what is drawn is what was counted; nothing is shown where there is nothing."""

from __future__ import annotations

import csv
import io
import threading
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QImage
from shiboken6 import isValid

from app.services.inside import InsideCard
from app.services.spike_choice import SpikeChoice
from app.services.views import (
    EnergyCard,
    EngineCard,
    EngineState,
    ModelCard,
    ReadingCard,
    ReadingState,
    SpikesCard,
)
from app.ui import wording
from app.ui.inside.counts_chart import EDGE, by_layer
from app.ui.inside.export import save_figures, save_picture, save_spikes
from app.ui.inside.inside_dialog import InsideDialog
from app.ui.inside.memory_chart import own_bytes, transformer_bytes
from app.ui.inside.sample import cut, sites_of
from app.ui.inside.trains import MINUS, PLUS, rows, steps_of, train
from engine.models.spike_trains import expand
from engine.protocol import Inspection, MemoryShape, SpikeReport, SpikeSample
from engine.runtime.spike_statistics import estimate_energy, figures_of, mean_of, site_reports
from engine.spike_tally import NOT_CODED, PLACES, ROWS, SITES
from tests.fixtures.spike_places import expected
from tests.ui.conftest import Stage
from tests.ui.test_questions import LETTER, quoting

MEMORY = MemoryShape(50_000, 1025, 500, 0, 2048)
LAYERS, NEURONS, TOKENS = 2, 6, 5


def report(seed: int = 0) -> SpikeReport:
    """Counts of two layers, the second with window queries; the last token has no last layer."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(-20, 21, (TOKENS, LAYERS, len(SITES), NEURONS)).astype(np.int8)
    counts[:, :, SITES.index("down")] = counts[:, 0, SITES.index("query")] = NOT_CODED
    counts[-1, 1] = NOT_CODED
    places = np.zeros((LAYERS, len(SITES), PLACES), np.uint64)
    for layer in range(LAYERS):
        for site in range(len(SITES)):
            coded = counts[:, layer, site][counts[:, layer, site, 0] != NOT_CODED]
            if coded.size:
                places[layer, site] = expected(coded.astype(np.float32))
    sites = site_reports(places)
    overall = figures_of(places[places[:, :, ROWS] > 0])
    texts = ("The", " =SUM(1)", " night", "\n", " came")
    sample = SpikeSample(LAYERS, SITES, NEURONS, texts, 2, counts.tobytes())
    return SpikeReport(
        "answer", 8, sites, overall, mean_of([s.figures for s in sites]), estimate_energy(overall), sample
    )


@pytest.mark.parametrize("coding", ["binary", "ternary", "bitwise"])
@given(counts=st.lists(st.integers(-127, 127), min_size=1, max_size=8))
def test_pictures_show_the_spikes_that_the_engine_would_unroll(coding: str, counts: list[int]) -> None:
    largest = max(map(abs, counts))
    steps = steps_of(largest, coding)  # type: ignore[arg-type]
    array = np.array(counts)
    if coding == "binary":
        on, off = rows(counts, "binary", steps, 1)
        for line, part in ((on, np.maximum(array, 0)), (off, np.maximum(-array, 0))):
            drawn = np.frombuffer(line, np.uint8).reshape(len(counts), steps + 1)[:, :steps]
            assert set(np.unique(drawn)) <= {0, PLUS}
            assert np.array_equal(drawn.sum(1), part)
            if largest:
                assert np.array_equal(drawn.T[: part.max()], expand(part, "binary"))
        return
    (line,) = rows(counts, coding, steps, 1)  # type: ignore[arg-type]
    drawn = np.frombuffer(line, np.uint8).reshape(len(counts), steps + 1)[:, :steps].astype(np.int8)
    signed = np.where(drawn == MINUS, -1, drawn)
    unrolled = expand(array, "bidirectional" if coding == "bitwise" else "ternary")
    assert np.array_equal(signed.T, unrolled if largest else np.zeros((1, len(counts))))


def test_a_count_of_nothing_is_one_empty_step() -> None:
    assert train(0, "bitwise", steps_of(0, "bitwise")) == b"\0"


def test_a_slice_holds_what_was_coded_and_nothing_else() -> None:
    sample = report().sample
    assert sample is not None
    counts = np.frombuffer(sample.counts, np.int8).reshape(TOKENS, LAYERS, len(SITES), NEURONS)
    assert sites_of(sample, 0) == ("mixer", "output", "mlp")
    assert sites_of(sample, 1) == ("mixer", "output", "mlp", "query")
    whole = cut(sample, 0, "mlp")
    assert np.array_equal(np.array(whole.neurons).T, counts[:, 0, SITES.index("mlp")])
    assert (whole.tokens, whole.prompt_tok) == (sample.texts, 2)
    short = cut(sample, 1, "query")
    assert np.array_equal(np.array(short.neurons).T, counts[:-1, 1, SITES.index("query")])
    assert len(short.tokens) == TOKENS - 1


def test_layers_share_their_counts_out() -> None:
    layers = by_layer(report().sites)
    assert [one.layer for one in layers] == [0, 1]
    for one in layers:
        assert sum(one.shares) == pytest.approx(1.0)
        assert one.shares[EDGE] == pytest.approx(one.silent)


def test_memory_stays_where_a_transformer_grows() -> None:
    assert own_bytes(MEMORY, 10) == 50_000 + 10 * 500
    assert own_bytes(MEMORY, 5000) == own_bytes(MEMORY, 1025) == 50_000 + 1025 * 500
    assert transformer_bytes(MEMORY, 5000) == 5000 * 2048


@pytest.fixture
def dialog(scripted: Stage) -> InsideDialog:
    """Over a scripted engine that tells the report above."""
    client = scripted.desk.client
    assert client is not None
    client.info = msgspec.structs.replace(client.info, spikes_k=3.0, own_spikes_k=0.0)
    client.inspect = lambda **_: client._done(Inspection(report(), MEMORY, 700))  # type: ignore[attr-defined]
    window = scripted.open()
    window.actions_.inside.trigger()
    shown = window.findChild(InsideDialog)
    assert shown is not None
    scripted.until(lambda: shown.card is not None)
    shown.stage = scripted  # type: ignore[attr-defined]
    return shown


def test_the_dialog_tells_what_was_counted(dialog: InsideDialog) -> None:
    assert dialog.card is not None
    assert dialog.raster.shown.tokens
    assert "one token of 8" in dialog.truth.text()
    assert "not measured" in dialog.estimate.text()
    assert "Estimate" in dialog.estimate.text()
    assert "Computed from the shapes" in dialog.memory_words.text()
    assert "stops growing at 1,025" in dialog.memory_words.text()
    assert dialog.raster.site.count() == 3
    dialog.raster.layer.setCurrentIndex(1)
    assert dialog.raster.site.count() == 4
    for coding in dialog.raster._codings.buttons():
        coding.click()
        assert not dialog.raster.raster._image.isNull()
        assert dialog.raster.raster.accessibleDescription()
    tiles = [tile.accessibleName() for tile in dialog.tiles._tiles]
    assert len(tiles) == 5
    assert all(part in tiles[4] for part in ("A,", "B,", "E,", "F,", "R,"))


def test_the_picture_and_the_tables_are_saved(dialog: InsideDialog, tmp_path: Path) -> None:
    save_picture(dialog, tmp_path / "a.png")
    picture = QImage(str(tmp_path / "a.png"))
    assert picture.width() == 2 * dialog.charts.width()
    save_spikes(dialog, tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text("utf-8")
    assert "SUM" not in text, "no word of the answer leaves in a table"
    table = list(csv.DictReader(io.StringIO(text)))
    assert len(table) == TOKENS * NEURONS
    assert [int(row["count"]) for row in table[:NEURONS]] == [n[0] for n in dialog.raster.shown.neurons]
    save_figures(dialog, tmp_path / "b.csv")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "b.csv").read_text("utf-8"))))
    assert len(lines) == 7
    assert sum(int(lines[0][f"count_{n}"]) for n in range(-127, 128)) == int(lines[0]["values"])
    with pytest.raises(OSError):
        save_picture(dialog, tmp_path / "nowhere" / "a.png")


def test_no_word_of_an_answer_is_in_a_saved_picture(dialog: InsideDialog, tmp_path: Path) -> None:
    card, pictures, shown = dialog.card, [], []
    assert card is not None
    assert card.answer is not None
    for words in (card.answer.sample.texts, ("Anna", "Roy", "has", "a", "cough")):  # type: ignore[union-attr]
        sample = msgspec.structs.replace(card.answer.sample, texts=words)  # type: ignore[type-var]
        dialog.show_card(replace(card, answer=msgspec.structs.replace(card.answer, sample=sample)))
        save_picture(dialog, tmp_path / "a.png")
        pictures.append(QImage(str(tmp_path / "a.png")))
        shown.append(dialog.charts.grab().toImage())
    assert shown[0] != shown[1], "on the screen they are"
    assert pictures[0] == pictures[1]


def test_spikes_are_chosen_for_the_model_and_kept(dialog: InsideDialog) -> None:
    stage: Stage = dialog.stage  # type: ignore[attr-defined]
    client = stage.desk.client
    assert client is not None
    asked: list[dict[str, object]] = []
    load = client.load

    def listen(path: Path, **options: object) -> object:
        asked.append(options)
        return load(path)

    client.load = listen  # type: ignore[method-assign,assignment]
    choice = dialog.choice
    assert choice.choice.currentData() == SpikeChoice(3.0)
    choice.down.click()
    stage.until(lambda: asked and choice.choice.isEnabled())
    assert (asked[-1]["spikes_k"], asked[-1]["spiking_down"]) == (3.0, True)
    settings = dialog._session.workspace.settings.current
    assert settings.model_spikes == {"default": "k=3.0,down"}
    choice.choice.setCurrentIndex(0)
    choice.choice.activated.emit(0)
    stage.until(lambda: len(asked) == 2 and choice.choice.isEnabled())
    assert asked[-1]["spikes_k"] is None, "off is what this model is made for"


def test_without_spikes_the_dialog_says_so_and_shows_none(dialog: InsideDialog) -> None:
    card = dialog.card
    assert card is not None
    engine = replace(card.engine, spikes=SpikesCard())
    dialog.show_card(InsideCard(engine, None, None, MEMORY, 0))
    assert "runs without spikes" in dialog.truth.text()
    assert dialog.raster.words.text() == ""
    assert not dialog.tiles.isVisible()
    assert dialog.estimate.isHidden()
    dialog.show_card(InsideCard(EngineCard(EngineState.OFF)))
    assert dialog.truth.text() == "No model is loaded."
    fixed = replace(engine, spikes=SpikesCard(3.0, 3.0, True))
    dialog.show_card(InsideCard(fixed, None, None, MEMORY, 0))
    assert "exactly as published" in dialog.truth.text()
    assert all(dialog.choice.choice.itemData(i).k for i in range(dialog.choice.choice.count()))


def test_energy_is_told_as_measured_or_not_at_all(scripted: Stage) -> None:
    window = scripted.open()
    model = ModelCard("default", "M", "M", "q8", 1, 1, "", "", "", True, True, False)
    assert wording.energy_line(EnergyCard()) == "not measurable here"
    measured = EnergyCard(True, "", 21.4, 3.21, 0.4)
    assert wording.energy_line(measured) == "3.2 J per answer · 0.40 J per page · 21\u00a0W"
    for card, words in (
        (EnergyCard(), "Energy: not measurable here"),
        (measured, "Energy: 3.2 J per answer"),
    ):
        window.status.show_engine(EngineCard(EngineState.READY, model, energy=card))
        assert window.status.energy.text().startswith(words)
    assert "administrator" in wording.energy_meaning(EnergyCard(reason="forbidden"))


def test_only_memory_that_stays_is_called_constant(scripted: Stage) -> None:
    window = scripted.open()
    model = ModelCard("default", "M", "M", "q8", 1, 1, "", "", "", True, True, False)
    reading = ReadingCard(ReadingState.READY, 3, 3, 900, memory_bytes=1_000_000)
    window.status.show_engine(EngineCard(EngineState.READY, model))
    window.status.show_reading(reading)
    assert window.status.memory.text() == "Memory of the reading: 1.0 MB · constant"
    growing = replace(model, kv_bytes_per_token=131_072)
    window.status.show_engine(EngineCard(EngineState.READY, growing))
    assert window.status.memory.text() == "Memory of the reading: 1.0 MB · grows with length"
    assert "with every page" in window.status.memory.toolTip()


def test_an_answer_brings_the_dialog_up_to_date(dialog: InsideDialog) -> None:
    stage: Stage = dialog.stage  # type: ignore[attr-defined]
    client, window = stage.desk.client, stage.windows[0]
    assert client is not None
    stage.take_in(window, lettre_txt=LETTER)
    client.answer = quoting("apixaban 5 mg matin et soir")  # type: ignore[assignment]
    before = dialog.card
    stage.ask(window, "Quel est le traitement de sortie ?")
    stage.until(lambda: dialog.card is not before)


def test_a_dialog_that_was_closed_asks_the_engine_nothing_and_says_nothing_more(dialog: InsideDialog) -> None:
    stage: Stage = dialog.stage  # type: ignore[attr-defined]
    client, window, session = stage.desk.client, stage.windows[0], dialog._session
    assert client is not None
    go_on, load = threading.Event(), client.load

    def wait(path: Path, **options: object) -> object:
        go_on.wait(60)
        return load(path, **options)

    client.load = wait  # type: ignore[method-assign,assignment]
    dialog.choice.down.click()
    (loading,) = session._tasks
    assert "loaded anew" in dialog.note.text()
    dialog.close()
    stage.until(lambda: not isValid(dialog))
    asked: list[object] = []
    client.inspect = lambda **options: asked.append(options)  # type: ignore[attr-defined]
    go_on.set()
    stage.until(lambda: not loading.running)
    stage.take_in(window, lettre_txt=LETTER)
    client.answer = quoting("apixaban 5 mg matin et soir")  # type: ignore[assignment]
    stage.ask(window, "Quel est le traitement de sortie ?")
    assert asked == []
