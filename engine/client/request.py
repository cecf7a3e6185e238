"""A request in flight, as the caller holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from engine.client.errors import EngineError
from engine.protocol import Delta, Progress

T = TypeVar("T")
V = TypeVar("V")


def call_back(callback: Callable[[V], None], value: V) -> None:
    """A caller's mistake must not end the client's thread: it goes where uncaught exceptions of threads
    go.
    """
    try:
        callback(value)
    except Exception as error:
        told = (type(error), error, error.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(told))


class Request(Generic[T]):
    """The handle of one request. Every method may be called from any thread.

    Callbacks run on the client's reader thread (or, when what they wait for has already happened, at
    once on the caller's): keep them short, and never wait for another request inside one. A callback
    given late first gets what it missed.
    """

    def __init__(self, request_id: int, cancel: Callable[[int], None]) -> None:
        self.id = request_id
        self._cancel = cancel
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._result: T | None = None
        self._error: EngineError | None = None
        self._deltas: list[Delta] = []
        self._progress: Progress | None = None
        self._on_delta: list[Callable[[Delta], None]] = []
        self._on_progress: list[Callable[[Progress], None]] = []
        self._on_done: list[Callable[[Request[T]], None]] = []

    def on_delta(self, callback: Callable[[Delta], None]) -> Request[T]:
        """Call back with every piece of the answer."""
        with self._lock:
            self._on_delta.append(callback)
            for delta in self._deltas:
                call_back(callback, delta)
        return self

    def on_progress(self, callback: Callable[[Progress], None]) -> Request[T]:
        """Call back with progress; a late caller gets the latest only."""
        with self._lock:
            self._on_progress.append(callback)
            if self._progress is not None:
                call_back(callback, self._progress)
        return self

    def add_done_callback(self, callback: Callable[[Request[T]], None]) -> Request[T]:
        """Call back once, when the request has ended in any way."""
        with self._lock:
            if not self._ended.is_set():
                self._on_done.append(callback)
                return self
        call_back(callback, self)
        return self

    @property
    def done(self) -> bool:
        """Whether the request has ended."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Ask the engine to stop it; the request still ends in exactly one way. Nothing happens when it has
        ended.
        """
        if not self._ended.is_set():
            self._cancel(self.id)

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for the result. Raises EngineFailed, EngineCancelled or EngineDied; TimeoutError when it
        takes longer.
        """
        if not self._ended.wait(timeout_s):
            raise TimeoutError(f"request {self.id} has not ended within {timeout_s} s")
        if self._error is not None:
            raise self._error
        return cast("T", self._result)

    def error(self) -> EngineError | None:
        """How it failed, or None while it runs or when it succeeded."""
        return self._error

    # The three below are the client's side of the handle.

    def take_delta(self, delta: Delta) -> None:
        """Pass on a piece of the answer."""
        with self._lock:
            self._deltas.append(delta)
            for callback in self._on_delta:
                call_back(callback, delta)

    def take_progress(self, progress: Progress) -> None:
        """Pass on progress."""
        with self._lock:
            self._progress = progress
            for callback in self._on_progress:
                call_back(callback, progress)

    def end(self, result: T | None, error: EngineError | None = None) -> None:
        """End the request, once; a second end is ignored."""
        with self._lock:
            if self._ended.is_set():
                return
            self._result, self._error = result, error
            self._ended.set()
            callbacks, self._on_done = self._on_done, []
        for callback in callbacks:
            call_back(callback, self)
