"""The client with real worker processes: stopping at once, and who goes first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.client import (
    EngineCancelled,
    EngineClient,
    EngineDied,
    EngineFailed,
    Patience,
    Request,
)
from engine.protocol import GenerateDone, ReadDone, codes
from tests.engine.client.world import FAKE, QUICK, TINY, WAIT_S, WHY, first_delta, wait_for


def test_a_stopped_answer_keeps_what_was_said(client: EngineClient, write_model: Callable[..., Path]) -> None:
    client.load(write_model(step_s=0.02))
    request = client.generate(WHY, max_tokens=100_000)
    assert first_delta(request).wait(WAIT_S)
    request.cancel()
    request.cancel()
    with pytest.raises(EngineCancelled) as cancelled:
        request.result(WAIT_S)
    assert isinstance(cancelled.value.partial, GenerateDone)
    assert cancelled.value.partial.text
    assert client.status.restarts == 0


def test_native_work_is_left_at_once_when_it_is_stopped(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(step_s=600.0))
    request = client.generate(WHY)
    assert first_delta(request).wait(WAIT_S)
    request.cancel()
    with pytest.raises(EngineCancelled):
        request.result(WAIT_S)
    assert client.status.restarts == 0


def test_a_request_that_waits_its_turn_is_stopped_at_once(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(step_s=0.01))
    running = client.generate(WHY, max_tokens=100_000)
    assert first_delta(running).wait(WAIT_S)
    waiting, reading = client.generate(WHY), client.read("s", ["x"])
    for request in (waiting, reading):
        request.cancel()
        with pytest.raises(EngineCancelled):
            request.result(WAIT_S)
    running.cancel()
    with pytest.raises(EngineCancelled):
        running.result(WAIT_S)


def test_a_request_stopped_before_the_worker_is_ready_never_runs(write_model: Callable[..., Path]) -> None:
    with EngineClient(command=FAKE, patience=QUICK) as client:
        request = client.load(write_model())
        request.cancel()
        with pytest.raises(EngineCancelled):
            request.result(WAIT_S)
        wait_for(lambda: client.status.phase == "ready")
        assert client.status.model is None


def test_another_model_can_be_asked_for_while_a_stopped_one_still_loads(
    client: EngineClient, write_model: Callable[..., Path], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "one.json")
    stopped = client.load(tmp_path / "one.json")
    with (tmp_path / "one.json").open("wb"):  # opens once the engine reads
        stopped.cancel()
        wanted = client.load(write_model("two.json", script="two"))
    with pytest.raises(EngineCancelled):
        stopped.result(WAIT_S)
    wanted.result(WAIT_S)
    assert client.generate(WHY).result(WAIT_S).text == "two"


def test_a_model_whose_stop_came_too_late_is_the_engine_s_model(
    client: EngineClient, write_model: Callable[..., Path], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "one.json")
    late = client.load(tmp_path / "one.json")
    with (tmp_path / "one.json").open("wb") as file:
        late.cancel()
        file.write(b'{"script": "one"}')
    late.result(WAIT_S)
    (tmp_path / "one.json").unlink()
    write_model("one.json", script="one")
    os.kill(client.status.pid or 0, signal.SIGKILL)
    wait_for(lambda: client.status.restarts == 1 and client.status.model is not None)
    assert client.generate(WHY).result(WAIT_S).text == "one"
    client.load(write_model("two.json", script="two")).result(WAIT_S)
    assert client.generate(WHY).result(WAIT_S).text == "two"


def test_counting_is_stopped_between_two_texts(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(count_s=0.05)).result(WAIT_S)
    counting = client.count_tokens(["x"] * 10_000)
    client.count_tokens(["x"]).cancel()
    counting.cancel()
    with pytest.raises(EngineCancelled):
        counting.result(WAIT_S)
    assert client.status.restarts == 0


def test_a_failure_in_words_that_no_message_can_carry_is_still_told(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(breaks="words")).result(WAIT_S)
    with pytest.raises(EngineFailed) as failed:
        client.generate(WHY).result(WAIT_S)
    assert failed.value.code == "template-refused"
    assert client.status.restarts == 0


def test_an_engine_that_does_not_stop_is_killed_and_replaced(write_model: Callable[..., Path]) -> None:
    patience = Patience(cancel_s=0.2, back_off_s=(0.01,), last_words_s=WAIT_S)
    with EngineClient(command=FAKE, patience=patience) as client:
        client.load(write_model(step_s=600.0, deaf=True)).result(WAIT_S)
        first_pid = client.status.pid
        request, other = client.generate(WHY), client.generate(WHY)
        assert first_delta(request).wait(WAIT_S)
        request.cancel()
        with pytest.raises(EngineCancelled):
            request.result(WAIT_S)
        with pytest.raises(EngineDied, match="unresponsive"):
            other.result(WAIT_S)
        wait_for(lambda: client.status.model is not None)
        assert client.status.pid != first_pid
        assert (client.status.restarts, client.status.reason) == (1, "")


def test_a_question_overtakes_reading_in_the_background(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(chunk_s=0.2))
    reading = client.read("s", ["x" * 64 * 200])
    begun = threading.Event()
    reading.on_progress(lambda progress: begun.set())
    assert begun.wait(WAIT_S)
    answer = client.generate(WHY, max_tokens=3)
    assert answer.result(WAIT_S).generated_tok == 3
    assert not reading.done
    reading.cancel()
    with pytest.raises(EngineCancelled) as cancelled:
        reading.result(WAIT_S)
    assert isinstance(cancelled.value.partial, ReadDone)
    assert cancelled.value.partial.texts_done == 0


def test_reading_goes_on_after_it_was_overtaken(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(chunk_s=0.01))
    texts = ["x" * 1000, "y" * 1000]
    reading = client.read("hurried", texts)
    for _ in range(5):
        client.generate(WHY, max_tokens=2).result(WAIT_S)
    hurried = reading.result(WAIT_S)
    calm = client.read("calm", texts, background=False).result(WAIT_S)
    assert (hurried.position_tok, hurried.text_sha256) == (calm.position_tok, calm.text_sha256)
    answers = {client.generate(WHY, from_session=name).result(WAIT_S).text for name in ("hurried", "calm")}
    assert len(answers) == 1


def test_whatever_is_asked_and_stopped_in_any_order_every_request_ends_once(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
    client.load(write_model(chunk_s=0.001, step_s=0.0005)).result(WAIT_S)
    random = Random(7)
    ends: list[int] = []
    requests: list[Request[object]] = []
    for number in range(120):
        name = random.choice("abc")
        request: Request[Any] = random.choice(
            (
                lambda name=name: client.read(name, ["x" * random.randrange(400)] * random.randrange(4)),
                lambda name=name: client.read(name, ["y"], background=False),
                lambda: client.generate(WHY, max_tokens=random.randrange(1, 30)),
                lambda name=name: client.generate(WHY, from_session=name, max_tokens=3),
                lambda name=name: client.fork(name, random.choice("abc")),
                lambda name=name: client.drop(name),
                lambda: client.count_tokens(["x", "yy"]),
            )
        )()
        request.add_done_callback(lambda request: ends.append(request.id))
        requests.append(request)
        if number % 3 == 0:
            random.choice(requests).cancel()
    refusals: set[str] = set()
    for request in requests:
        try:
            request.result(WAIT_S)
        except EngineCancelled:
            continue
        except EngineFailed as failed:
            refusals.add(failed.code)
    assert refusals <= {codes.SESSION_UNKNOWN}
    wait_for(lambda: len(ends) == len(requests))
    assert sorted(ends) == sorted(request.id for request in requests)
    assert client.status.restarts == 0


def test_a_long_reading_by_the_real_model_is_left_at_once_when_it_is_stopped() -> None:
    with EngineClient() as client:
        client.load(TINY, threads=1).result(WAIT_S)
        reading = client.read("s", ["On Monday, 5 mg. " * 20_000])
        begun = threading.Event()
        reading.on_progress(lambda progress: begun.set() if progress.done else None)
        assert begun.wait(WAIT_S)
        reading.cancel()
        with pytest.raises(EngineCancelled):
            reading.result(WAIT_S)
        assert client.status.restarts == 0
