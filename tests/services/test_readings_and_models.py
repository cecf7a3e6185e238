"""The real engine with a real small model: readings kept and restored, models added and refused, deaths
survived.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from dataclasses import replace

import pytest

from app import services
from app.chat.values import AnswerMode, Reason
from app.core.errors import UserError
from app.library import readings as reading_rows
from app.services import OperationCancelled, readings
from app.services.events import EngineChanged, ReadingMoved
from app.services.lanes import Lane
from app.services.model_manifest import ModelManifest
from app.services.models import MODEL_FILE
from app.services.views import EngineState, ReadingState
from app.store import VaultLocked, WrongPassphrase
from engine.client import EngineCancelled, EngineDied, EngineFailed

PAGES = "\n\n".join(
    f"Paragraph {n}: the rent of month {n} was paid on the first day. " * 10 for n in range(60)
)


def kept(ws, dossier_id):
    with ws.vault.read() as conn:
        return reading_rows.list_readings(conn, dossier_id)


def live(ws, dossier_id):
    return ws.live_readings.get(dossier_id, ws.host.generation)


def test_a_dossier_is_read_kept_sealed_and_brought_back_at_the_next_opening(real):
    moved = []
    with real.open() as ws:
        ws.events.subscribe(ReadingMoved, lambda e: moved.append(e.reading))
        dossier_id = real.dossier(ws, long_txt=PAGES, lettre_txt=real.LETTER)
        card = services.read_dossier(ws, dossier_id).result(60)
        assert card.state is ReadingState.READY
        assert card.pages_read == card.pages_total > 4
        assert card.tokens_read > 1000
        assert [m.state for m in moved] == [ReadingState.READING] * len(moved)
        assert moved[-1].pages_read == card.pages_total
        (booked,) = kept(ws, dossier_id)
        raw = ws.vault.sealed_files.path(booked.sealed_file_id).read_bytes()
        assert b"rent" not in raw
        assert ws.host.client.status.model is not None
    with real.open() as ws:
        assert live(ws, dossier_id) is None
        card = services.open_dossier(ws, dossier_id).result(60)
        assert (card.state, card.tokens_read) == (ReadingState.READY, booked.position_tok)
        found = live(ws, dossier_id)
        assert found is not None
        assert found.position_tok == booked.position_tok
        # A new document continues from the end; nothing is read twice.
        services.import_paths(ws, dossier_id, [real.file("more.txt", real.LEASE)]).result(60)
        assert services.reading_card(ws, dossier_id).state is ReadingState.WAITING
        more = services.read_dossier(ws, dossier_id).result(60)
        assert more.pages_read == card.pages_read + 1
        assert 0 < more.tokens_read - card.tokens_read < 400
        assert len(list((real.vault / "sealed").glob("*.key"))) == 1, "the older snapshot is destroyed"


def test_pausing_keeps_what_was_read_and_going_on_does_not_start_again(real):
    with real.open() as ws:
        dossier_id = real.dossier(ws, long_txt=PAGES)
        with real.held_back(ws, Lane.READ):
            operation = services.read_dossier(ws, dossier_id)
            ws.events.subscribe(ReadingMoved, lambda e: operation.cancel())
        with pytest.raises(OperationCancelled):
            operation.result(60)
        card = services.reading_card(ws, dossier_id)
        if card.pages_read:  # it may have been stopped before the first batch
            assert kept(ws, dossier_id)[0].pages == card.pages_read
        done = services.read_dossier(ws, dossier_id)
        assert done.result(60).state is ReadingState.READY


def test_a_reading_that_no_longer_fits_is_read_again_and_never_guessed(real):
    with real.open() as ws:
        dossier_id = real.dossier(ws, a_txt=real.LETTER, b_txt=real.LEASE)
        services.read_dossier(ws, dossier_id).result(60)
        (booked,) = kept(ws, dossier_id)
        sealed = ws.vault.sealed_files.path(booked.sealed_file_id)
    raw = bytearray(sealed.read_bytes())
    raw[len(raw) // 2] ^= 1
    sealed.write_bytes(raw)
    with real.open() as ws:
        card = services.open_dossier(ws, dossier_id).result(60)
        assert card.state is ReadingState.WAITING, "a damaged snapshot is dropped, and said to be unread"
        assert services.read_dossier(ws, dossier_id).result(60).state is ReadingState.READY
        with ws.vault.write() as conn:
            conn.exec_driver_sql("UPDATE page SET text = replace(text, 'apixaban', 'warfarin')")
        readings.forget_session(ws, dossier_id)
        assert services.open_dossier(ws, dossier_id).result(60).state is ReadingState.WAITING


def test_removing_a_document_destroys_every_reading_it_was_part_of(real):
    with real.open() as ws:
        dossier_id = real.dossier(ws, a_txt=real.LETTER, b_txt=real.LEASE)
        services.read_dossier(ws, dossier_id).result(60)
        document = services.list_documents(ws, dossier_id)[0]
        services.remove_document(ws, document.id).result(60)
        assert kept(ws, dossier_id) == ()
        assert live(ws, dossier_id) is None
        assert list((real.vault / "sealed").iterdir()) == []
        card = services.reading_card(ws, dossier_id)
        assert (card.state, card.pages_read, card.pages_total) == (ReadingState.WAITING, 0, 1)


def test_after_an_import_reading_begins_by_itself(real):
    with real.open(auto_read=True) as ws:
        read = threading.Event()
        ws.events.subscribe(
            services.events.Changed,
            lambda e: read.set() if services.reading_card(ws, e.dossier_id or "").pages_read else None,
        )
        dossier_id = real.dossier(ws, a_txt=real.LETTER)
        assert read.wait(60)
        assert services.reading_card(ws, dossier_id).state is ReadingState.READY


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_an_engine_killed_in_the_middle_comes_back_and_says_so(real):
    states = []
    with real.open() as ws:
        dossier_id = real.dossier(ws, long_txt=PAGES)
        ws.events.subscribe(EngineChanged, lambda e: states.append(e.engine.state))
        services.read_dossier(ws, dossier_id).result(60)
        pid, before = ws.host.client.status.pid, ws.host.generation
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        answer = services.ask(ws, dossier_id, "When was the rent paid?").result(60)
        # The question either met the dead engine, and was answered by quoting, or waited for the new one.
        assert answer.mode is AnswerMode.MODEL or answer.reason is Reason.ENGINE_DOWN
        assert services.open_dossier(ws, dossier_id).result(60).state is ReadingState.READY
        assert EngineState.RESTARTING in states
        assert states[-1] is EngineState.READY
        found = live(ws, dossier_id)
        assert found is not None
        assert found.generation != before


def test_a_real_answer_streams_through_the_real_worker(real):
    with real.open() as ws:
        dossier_id = real.dossier(ws, lettre_txt=real.LETTER)
        pieces: list[str] = []
        operation = services.ask(ws, dossier_id, "Quel anticoagulant ?")
        operation.on_partial(pieces.append)
        answer = operation.result(60)
        assert answer.model
        assert answer.timings.prompt_tok > 100
        if answer.mode is AnswerMode.MODEL:
            assert "".join(pieces).startswith(answer.text[:5])
        card = services.engine_card(ws)
        assert card.prefill_tok_per_s > 0
        assert card.device.startswith("CPU, ")


def test_models_are_added_chosen_refused_and_removed(real, tmp_path):
    with real.open() as ws:
        dossier_id = real.dossier(ws, lettre_txt=real.LETTER)
        shipped = next(real.shipped.glob("*.gguf"))
        mine = tmp_path / "mine.gguf"
        shutil.copy(shipped, mine)
        bad = tmp_path / "bad.gguf"
        bad.write_bytes(shipped.read_bytes()[:5000])
        for path, said in ((bad, ""), (real.file("note.txt", "no model"), "neither a model file")):
            with pytest.raises(UserError) as refused:
                services.add_model(ws, path).result(60)
            assert refused.value.code == "model-refused"
            assert said in refused.value.sentence()
        assert [m.id for m in services.list_models(ws)] == ["default"]
        added = services.add_model(ws, mine).result(60)
        assert (added.chosen, added.built_in, len(added.sha256)) == (True, False, 64)
        assert [(m.id, m.chosen) for m in services.list_models(ws)] == [("default", False), (added.id, True)]
        assert services.add_model(ws, mine).result(60).id == added.id, "the same file is kept once"
        card = services.engine_card(ws)
        assert card.state is EngineState.READY
        assert card.model is not None
        assert card.model.id == added.id
        assert (
            services.ask(ws, dossier_id, "Quel anticoagulant ?").result(60).reason is not Reason.ENGINE_DOWN
        )
        with pytest.raises(UserError):
            services.remove_model(ws, "default").result(60)
        services.remove_model(ws, added.id).result(60)
        assert [(m.id, m.chosen) for m in services.list_models(ws)] == [("default", True)]
        assert services.choose_model(ws, "default").result(60).id == "default"
        with pytest.raises(UserError):
            services.choose_model(ws, "0" * 32).result(60)


@pytest.mark.parametrize(
    ("end", "expected", "code"),
    [
        (EngineCancelled(), OperationCancelled, None),
        (EngineDied("ended"), UserError, "model-refused"),
        (EngineFailed("model-damaged", "it is cut short"), UserError, "model-refused"),
    ],
)
def test_a_model_that_does_not_come_gives_way_to_the_one_before(scripted, end, expected, code):
    with scripted.open() as ws:
        with ws.host.catalogue.staging() as staging:
            (staging / MODEL_FILE).write_bytes(b"GGUF, another one")
            added = ws.host.catalogue.install(staging, ModelManifest(name="mine")).card
        services.choose_model(ws, "default").result(60)
        load, asked = scripted.client.load, []

        def refuse(path, **options):
            asked.append(path)
            return scripted.client._done(None, end) if len(asked) == 1 else load(path, **options)

        scripted.client.load = refuse
        with pytest.raises(expected) as told:
            services.choose_model(ws, added.id).result(60)
        assert getattr(told.value, "code", None) == code
        assert asked[-1].parent == scripted.shipped
        card = services.engine_card(ws)
        assert card.state is EngineState.READY
        assert card.model is not None
        assert card.model.id == "default"


def test_a_damaged_default_model_is_told_and_all_else_works(desk):
    shipped = desk.root / "shipped"
    shipped.mkdir()
    (shipped / "broken.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 64)
    desk.shipped = shipped
    with desk.open() as ws:
        dossier_id = desk.dossier(ws, lettre_txt=desk.LETTER)
        answer = services.ask(ws, dossier_id, "Quel anticoagulant ?").result(60)
        assert (answer.mode, answer.reason) == (AnswerMode.PASSAGES, Reason.ENGINE_DOWN)
        card = services.engine_card(ws)
        assert card.state is EngineState.FAILED
        assert card.problem is not None
        assert card.problem.code == "model-refused"


def test_a_wrong_passphrase_leaves_the_companions_for_the_next_try(desk):
    desk.open().close()
    parts = desk.companions()
    with pytest.raises(WrongPassphrase):
        services.Workspace.open(desk.vault, "not this one at all", companions=parts, testing=True)
    with services.Workspace.open(desk.vault, desk.PASSPHRASE, companions=parts, testing=True) as ws:
        services.change_passphrase(ws, desk.PASSPHRASE, "another long phrase").result(60)
    with desk.open(passphrase="another long phrase") as ws:
        assert services.list_dossiers(ws) == ()


def test_locking_ends_every_thread_and_process_and_refuses_what_comes_after(real):
    before = set(threading.enumerate())
    ws = real.open()
    dossier_id = real.dossier(ws, lettre_txt=real.LETTER)
    ws.host.wait_until_ready(60, threading.Event())
    closing = []
    ws.events.subscribe(services.events.VaultClosing, closing.append)
    pid = ws.host.client.status.pid
    assert pid is not None
    services.lock(ws)
    assert closing
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(VaultLocked):
        services.ask(ws, dossier_id, "Quoi ?").result(60)
    with pytest.raises(VaultLocked):
        services.list_dossiers(ws)
    deadline_s = time.monotonic() + 60
    while set(threading.enumerate()) - before and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= before


def test_the_card_tells_the_memory_of_the_readings_and_not_of_an_empty_one(scripted):
    with scripted.open() as ws:
        scripted.dossier(ws, a_txt=scripted.LETTER)
        assert services.engine_card(ws).memory_bytes == 0
        scripted.client.status = replace(scripted.client.status, state_bytes=4711)
        assert services.engine_card(ws).memory_bytes == 4711
