"""The desk: every request gets a ticket, a turn, and exactly one end."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Final, Literal, NoReturn

from engine.protocol import (
    Accepted,
    Cancelled,
    CountPrompt,
    CountTokens,
    Delta,
    Done,
    Drop,
    Failed,
    Fork,
    Generate,
    Inspect,
    Load,
    Outcome,
    Progress,
    Read,
    RestoreState,
    SaveState,
    Work,
    codes,
)
from engine.runtime.answering import AnswerStopped
from engine.runtime.interrupt import Interrupt, Stopped
from engine.runtime.reading import ReadingStopped
from engine.runtime.scheduler import Lane, Scheduler, Ticket
from engine.worker.log import write_log
from engine.worker.outbox import Outbox

_PROGRESS_EVERY_S: Final = 0.1

Phase = Literal["load", "read", "prompt"]


class RequestFailed(Exception):
    """The request cannot be done; the code and sentence go to the application."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Job:
    """One request while it is open. `descriptor` is the file that came along, closed with the job."""

    message: Work
    outbox: Outbox
    descriptor: int | None = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    steps: Generator[None, None, Outcome] | None = None
    told_at_s: float = 0.0

    @property
    def request_id(self) -> int:
        """The request this is."""
        return self.message.request_id

    def report(self, phase: Phase, done: int, total: int) -> None:
        """Tell progress, at most ten times a second (the last word always)."""
        now_s = time.monotonic()
        if now_s - self.told_at_s < _PROGRESS_EVERY_S and done < total:
            return
        self.told_at_s = now_s
        self.outbox.put(Progress(self.request_id, phase, done, total), lambda: self.interrupt.cancelled)

    def emit(self, text: str, probabilities: tuple[float, ...]) -> None:
        """Tell the next piece of an answer."""
        self.outbox.put(Delta(self.request_id, text, probabilities), lambda: self.interrupt.cancelled)

    def close(self) -> None:
        """Let go of the computation and the file."""
        if self.steps is not None:
            self.steps.close()
            self.steps = None
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


Begin = Callable[[Job], Generator[None, None, Outcome]]
"""Makes the steps of a job: a generator that yields wherever other work may run and returns the outcome."""


class Desk:
    """Open requests and the one thread that computes (`run`). The other methods may be called from any
    thread.
    """

    def __init__(
        self, outbox: Outbox, begin: Begin, explain: Callable[[Exception], RequestFailed | None]
    ) -> None:
        self._outbox = outbox
        self._begin = begin
        self._explain = explain
        self._changed = threading.Condition()
        self._scheduler = Scheduler()
        self._jobs: dict[int, Job] = {}
        self._running: Job | None = None

    def accept(self, message: Work, descriptor: int | None) -> None:
        """Take a request; the descriptor is the desk's from here on. A number still open is ignored."""
        job = Job(message, self._outbox, descriptor)
        with self._changed:
            if message.request_id in self._jobs:
                job.close()
                return
            self._outbox.put_now(Accepted(message.request_id))
            self._jobs[message.request_id] = job
            self._scheduler.add(ticket_for(message))
            if self._running is not None and self._scheduler.must_pause(self._running.request_id):
                self._running.interrupt.pause()
            self._changed.notify_all()

    def cancel(self, request_id: int) -> None:
        """Stop a request: at its next look when it computes, at once when it waits. Unknown numbers have
        ended.
        """
        with self._changed:
            job = self._jobs.get(request_id)
            if job is None:
                return
            job.interrupt.cancel()
            if job is self._running:
                return
            self._forget(job)
        # it waits, so nobody else touches its steps: letting it run to its own stop tells what it keeps
        self._advance(job)

    def run(self) -> NoReturn:
        """Compute for ever; the body of the main thread."""
        while True:
            with self._changed:
                self._running = None
                while (ticket := self._scheduler.choose()) is None:
                    self._changed.wait()
                job = self._running = self._jobs[ticket.number]
                job.interrupt.resume()  # under the lock of `accept`: no pause of this turn is lost
            if self._advance(job):
                with self._changed:
                    self._forget(job)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.request_id, None)
        self._scheduler.finish(job.request_id)

    def _advance(self, job: Job) -> bool:
        """Compute until the job's next boundary; true when it has ended, its end then told."""
        number = job.request_id
        try:
            if job.steps is None:
                job.interrupt.check()
                job.steps = self._begin(job)
            try:
                next(job.steps)
            except StopIteration as end:
                self._outbox.put_now(Done(number, end.value))
            else:
                return False
        except (AnswerStopped, ReadingStopped) as stopped:
            self._outbox.put_now(Cancelled(number, stopped.partial))
        except Stopped:
            self._outbox.put_now(Cancelled(number))
        except Exception as error:
            told = self._explain(error) or _bug(error)
            # a stranger's words (a model's template) may be such as no encoding carries: the end is owed
            message = told.message.encode("utf-8", "replace").decode("utf-8")
            self._outbox.put_now(Failed(number, told.code, message))
        job.close()
        return True


def ticket_for(message: Work) -> Ticket:
    """How urgent a request is, and which session it writes."""
    number = message.request_id
    match message:
        case Load():
            return Ticket(number, Lane.INTERACTIVE, barrier=True)
        case CountTokens() | CountPrompt() | Inspect():
            return Ticket(number, Lane.QUICK)
        case Fork():
            return Ticket(number, Lane.QUICK, writes=message.target)
        case Drop():
            return Ticket(number, Lane.QUICK, writes=message.session)
        case Generate():
            return Ticket(number, Lane.INTERACTIVE)
        case RestoreState():
            return Ticket(number, Lane.INTERACTIVE, writes=message.session)
        case SaveState():
            # after the readings asked for before it, and in nobody's way
            return Ticket(number, Lane.BACKGROUND)
        case Read():
            lane = Lane.BACKGROUND if message.background else Lane.INTERACTIVE
            return Ticket(number, lane, writes=message.session)


def _bug(error: Exception) -> RequestFailed:
    if isinstance(error, MemoryError):
        return RequestFailed(codes.OUT_OF_MEMORY, "There is not enough memory for this.")
    # where, never what: an exception's own words may quote a text
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    write_log(f"bug: {type(error).__name__} at {where}")
    return RequestFailed(codes.INTERNAL, f"Unexpected {type(error).__name__} in the engine.")
