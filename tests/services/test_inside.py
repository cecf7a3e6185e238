"""The real engine with a real small model, spiking and not: what is told of its inside; readings."""

from __future__ import annotations

import threading

import pytest

from app import services
from app.library import readings as reading_rows
from app.services import inside
from app.services.inside import InsideUnknown
from app.services.models import ModelRefused
from app.services.spike_choice import SpikeChoice
from app.services.views import ReadingState
from engine.client import EngineFailed


def kept(ws, dossier_id):
    with ws.vault.read() as conn:
        return {row.model_identity: row.position_tok for row in reading_rows.list_readings(conn, dossier_id)}


def test_a_reading_with_spikes_is_another_one_and_both_are_kept(real):
    with real.open() as ws:
        dossier_id = real.dossier(ws, letter_txt=real.LETTER, lease_txt=real.LEASE)
        services.read_dossier(ws, dossier_id).result(60)
        plain = kept(ws, dossier_id)
        card = inside.choose_spikes(ws, SpikeChoice(3.0)).result(60)
        assert (card.spikes.k, card.spikes.own_k, card.spikes.fixed) == (3.0, 0.0, False)
        assert ws.settings.current.model_spikes == {"default": "k=3.0"}
        assert services.reading_card(ws, dossier_id).state is ReadingState.WAITING
        services.read_dossier(ws, dossier_id).result(60)
        both = kept(ws, dossier_id)
        assert len(both) == 2
        assert plain.items() < both.items()
        card = inside.choose_spikes(ws, SpikeChoice()).result(60)
        assert card.spikes.k == 0.0
        assert ws.settings.current.model_spikes == {}
        assert services.open_dossier(ws, dossier_id).result(60).state is ReadingState.READY


def test_the_inside_of_the_last_answer_is_shown(real):
    with real.open() as ws:
        dossier_id = real.dossier(ws, letter_txt=real.LETTER)
        services.ask(ws, dossier_id, "Quel traitement ?").result(60)
        off = inside.look_inside(ws).result(60)
        assert (off.answer, off.everything) == (None, None)
        assert off.memory is not None
        assert off.answer_tok > 0
        assert not off.engine.energy.measurable or off.engine.energy.answer_j is not None
        inside.choose_spikes(ws, SpikeChoice(2.5, True)).result(60)
        services.ask(ws, dossier_id, "Quel traitement ?").result(60)
        on = inside.look_inside(ws).result(60)
        assert on.engine.spikes.down
        assert on.answer is not None
        assert on.answer.sample is not None
        assert 0 < len(on.answer.sample.texts) <= 128
        assert on.everything is not None
        assert on.answer.overall.ternary_per_channel == pytest.approx(2.5, rel=0.2)


def test_what_the_engine_refuses_leaves_everything_as_it_was(real, monkeypatch):
    with real.open() as ws:
        ws.host.wait_until_ready(60, threading.Event())
        load = ws.host.client.load

        def refuse(path, **options):
            return load(path, **{**options, "spikes_k": 0.0, "spiking_down": options["spikes_k"] is not None})

        monkeypatch.setattr(ws.host.client, "load", refuse)
        with pytest.raises(ModelRefused, match="cannot run with spikes in that way"):
            inside.choose_spikes(ws, SpikeChoice(3.0)).result(60)
        assert ws.settings.current.model_spikes == {}
        assert ws.host.wait_until_ready(60, threading.Event()) is not None


def test_without_a_model_there_is_nothing_to_see(desk):
    with desk.open() as ws:
        card = inside.look_inside(ws).result(60)
        assert (card.answer, card.memory) == (None, None)
        with pytest.raises(InsideUnknown, match="no model is loaded"):
            inside.choose_spikes(ws, SpikeChoice(3.0)).result(60)


def test_an_engine_that_will_not_tell_says_why(scripted):
    scripted.client.inspect = lambda **_: scripted.client._done(None, EngineFailed("no-model", "none"))
    with scripted.open() as ws:
        with pytest.raises(InsideUnknown, match="no model is loaded"):
            inside.look_inside(ws).result(60)
