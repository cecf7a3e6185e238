"""A verb in flight: progress, cancel, result and change flags. Thread safe; callbacks run on a worker
thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.core.ids import new_id
from app.services.views import Changes

T = TypeVar("T")
V = TypeVar("V")

PROGRESS_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """``total`` is None while it is not known. ``unit`` is "file", "page", "token", "byte",
    "thousandth" or "model" (which is being loaded). ``part`` is how far the one in hand is, 0..1.
    """

    done: int
    total: int | None
    unit: str
    detail: str = ""
    part: float = 0.0


def tell(callback: Callable[[V], None], value: V) -> None:
    """Call a listener. Its mistake goes where uncaught exceptions of threads go, never into the work."""
    try:
        callback(value)
    except Exception as error:
        told = (type(error), error, error.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(told))


class OperationCancelled(CancelledError):
    """Raised inside the work at its next progress call, and by ``result`` of a cancelled operation."""


class Operation(Generic[T]):
    """Handle of one verb. The work calls ``report`` or ``check``; both raise when the person cancelled."""

    def __init__(self, verb: str) -> None:
        self.id = new_id()
        self.verb = verb
        self._lock = threading.RLock()
        self._cancel = threading.Event()
        self._finished = threading.Event()
        self._progress: Progress | None = None
        self._last_report_s = 0.0
        self._changes = Changes.NONE
        self._result: T | None = None
        self._error: BaseException | None = None
        self._on_progress: list[Callable[[Progress], None]] = []
        self._on_partial: list[Callable[[str], None]] = []
        self._on_done: list[Callable[[Operation[T]], None]] = []
        self._on_cancel: list[Callable[[], None]] = []
        self._partial = ""

    # -- for the person who asked ---------------------------------------------------------------------------

    def cancel(self) -> None:
        """Ask the work to stop; it does at its next step. Harmless when finished."""
        with self._lock:
            already = self._cancel.is_set() or self._finished.is_set()
            self._cancel.set()
            callbacks = [] if already else list(self._on_cancel)
        for callback in callbacks:
            callback()

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for the result; raises the work's error, ``OperationCancelled`` or ``TimeoutError``."""
        if not self._finished.wait(timeout_s):
            raise TimeoutError(f"{self.verb} did not finish in {timeout_s} s")
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # set whenever there is no error

    @property
    def done(self) -> bool:
        return self._finished.is_set()

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    @property
    def error(self) -> BaseException | None:
        return self._error

    @property
    def changes(self) -> Changes:
        return self._changes

    @property
    def progress(self) -> Progress | None:
        return self._progress

    @property
    def partial(self) -> str:
        """Text streamed so far (asking only)."""
        return self._partial

    def on_progress(self, callback: Callable[[Progress], None]) -> None:
        """``callback`` gets at most ten reports a second, and always the last one and the first in another
        unit; a late one first gets the latest.
        """
        with self._lock:
            before = self._progress
            self._on_progress.append(callback)
            if before is not None:
                tell(callback, before)

    def on_partial(self, callback: Callable[[str], None]) -> None:
        """``callback`` gets each piece of a streamed answer; a late one first gets what came before."""
        with self._lock:
            before = self._partial
            self._on_partial.append(callback)
            if before:
                tell(callback, before)

    def add_done_callback(self, callback: Callable[[Operation[T]], None]) -> None:
        """``callback`` runs once, at the end or at once when it is over already."""
        with self._lock:
            if not self._finished.is_set():
                self._on_done.append(callback)
                return
        tell(callback, self)

    # -- for the work ---------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise ``OperationCancelled`` when the person asked to stop."""
        if self._cancel.is_set():
            raise OperationCancelled(self.verb)

    def report(self, progress: Progress) -> None:
        """Publish progress, throttled, and check for cancel."""
        self.check()
        self.report_only(progress)

    def report_only(self, progress: Progress) -> None:
        """Publish progress, throttled, for work that has its own place to stop."""
        now_s = time.monotonic()
        last = progress.total is not None and progress.done >= progress.total
        with self._lock:
            turned = self._progress is None or progress.unit != self._progress.unit
            self._progress = progress
            if not (last or turned) and now_s - self._last_report_s < PROGRESS_INTERVAL_S:
                return
            self._last_report_s = now_s
            callbacks = list(self._on_progress)
        for callback in callbacks:
            tell(callback, progress)

    def stream(self, piece: str) -> None:
        """Hand out a piece of a streamed answer."""
        with self._lock:
            self._partial += piece
            callbacks = list(self._on_partial)
        for callback in callbacks:
            tell(callback, piece)

    def when_cancelled(self, callback: Callable[[], None]) -> None:
        """``callback`` runs when cancel is asked (at once when it was already)."""
        with self._lock:
            if not self._cancel.is_set():
                self._on_cancel.append(callback)
                return
        callback()

    @property
    def cancel_event(self) -> threading.Event:
        """For code that polls, such as the parser."""
        return self._cancel

    def add_changes(self, changes: Changes) -> None:
        with self._lock:
            self._changes |= changes

    def finish(self, result: T | None, error: BaseException | None = None) -> None:
        """Called once by the lane that ran the work."""
        with self._lock:
            self._result, self._error = result, error
            self._finished.set()
            callbacks = list(self._on_done)
            self._on_done.clear()
            self._on_progress.clear()
            self._on_partial.clear()
            self._on_cancel.clear()
        for callback in callbacks:
            tell(callback, self)
