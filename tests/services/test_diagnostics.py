"""Diagnostics tell versions, states and codes, and nothing of a dossier, also after a crash of the engine."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import pytest

from app import __version__, services
from tests.services.conftest import WAIT_S, Desk

CANARY = "Zibeline"


def test_nothing_of_a_dossier_is_in_it_when_the_engine_crashed_and_a_file_failed(real: Desk) -> None:
    ws = real.open()
    dossier_id = services.create_dossier(ws, f"Dossier {CANARY}").result(WAIT_S).id
    files = [
        real.file(f"{CANARY}.txt", f"Madame {CANARY} prend de l'apixaban.\n"),
        real.file(f"{CANARY}.pdf", f"{CANARY}: no pdf"),
    ]
    report = services.import_paths(ws, dossier_id, files).result(WAIT_S)
    assert len(report.exceptions) == 1
    services.read_dossier(ws, dossier_id).result(WAIT_S)
    services.ask(ws, dossier_id, f"Que prend {CANARY} ?").result(WAIT_S)
    with contextlib.suppress(Exception):
        services.ask(ws, dossier_id, "").result(WAIT_S)
    if sys.platform != "win32":
        pid = ws.host.client.status.pid
        assert pid is not None
        os.kill(pid, signal.SIGSEGV)
        end = time.monotonic() + WAIT_S
        while ws.host.client.status.restarts == 0 or ws.host.info is None:
            assert time.monotonic() < end
            time.sleep(0.02)
    card = services.diagnose(ws)
    assert CANARY.casefold() not in repr(card).casefold()
    assert str(real.root) not in repr(card), "where things lie can name their owner"
    assert card.version == __version__
    assert card.failed_files == ((report.exceptions[0].problem.code, 1),)
    assert card.engine.model is not None
    assert card.model_identity
    assert card.memory_bytes > card.memory_free_bytes > 0
    assert any("services.ask kind=QuestionEmpty code=question-empty" in line for line in card.program_log)
    if sys.platform != "win32":
        assert card.restarts == 1
        assert "Fatal Python error: Segmentation fault" in card.engine_log
        assert any("engine/worker/" in line for line in card.engine_log)
    assert any(line.startswith("model ") for line in card.engine_log)


def test_without_a_model_there_is_less_to_tell(desk: Desk) -> None:
    card = services.diagnose(desk.open())
    assert card.phase == "stopped"
    assert card.engine.model is None
    assert card.engine_log == ()
    assert card.failed_files == ()


@pytest.mark.parametrize("line", [f"Madame {CANARY} est sortie", f"ValueError: {CANARY}"])
def test_a_library_that_writes_a_text_into_the_log_is_not_quoted(scripted: Desk, line: str) -> None:
    assert scripted.client is not None
    scripted.client.log = ["llama.cpp: error", line]
    card = services.diagnose(scripted.open())
    assert CANARY not in repr(card)
    assert card.engine_log[0] == "llama.cpp: error"
    assert len(card.engine_log) == 2
