"""One ``Operation`` seen from the Qt thread: progress, streamed text and the end arrive as signals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from shiboken6 import isValid

from app.services.operation import Operation, OperationCancelled, Progress

FRAME_MS = 33  # streamed text is handed to the view at most about thirty times a second


def while_alive(owner: QObject, callback: Callable[..., object]) -> Callable[..., None]:
    """``callback``, called only as long as ``owner`` exists: a task often outlives the view that began it."""

    def call(*values: Any) -> None:
        if isValid(owner):
            callback(*values)

    return call


class Task(QObject):
    """Follows one operation: one of ``succeeded``, ``failed`` and ``cancelled`` comes last, then ``ended``.

    The worker thread only fills a mailbox and rings; everything a view hears is said on the Qt thread.
    """

    progressed = Signal(Progress)
    streamed = Signal(str)
    succeeded = Signal(object)
    failed = Signal(Exception)
    cancelled = Signal()
    ended = Signal()
    _rung = Signal()

    def __init__(self, operation: Operation[Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.operation = operation
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._text: list[str] = []
        self._over = False
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(FRAME_MS)
        self._frame.timeout.connect(self._deliver)
        # Queued even on the Qt thread: an operation that is over already must not end before anyone listens.
        self._rung.connect(self._hear, Qt.ConnectionType.QueuedConnection)
        operation.on_progress(self._keep_progress)
        operation.on_partial(self._keep_text)
        operation.add_done_callback(self._ring)

    def cancel(self) -> None:
        self.operation.cancel()

    @property
    def running(self) -> bool:
        return not self._over

    def then(self, owner: QObject, callback: Callable[[Any], object]) -> Task:
        """Run ``callback`` with the result on success, unless ``owner`` is gone by then; returns the task."""
        self.succeeded.connect(while_alive(owner, callback))
        return self

    # -- worker threads -------------------------------------------------------------------------------------

    def _keep_progress(self, progress: Progress) -> None:
        with self._lock:
            self._progress = progress
        self._rung.emit()

    def _keep_text(self, piece: str) -> None:
        with self._lock:
            self._text.append(piece)
        self._rung.emit()

    def _ring(self, _: Operation[Any]) -> None:
        self._rung.emit()

    # -- the Qt thread --------------------------------------------------------------------------------------

    @Slot()
    def _hear(self) -> None:
        if self._over:
            return
        if self.operation.done:
            self._frame.stop()
            self._deliver()
            self._finish()
        elif not self._frame.isActive():
            self._frame.start()

    @Slot()
    def _deliver(self) -> None:
        with self._lock:
            progress, self._progress = self._progress, None
            text, self._text = "".join(self._text), []
        if progress is not None:
            self.progressed.emit(progress)
        if text:
            self.streamed.emit(text)

    def _finish(self) -> None:
        self._over = True
        error = self.operation.error
        if error is None:
            self.succeeded.emit(self.operation.result(0))
        elif isinstance(error, OperationCancelled):
            self.cancelled.emit()
        elif isinstance(error, Exception):
            self.failed.emit(error)
        else:
            raise error
        self.ended.emit()
