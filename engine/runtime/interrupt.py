"""How a running job is stopped for good, or asked to step aside, from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine.runtime.seam import Flag


class Stopped(Exception):
    """The job was cancelled at a point where its state is whole."""


class Interrupt:
    """One job's cancel token. `cancel`, `pause` and `resume` may be called from any thread, the rest from
    the computing one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flag: Flag | None = None
        self._cancelled = threading.Event()
        self._paused = False

    @property
    def cancelled(self) -> bool:
        """Whether the job is to end."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """End the job at its next boundary, and native code at once."""
        with self._lock:
            self._cancelled.set()
            if self._flag is not None:
                self._flag.set()

    def pause(self) -> None:
        """Bring native code back to its last boundary, so that more urgent work can run.

        It holds until `resume`: who is about to enter native code comes straight back.
        """
        with self._lock:
            self._paused = True
            if self._flag is not None:
                self._flag.set()

    def resume(self) -> None:
        """The job has its turn again."""
        with self._lock:
            self._paused = False

    def arm(self, new_flag: Callable[[], Flag]) -> Flag:
        """A fresh flag for one native call, already raised when the job is cancelled or paused."""
        flag = new_flag()
        with self._lock:
            self._flag = flag
            if self._paused or self._cancelled.is_set():
                flag.set()
        return flag

    def check(self) -> None:
        """Raise Stopped when the job is cancelled."""
        if self.cancelled:
            raise Stopped
