"""The client with real processes: what they wrote before they went is kept."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.client import EngineClient, EngineDied, EngineStatus, Patience
from engine.client.incarnation import Incarnation
from engine.client.log_tail import LOG_LINES, LogTail
from tests.engine.client.world import FAKE, QUICK, WAIT_S, WHY, wait_for

LEAVES_FIRST = """
import os, sys, time
os.close(int(sys.argv[sys.argv.index("--channel-fd") + 1]))
time.sleep(0.2)
print("the reason")
"""
STAYS = """
import os, sys, time
os.close(int(sys.argv[sys.argv.index("--channel-fd") + 1]))
time.sleep(600)
"""


class LogsOfFailures:
    """A status callback that looks at the log whenever it is told of a death."""

    def __init__(self) -> None:
        self.client: EngineClient | None = None
        self.logs: list[list[str]] = []

    def __call__(self, status: EngineStatus) -> None:
        if status.phase in ("restarting", "failed") and status.pid is None and self.client is not None:
            self.logs.append(self.client.log_tail())


@pytest.mark.skipif(sys.platform == "win32", reason="there the channel is no descriptor")
def test_a_death_is_told_after_the_last_words() -> None:
    told = LogsOfFailures()
    patience = Patience(back_off_s=(0.01,), last_words_s=WAIT_S)
    told.client = EngineClient(told, command=[sys.executable, "-c", LEAVES_FIRST], patience=patience)
    with told.client as client:
        wait_for(lambda: client.status.phase == "failed")
    # whoever is told of a death finds its reason in the log at once, also of the last of them
    assert len(told.logs) == 2
    assert all("the reason" in log for log in told.logs)


@pytest.mark.skipif(sys.platform == "win32", reason="there the channel is no descriptor")
def test_a_process_that_leaves_the_channel_and_stays_is_dead_all_the_same() -> None:
    patience = Patience(back_off_s=(), last_words_s=0.05)
    with EngineClient(command=[sys.executable, "-c", STAYS], patience=patience) as client:
        wait_for(lambda: client.status.phase == "failed")


def test_words_that_are_read_after_the_death_was_told_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    drain, told = Incarnation._drain_log, threading.Event()

    def drain_late(self: Incarnation) -> None:
        told.wait(WAIT_S)
        drain(self)

    monkeypatch.setattr(Incarnation, "_drain_log", drain_late)
    patience = Patience(back_off_s=(), last_words_s=0.0)
    with EngineClient(command=[sys.executable, "-c", "print('hello')"], patience=patience) as client:
        wait_for(lambda: client.status.phase == "failed")
        assert client.log_tail() == []
        told.set()
        wait_for(lambda: "hello" in client.log_tail())


def test_a_crash_in_native_code_leaves_its_trace_in_the_log(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(script="to be or", dies_at_step=4))
    with pytest.raises(EngineDied, match="ended"):
        client.generate(WHY).result(WAIT_S)
    assert any("Fatal Python error" in line for line in client.log_tail())


def test_what_a_worker_said_is_still_there_when_the_client_is_closed(
    write_model: Callable[..., Path],
) -> None:
    client = EngineClient(command=FAKE, patience=QUICK)
    with client:
        client.load(write_model()).result(WAIT_S)
    assert any(line.startswith("engine ") for line in client.log_tail())


def test_a_log_keeps_its_last_lines() -> None:
    log = LogTail()
    for number in range(LOG_LINES + 3):
        log.append(str(number))
    assert log.lines() == [str(number) for number in range(3, LOG_LINES + 3)]
