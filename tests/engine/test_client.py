"""The client with real worker processes: a fake model in most, the tiny real one in the last."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

import engine.client.lifeline as lifeline_module
from engine.client import (
    EngineCancelled,
    EngineClient,
    EngineDied,
    EngineFailed,
    EngineStatus,
    Patience,
    Request,
)
from engine.client.launch import LaunchedWorker, launch_worker, scrub_environment
from engine.client.measure import ReadingMemory, measure_reading_memory, measure_snapshot
from engine.client.patience import RestartPolicy
from engine.protocol import ChatMessage, Delta, GenerateDone, Progress, ReadDone, codes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FAKE = [sys.executable, str(HERE / "fake_worker.py")]
TINY = HERE.parent / "fixtures" / "golden" / "float-tiny"
WHY = [ChatMessage("user", "why?")]
WAIT_S = 30.0
QUICK = Patience(cancel_s=1.0, back_off_s=(0.01, 0.01, 0.01))


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """No thread, no child and no descriptor outlives a test."""
    children = {child.pid for child in psutil.Process().children()}
    threads = set(threading.enumerate())
    descriptors = psutil.Process().num_fds()
    yield
    assert {child.pid for child in psutil.Process().children()} <= children
    assert set(threading.enumerate()) <= threads
    gc.collect()
    assert psutil.Process().num_fds() <= descriptors


@pytest.fixture
def statuses() -> list[EngineStatus]:
    return []


@pytest.fixture
def client(statuses: list[EngineStatus]) -> Iterator[EngineClient]:
    with EngineClient(statuses.append, command=FAKE, patience=QUICK) as started:
        yield started


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str = "model.json", **habits: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(habits))
        return path

    return write


def wait_for(condition: Callable[[], bool]) -> None:
    """Until something is so; a test that waits in vain fails."""
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.005)


def first_delta(request: Request[GenerateDone]) -> threading.Event:
    """Set once the answer has begun."""
    begun = threading.Event()
    request.on_delta(lambda delta: begun.set())
    return begun


# --- start and handshake


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


# --- asking


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
    client.load(write_model(breaks="nan"))
    with pytest.raises(EngineFailed) as failed:
        client.generate([ChatMessage("user", "canary")]).result(WAIT_S)
    assert failed.value.code == codes.INTERNAL
    assert "canary" not in failed.value.message + "".join(client.log_tail())
    assert any("bug: ValueError" in line for line in client.log_tail())


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
    print(client.load({str(TINY)!r}, threads=1).result(30).layers)
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


# --- stopping


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
        request.result(2.0)
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


def test_an_engine_that_does_not_stop_is_killed_and_replaced(
    client: EngineClient, write_model: Callable[..., Path]
) -> None:
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


# --- death


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


def test_an_engine_that_crashes_in_native_code_is_told_and_its_log_kept(
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
    patience = Patience(heartbeat_s=0.1, silence_s=0.6, back_off_s=(0.01,) * 5)
    with EngineClient(command=FAKE, patience=patience) as client:
        client.load(write_model()).result(WAIT_S)
        pid = client.status.pid
        assert pid is not None
        wait_for(lambda: client.status.rss_bytes > 0)
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: client.status.restarts == 1)
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


def test_an_orphaned_worker_leaves(write_model: Callable[..., Path]) -> None:
    code = f"""
import sys, time
from engine.client import EngineClient
from engine.protocol import ChatMessage
client = EngineClient(command={FAKE!r})
client.start()
client.load({str(write_model(step_s=600.0, deaf=True))!r}).result(30)
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


# --- order


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
            reading.result(2.0)
        assert client.status.restarts == 0


# --- snapshots, with the real model


def test_saved_restored_forked_and_uninterrupted_answers_are_equal(tmp_path: Path) -> None:
    key = os.urandom(32)
    text = "On Monday the patient took 5 mg. " * 8
    with EngineClient(patience=QUICK) as client:
        client.load(TINY, threads=1).result(WAIT_S)
        client.read("s", [text]).result(WAIT_S)
        straight = client.generate(WHY, from_session="s", max_tokens=24).result(WAIT_S)
        with (tmp_path / "snapshot").open("w+b") as file:
            saved = client.save_state("s", file.fileno(), key, "dossier").result(WAIT_S)
        assert saved.size_bytes == (tmp_path / "snapshot").stat().st_size
        assert client.status.pid is not None
        os.kill(client.status.pid, signal.SIGKILL)
        wait_for(lambda: client.status.restarts == 1 and client.status.model is not None)
        with (tmp_path / "snapshot").open("rb") as file:
            restored = client.restore_state("s", file.fileno(), key, "dossier").result(WAIT_S)
        assert (restored.position_tok, restored.text_sha256) == (saved.position_tok, saved.text_sha256)
        client.fork("s", "t").result(WAIT_S)
        for name in ("s", "t"):
            again = client.generate(WHY, from_session=name, max_tokens=24).result(WAIT_S)
            assert (again.text, again.confidence) == (straight.text, straight.confidence)


def test_a_damaged_or_foreign_snapshot_is_refused_and_no_session_made(tmp_path: Path) -> None:
    key, path = os.urandom(32), tmp_path / "snapshot"
    with EngineClient(patience=QUICK) as client:
        client.load(TINY, threads=1, window_precision="int8").result(WAIT_S)
        client.read("s", ["On Monday."]).result(WAIT_S)
        with path.open("w+b") as file:
            client.save_state("s", file.fileno(), key, "dossier").result(WAIT_S)
        sealed = path.read_bytes()

        def refused(content: bytes, identity_text: str = "dossier") -> str:
            path.write_bytes(content)
            with path.open("rb") as file, pytest.raises(EngineFailed) as failed:
                client.restore_state("new", file.fileno(), key, identity_text).result(WAIT_S)
            return failed.value.code

        for place in (0, 12, 600, 1060, len(sealed) - 1):
            flipped = bytearray(sealed)
            flipped[place] ^= 1
            assert refused(bytes(flipped)) == codes.STATE_DAMAGED
        assert refused(sealed[:-1]) == codes.STATE_DAMAGED
        assert refused(b"") == codes.STATE_DAMAGED
        assert refused(sealed, "another dossier") == codes.STATE_MISMATCH
        with pytest.raises(EngineFailed) as failed:
            client.generate(WHY, from_session="new").result(WAIT_S)
        assert failed.value.code == codes.SESSION_UNKNOWN
        path.write_bytes(sealed)
        client.load(TINY, threads=1, window_precision="f16").result(WAIT_S)
        assert refused(sealed) == codes.STATE_MISMATCH


def test_a_disk_that_is_full_is_told_as_one(client: EngineClient, write_model: Callable[..., Path]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    client.load(write_model())
    client.read("s", ["x"]).result(WAIT_S)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(EngineFailed) as failed:
            client.save_state("s", full, bytes(32), "dossier").result(WAIT_S)
    finally:
        os.close(full)
    assert failed.value.code == codes.STATE_UNWRITABLE


def test_a_worker_that_answers_garbage_is_ended() -> None:
    def launch(command: object) -> LaunchedWorker:
        code = (
            "import os, socket, sys\n"
            "end = socket.socket(fileno=int(sys.argv[-1]))\n"
            "end.sendall(b'\\x05\\0\\0\\0\\0\\0\\0\\0hello')\n"
            "end.recv(1)\n"
        )
        return launch_worker([sys.executable, "-c", code])

    with EngineClient(patience=Patience(back_off_s=()), launch=launch) as client:
        wait_for(lambda: client.status.phase == "failed")
        assert client.status.reason == "garbled"


# --- the restart policy, without processes


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
