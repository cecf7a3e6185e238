"""The client with real worker processes: starting, asking, being told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import engine.client.lifeline as lifeline_module
from engine.client import (
    EngineClient,
    EngineDied,
    EngineFailed,
    EngineStatus,
    Patience,
)
from engine.client.launch import scrub_environment
from engine.client.measure import ReadingMemory, measure_reading_memory, measure_snapshot
from engine.protocol import ChatMessage, Delta, Progress, codes
from tests.engine.client.world import FAKE, QUICK, ROOT, TINY, WAIT_S, WHY, wait_for


def test_the_worker_starts_greets_and_says_what_its_cage_keeps(
    client: EngineClient, statuses: list[EngineStatus]
) -> None:
    wait_for(lambda: client.status.phase == "ready")
    welcome = client.status.welcome
    assert welcome is not None
    assert client.status.pid == welcome.pid != os.getpid()
    if sys.platform == "linux":
        assert welcome.kernel_filter
        assert {"sockets", "internet", "processes"} <= set(welcome.kept)
    assert [status.phase for status in statuses[:2]] == ["starting", "starting"]
    assert client.status.model is None


@pytest.mark.parametrize(
    ("what", "value"), [("PROTOCOL_VERSION", 999), ("build_hash", lambda: "another build")]
)
def test_a_worker_of_another_build_is_refused(
    what: str, value: object, monkeypatch: pytest.MonkeyPatch, statuses: list[EngineStatus]
) -> None:
    monkeypatch.setattr(lifeline_module, what, value)
    with EngineClient(statuses.append, command=FAKE, patience=QUICK) as client:
        request = client.count_tokens(["x"])
        with pytest.raises(EngineDied, match=r"refused|gave-up"):
            request.result(WAIT_S)
        wait_for(lambda: client.status.phase == "failed")
        assert client.status.reason == "refused"
        with pytest.raises(EngineDied, match="gave-up"):
            client.count_tokens(["x"]).result(WAIT_S)


def test_a_program_that_is_no_worker_is_given_up_after_a_few_tries(statuses: list[EngineStatus]) -> None:
    with EngineClient(
        statuses.append, command=[sys.executable, "-c", "print('hello')"], patience=QUICK
    ) as client:
        wait_for(lambda: client.status.phase == "failed")
        assert client.status.restarts == 4
        assert "hello" in client.log_tail()


def test_a_program_that_cannot_be_started_is_given_up(tmp_path: Path) -> None:
    with EngineClient(command=[str(tmp_path / "nothing")], patience=QUICK) as client:
        wait_for(lambda: client.status.phase == "failed")
        assert client.status.reason == "not-started"


def test_a_worker_that_says_nothing_is_ended(statuses: list[EngineStatus]) -> None:
    patience = Patience(handshake_s=0.3, back_off_s=())
    silent = [sys.executable, "-c", "import time; time.sleep(600)"]
    with EngineClient(statuses.append, command=silent, patience=patience) as client:
        wait_for(lambda: client.status.phase == "failed")
        assert client.status.reason == "not-started"


def test_neither_key_nor_home_nor_proxy_reaches_the_worker() -> None:
    environment = {
        "PATH": "/bin",
        "HOME": "/root",
        "HTTPS_PROXY": "http://x",
        "SECRET": "1",
        "PYTHONPATH": "/x",
    }
    assert {name for name in scrub_environment(environment) if name in environment} == {"PATH"}


def test_a_client_that_was_not_started_or_is_closed_says_so() -> None:
    client = EngineClient(command=FAKE)
    with pytest.raises(EngineDied, match="closed"):
        client.count_tokens(["x"]).result(1)
    with pytest.raises(EngineDied, match="closed"):
        client.load("/x").result(1)
    client.start()
    client.close()
    client.close()
    with pytest.raises(EngineDied, match="closed"):
        client.count_tokens(["x"]).result(1)
    with pytest.raises(EngineDied, match="closed"):
        client.start()


def test_an_answer_comes_in_pieces_and_then_whole(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    info = client.load(write_model(script="Oui, « 5 mg » [1]")).result(WAIT_S)
    assert client.status.model == info
    deltas: list[Delta] = []
    request = client.generate(WHY, max_tokens=100).on_delta(deltas.append)
    done = request.result(WAIT_S)
    assert done.text == "Oui, « 5 mg » [1]" == "".join(delta.text for delta in deltas)
    late: list[Delta] = []
    request.on_delta(late.append)
    assert late == deltas
    ended: list[object] = []
    request.add_done_callback(ended.append)
    assert ended == [request]
    assert request.done
    assert request.error() is None


def test_tokens_are_counted(client: EngineClient, write_model: Callable[..., Path]) -> None:
    client.load(write_model())
    assert client.count_tokens(["a", "", "été"]).result(WAIT_S).counts == (1, 0, 5)
    assert client.count_prompt(WHY).result(WAIT_S).counts == (5,)


def test_reading_tells_progress_and_sessions_are_forked_and_dropped(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model())
    progress: list[Progress] = []
    done = client.read("s", ["x" * 500, "y" * 500]).on_progress(progress.append).result(WAIT_S)
    assert (done.position_tok, done.texts_done) == (1000, 2)
    assert progress[0].total == 1000
    copy = client.fork("s", "t").result(WAIT_S)
    assert (copy.position_tok, copy.text_sha256) == (1000, done.text_sha256)
    client.drop("s").result(WAIT_S)
    with pytest.raises(EngineFailed) as failed:
        client.generate(WHY, from_session="s").result(WAIT_S)
    assert failed.value.code == codes.SESSION_UNKNOWN
    assert client.generate(WHY, from_session="t").result(WAIT_S).reused_tok == 1000


def test_without_a_model_every_question_is_told_so(client: EngineClient) -> None:
    for request in (client.count_tokens(["x"]), client.generate(WHY), client.read("s", ["x"])):
        with pytest.raises(EngineFailed) as failed:
            request.result(WAIT_S)
        assert failed.value.code == codes.NO_MODEL


def test_a_model_that_is_not_there_is_told_and_another_can_be_loaded(
    client: EngineClient, write_model: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(EngineFailed):
        client.load(tmp_path / "nowhere.json").result(WAIT_S)
    assert client.status.model is None
    assert client.load(write_model()).result(WAIT_S).name == "fake"


def test_another_model_means_another_worker(client: EngineClient, write_model: Callable[..., Path]) -> None:
    client.load(write_model("one.json")).result(WAIT_S)
    first_pid = client.status.pid
    waiting = client.generate(WHY, max_tokens=5)
    waiting.result(WAIT_S)
    second = client.load(write_model("elsewhere/two.json", script="two"))
    assert second.result(WAIT_S).name == "fake"
    assert client.status.pid != first_pid
    assert client.status.restarts == 0
    assert client.generate(WHY).result(WAIT_S).text == "two"


def test_a_caller_s_mistake_in_a_callback_stops_nothing(
    client: EngineClient, write_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: told.append(arguments.exc_type))
    client.load(write_model())

    def fail(_: object) -> None:
        raise ZeroDivisionError

    request = client.generate(WHY, max_tokens=3).on_delta(fail).add_done_callback(fail)
    assert request.result(WAIT_S).generated_tok == 3
    assert client.count_tokens(["x"]).result(WAIT_S).counts == (1,)
    assert set(told) == {ZeroDivisionError}


def test_a_bug_in_the_engine_is_an_answer_without_the_text(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(breaks="generating"))
    with pytest.raises(EngineFailed) as failed:
        client.generate([ChatMessage("user", "canary")]).result(WAIT_S)
    assert failed.value.code == codes.INTERNAL
    # The log comes another way than the answer, and may come after it.
    wait_for(lambda: any("bug: ValueError" in line for line in client.log_tail()))
    assert "canary" not in failed.value.message + "".join(client.log_tail())


def test_a_caller_s_mistake_in_a_request_is_told_and_never_reaches_the_engine(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model()).result(WAIT_S)
    pid, big = client.status.pid, "x" * (16 << 20)
    for request in (
        client.generate([]),
        client.generate(WHY, max_tokens=0),
        client.generate(WHY, temperature=-1.0),
        client.read("", ["x"]),
        client.count_tokens([big, big, big]),
        client.load("/x", threads=0),
    ):
        with pytest.raises(EngineFailed) as failed:
            request.result(0)
        assert failed.value.code == codes.MESSAGE_INVALID
    # half a character, as damaged documents hold them, is no mistake of the caller's
    assert client.count_tokens(["a\ud800b"]).result(WAIT_S).counts == (5,)
    assert client.generate([ChatMessage("user", "\udc00")], max_tokens=1).result(WAIT_S).prompt_tok == 4
    assert (client.status.pid, client.status.restarts) == (pid, 0)


def test_closing_from_a_callback_is_refused_rather_than_waited_for(
    client: EngineClient, write_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: told.append(arguments.exc_type))
    client.load(write_model()).add_done_callback(lambda request: client.close()).result(WAIT_S)
    assert client.generate(WHY, max_tokens=1).result(WAIT_S).generated_tok == 1
    assert told == [RuntimeError]


def test_a_mistake_in_the_status_callback_stops_nothing(
    write_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: told.append(arguments.exc_type))

    def fail(status: EngineStatus) -> None:
        raise ZeroDivisionError

    with EngineClient(fail, command=FAKE) as client:
        client.load(write_model()).result(WAIT_S)
    assert set(told) == {ZeroDivisionError}


def test_a_window_that_gave_up_the_internet_can_still_start_its_engine() -> None:
    code = f"""
from engine.cage import forbid_internet
guarantee = forbid_internet()
from engine.client import EngineClient
with EngineClient() as client:
    print(client.load({str(TINY)!r}, threads=1).result(60).layers)
"""
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stdout.strip() == "4"


def test_memory_stays_flat_while_reading_goes_on() -> None:
    told: list[ReadingMemory] = []
    with EngineClient() as client:
        client.load(TINY, threads=1).result(WAIT_S)
        points = measure_reading_memory(client, (1_000, 8_000, 16_000), tell=told.append)
        snapshot = measure_snapshot(client, 1_000)
    assert points == told
    assert [point.position_tok // 1000 for point in points] == [1, 8, 16]
    assert points[2].rss_bytes <= 1.05 * points[1].rss_bytes
    assert snapshot.size_bytes < 1 << 20
