"""The client with real worker processes: the engine dies and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.client import (
    EngineClient,
    EngineDied,
    EngineFailed,
    EngineStatus,
    Patience,
)
from engine.client.patience import RestartPolicy
from engine.protocol import codes
from tests.engine.client.world import FAKE, QUICK, ROOT, WAIT_S, WHY, first_delta, wait_for


def test_a_killed_engine_is_told_and_comes_back_with_its_model(
    client: EngineClient, write_model: Callable[..., Path], statuses: list[EngineStatus]
) -> None:
    client.load(write_model(step_s=0.01)).result(WAIT_S)
    client.read("s", ["x"]).result(WAIT_S)
    request = client.generate(WHY, max_tokens=100_000)
    assert first_delta(request).wait(WAIT_S)
    assert client.status.pid is not None
    os.kill(client.status.pid, signal.SIGKILL)
    with pytest.raises(EngineDied, match="ended"):
        request.result(WAIT_S)
    wait_for(lambda: client.status.model is not None)
    assert any(status.phase == "restarting" and status.reason == "ended" for status in statuses)
    assert client.generate(WHY, max_tokens=3).result(WAIT_S).generated_tok == 3
    with pytest.raises(EngineFailed) as failed:
        client.generate(WHY, from_session="s").result(WAIT_S)
    assert failed.value.code == codes.SESSION_UNKNOWN


def test_an_engine_that_crashes_in_native_code_is_told_and_comes_back(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(script="to be or", dies_at_step=4))
    with pytest.raises(EngineDied, match="ended"):
        client.generate(WHY).result(WAIT_S)
    wait_for(lambda: client.status.model is not None)
    assert client.status.restarts == 1


def test_a_model_that_kills_the_engine_is_not_loaded_for_ever(
    write_model: Callable[..., Path],
) -> None:
    patience = Patience(back_off_s=(0.01,) * 10)
    with EngineClient(command=FAKE, patience=patience) as client:
        with pytest.raises(EngineDied):
            client.load(write_model(dies_on_load=True)).result(WAIT_S)
        wait_for(lambda: client.status.phase == "ready")
        assert client.status.restarts == 2
        assert client.status.model is None


def test_after_too_many_deaths_the_engine_waits_to_be_started_again(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model()).result(WAIT_S)
    for _ in range(4):
        wait_for(lambda: client.status.phase in ("ready", "failed") and client.status.pid is not None)
        pid = client.status.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: client.status.pid != pid)  # type: ignore[misc]
    wait_for(lambda: client.status.phase == "failed")
    client.start()
    wait_for(lambda: client.status.model is not None)


def test_a_worker_that_stops_breathing_is_ended(write_model: Callable[..., Path]) -> None:
    # Thirty signs of life in a row must fail to come, so that a busy machine's worker is not taken for dead.
    patience = Patience(heartbeat_s=0.1, silence_s=3.0, back_off_s=(0.01,) * 5)
    with EngineClient(command=FAKE, patience=patience) as client:
        client.load(write_model()).result(WAIT_S)
        pid = client.status.pid
        assert pid is not None
        wait_for(lambda: client.status.rss_bytes > 0)
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: client.status.restarts >= 1)
        wait_for(lambda: client.status.model is not None)


def test_closing_in_the_middle_of_an_answer_ends_everything(write_model: Callable[..., Path]) -> None:
    client = EngineClient(command=FAKE, patience=QUICK)
    client.start()
    client.load(write_model(step_s=600.0, deaf=True)).result(WAIT_S)
    request, waiting = client.generate(WHY), client.read("s", ["x"])
    assert first_delta(request).wait(WAIT_S)
    pid = client.status.pid
    client.close()
    for ended in (request, waiting):
        with pytest.raises(EngineDied, match="closed"):
            ended.result(0)
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_a_worker_that_has_not_said_a_word_is_not_waited_for_when_the_client_closes() -> None:
    silent = [sys.executable, "-c", "import time; time.sleep(600)"]
    with EngineClient(command=silent, patience=Patience(close_s=600.0)) as client:
        wait_for(lambda: client.status.pid is not None)
    assert client.status.pid is None


def test_an_orphaned_worker_leaves(write_model: Callable[..., Path]) -> None:
    code = f"""
import sys, time
from engine.client import EngineClient
from engine.protocol import ChatMessage
client = EngineClient(command={FAKE!r})
client.start()
client.load({str(write_model(step_s=600.0, deaf=True))!r}).result(60)
begun = client.generate([ChatMessage("user", "why?")])
begun.on_delta(lambda delta: (print(client.status.pid, flush=True)))
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    ("deaths", "waits"),
    [
        ([("ended", 1.0)] * 4, [0.1, 0.5, 2.0, 5.0]),
        ([("ended", 1.0)] * 5, [0.1, 0.5, 2.0, 5.0, None]),
        ([("ended", 1.0), ("ended", 99.0), ("ended", 1.0)], [0.1, 0.1, 0.5]),
        ([("refused", 0.1)], [None]),
    ],
)
def test_waits_grow_with_deaths_in_a_row_and_end(
    deaths: list[tuple[str, float]], waits: list[float | None]
) -> None:
    policy = RestartPolicy(Patience())
    assert [policy.note_death(reason, lived_s, loading=False) for reason, lived_s in deaths] == waits
    assert policy.restarts == len(deaths)
    policy.forgive()
    assert policy.note_death("ended", 1.0, loading=False) == 0.1


def test_a_model_is_blamed_for_two_deaths_while_it_loads_and_for_no_others() -> None:
    policy = RestartPolicy(Patience())
    for loading in (True, False, False):
        policy.note_death("ended", 1.0, loading=loading)
        assert not policy.model_kills
    policy.note_death("ended", 1.0, loading=True)
    assert policy.model_kills
    policy.forgive_model()
    assert not policy.model_kills
