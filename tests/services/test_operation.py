"""A verb in flight: progress at most ten times a second, cancel, callbacks that cannot hurt the work."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest

from app.core.errors import UserError
from app.core.log import Log
from app.services.lanes import Lane, Lanes
from app.services.operation import Operation, OperationCancelled, Progress
from app.store import VaultLocked

WAIT_S = 60.0


@pytest.fixture
def lanes():
    lanes = Lanes(Log(None))
    yield lanes
    lanes.close()


def test_a_result_or_an_error_reaches_whoever_waits(lanes):
    assert lanes.run(Lane.QUICK, "add", lambda op: 1 + 1).result(WAIT_S) == 2
    failing = lanes.run(Lane.QUICK, "fail", lambda op: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failing.result(WAIT_S)
    assert isinstance(failing.error, ZeroDivisionError)
    with pytest.raises(TimeoutError):
        Operation("never").result(0.01)


def test_progress_is_told_at_most_ten_times_a_second_and_always_at_the_end(lanes):
    told = []
    ready = threading.Event()

    def work(op):
        ready.wait(WAIT_S)
        for done in range(1, 5001):
            op.report(Progress(done, 5000, "page"))

    operation = lanes.run(Lane.QUICK, "count", work)
    operation.on_progress(told.append)
    began_s = time.monotonic()
    ready.set()
    operation.result(WAIT_S)
    assert told[-1].done == 5000
    assert len(told) <= 2 + 10 * (time.monotonic() - began_s)
    assert operation.progress == Progress(5000, 5000, "page")


def test_the_first_progress_of_another_kind_is_told_whoever_comes_late_gets_the_latest():
    operation = Operation("read")
    told, late = [], []
    operation.on_progress(told.append)
    for progress in (Progress(0, None, "model"), Progress(50, 100, "token"), Progress(51, 100, "token")):
        operation.report_only(progress)
    operation.on_progress(late.append)
    assert told == [Progress(0, None, "model"), Progress(50, 100, "token")]
    assert late == [Progress(51, 100, "token")]


def test_cancelling_stops_the_work_at_its_next_step(lanes):
    began, stopped = threading.Event(), []

    def work(op):
        op.when_cancelled(lambda: stopped.append("asked"))
        began.set()
        while True:
            op.check()

    operation = lanes.run(Lane.QUICK, "spin", work)
    began.wait(WAIT_S)
    operation.cancel()
    operation.cancel()
    with pytest.raises(OperationCancelled):
        operation.result(WAIT_S)
    assert stopped == ["asked"]
    assert issubclass(OperationCancelled, CancelledError)
    late: list[str] = []
    operation.when_cancelled(lambda: late.append("at once"))
    assert late == ["at once"]


def test_what_is_cancelled_before_its_turn_never_runs(lanes):
    gate, ran = threading.Event(), []
    lanes.run(Lane.ASK, "first", lambda op: gate.wait(WAIT_S))
    second = lanes.run(Lane.ASK, "second", lambda op: ran.append(1))
    second.cancel()
    gate.set()
    with pytest.raises(OperationCancelled):
        second.result(WAIT_S)
    assert ran == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_listener_that_fails_neither_stops_the_work_nor_goes_unheard(lanes, monkeypatch):
    heard = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(args.exc_type))
    gate = threading.Event()

    def work(op):
        gate.wait(WAIT_S)
        op.report(Progress(1, 1, "file"))
        op.stream("word")
        return "done"

    operation = lanes.run(Lane.QUICK, "work", work)
    for listen in (operation.on_progress, operation.on_partial, operation.add_done_callback):
        listen(lambda _: 1 // 0)
    gate.set()
    assert operation.result(WAIT_S) == "done"
    lanes.close()
    assert heard == [ZeroDivisionError] * 3


def test_streamed_text_is_complete_for_early_and_late_listeners(lanes):
    gate, half = threading.Event(), threading.Event()

    def work(op):
        for piece in ("one ", "two "):
            op.stream(piece)
        half.set()
        gate.wait(WAIT_S)
        op.stream("three")

    operation = lanes.run(Lane.QUICK, "speak", work)
    half.wait(WAIT_S)
    late: list[str] = []
    operation.on_partial(late.append)
    gate.set()
    operation.result(WAIT_S)
    assert late == ["one two ", "three"]
    assert operation.partial == "one two three"


def test_after_closing_nothing_starts(lanes):
    lanes.close()
    with pytest.raises(VaultLocked):
        lanes.run(Lane.QUICK, "late", lambda op: 1).result(WAIT_S)


def test_what_fails_is_logged_by_its_verb_and_code_and_without_a_word_of_it(tmp_path):
    lanes = Lanes(Log(tmp_path))

    def work(op):
        raise UserError("name-taken", "{name} is taken.", name="Madame Quelconque")

    def stop(op):
        raise OperationCancelled("stop")

    with pytest.raises(UserError):
        lanes.run(Lane.QUICK, "rename", work).result(WAIT_S)
    with pytest.raises(OperationCancelled):
        lanes.run(Lane.QUICK, "stop", stop).result(WAIT_S)
    lanes.close()
    (line,) = (tmp_path / "huisclos.log").read_text().splitlines()
    assert "fail services.rename kind=UserError code=name-taken" in line
    assert "Quelconque" not in line
