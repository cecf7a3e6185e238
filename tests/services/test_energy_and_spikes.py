"""What the machine measured is told with the engine, and only that; how each model's inputs are coded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.core.settings import Settings
from app.services.energy_book import EnergyBook
from app.services.engine_host import EngineHost
from app.services.model_manifest import ModelManifest
from app.services.models import InstalledModel, ModelCatalogue
from app.services.spike_choice import SpikeChoice, SpikesUnreadable
from app.services.views import EngineCard, ModelCard
from engine.energy import EnergyMeter, Unreadable
from engine.protocol import ModelInfo
from tests.services.conftest import INFO, ScriptedClient


class Counter:
    """A processor's counter that a test turns."""

    name = "cpu"

    def __init__(self) -> None:
        self.joules = 0.0
        self.broken = False

    def read_j(self, now_s: float) -> float:
        if self.broken:
            raise Unreadable("forbidden")
        return self.joules


@pytest.fixture
def counter():
    return Counter()


@pytest.fixture
def book(counter):
    told = []
    book = EnergyBook(EnergyMeter([counter]), lambda: told.append(book.card()))
    book.told = told
    yield book
    book.close()


def test_answers_and_pages_cost_what_was_measured(book, counter):
    assert (book.card().measurable, book.card().answer_j, book.card().page_j) == (True, None, None)
    with book.answer():
        counter.joules += 12.0
    with book.pages(4):
        counter.joules += 20.0
    card = book.card()
    assert (card.answer_j, card.page_j) == (12.0, 5.0)
    assert card.watts > 0
    assert book.told == [book.told[0], card]
    book.forget()
    assert book.card().answer_j is None


def test_pages_with_an_answer_between_them_say_nothing(book, counter):
    with book.pages(2):
        counter.joules += 2.0
        with book.answer():
            counter.joules += 7.0
    assert (book.card().answer_j, book.card().page_j) == (7.0, None)
    with book.answer(), book.pages(2):
        counter.joules += 1.0
    assert book.card().page_j is None


def test_where_nothing_can_be_measured_no_figure_is_shown(book, counter):
    with book.answer():
        counter.joules += 12.0
    counter.broken = True
    with book.answer():
        pass
    card = book.card()
    assert (card.measurable, card.reason) == (False, "forbidden")
    assert (card.watts, card.answer_j, card.page_j) == (None, None, None)
    nothing = EnergyBook(EnergyMeter([]), lambda: pytest.fail("there is nothing to tell"))
    with nothing.answer(), nothing.pages(3):
        pass
    assert nothing.card().reason == "absent"


@pytest.mark.parametrize(
    ("text", "choice"),
    [("", SpikeChoice()), ("off", SpikeChoice(0.0)), ("k=3.0", SpikeChoice(3.0)), ("K=2.5", SpikeChoice(2.5)),
     ("3", SpikeChoice(3.0)), ("k=4,down", SpikeChoice(4.0, True))],
)  # fmt: skip
def test_a_choice_is_read_as_a_person_writes_it(text, choice):
    assert SpikeChoice.parse(text) == choice
    assert SpikeChoice.parse(choice.text) == choice


@pytest.mark.parametrize(
    "text", ["on", "k=", "k=-1", "k=0", "k=nan", "k=2000", "k=3,up", "off,down", "k=inf"]
)
def test_a_choice_that_means_nothing_is_refused(text):
    with pytest.raises(SpikesUnreadable):
        SpikeChoice.parse(text)


class Client(ScriptedClient):
    def load(self, path: Path, **options: object):
        self.asked = options
        return super().load(path)


def host_of(tmp_path: Path, settings: Settings, info: ModelInfo = INFO, **more: object) -> EngineHost:
    client = Client(lambda status: None, info=info)

    def make(hear, _):
        client.hear = hear
        return client

    return EngineHost(
        ModelCatalogue(tmp_path / "models", tmp_path / "shipped"), lambda: settings, make, **more
    )


def model(tmp_path: Path, model_id: str) -> InstalledModel:
    card = ModelCard(model_id, "M", "M", "q8", 1, 1, "", "", "", False, False, False)
    return InstalledModel(card, tmp_path / "m.gguf", ModelManifest())


def test_each_model_is_loaded_as_its_setting_says(tmp_path):
    settings = Settings(model_spikes={"default": "k=3.0,down", "a": "off", "b": "nonsense"}, quiet=True)
    host = host_of(tmp_path, settings)
    for model_id, wanted in (
        ("default", (3.0, True)),
        ("a", (0.0, False)),
        ("b", (None, False)),
        ("c", (None, False)),
    ):
        host.load(model(tmp_path, model_id))
        asked = host.client.asked
        assert (asked["spikes_k"], asked["spiking_down"]) == wanted
        assert (asked["quiet"], asked["threads"]) == (True, None)
    host.close()
    asked_once = host_of(tmp_path, settings, spikes=SpikeChoice(2.0))
    asked_once.load(model(tmp_path, "a"))
    assert asked_once.client.asked["spikes_k"] == 2.0
    asked_once.close()


def test_the_engines_card_tells_energy_and_spikes(tmp_path, counter):
    info = msgspec.structs.replace(INFO, spikes_k=3.0, own_spikes_k=3.0, spikes_fixed=True)
    host = host_of(tmp_path, Settings(), info, meter=EnergyMeter([counter]))
    heard: list[EngineCard] = []
    host.listen(heard.append)
    host.load(model(tmp_path, "default"))
    assert heard[-1].spikes.fixed
    assert heard[-1].spikes.k == 3.0
    with host.energy.answer():
        counter.joules += 3.0
    assert heard[-1].energy.answer_j == 3.0
    host.close()
