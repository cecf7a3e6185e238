"""Tells when nobody has typed, clicked or moved the pointer for a while, and when the machine has slept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

TICK_MS = 2000
SLEPT_S = 30.0  # a tick that comes this late means that the machine was asleep

_SIGNS_OF_LIFE = frozenset(
    {
        QEvent.Type.KeyPress,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
        QEvent.Type.TabletMove,
        QEvent.Type.DragMove,
    }
)


class IdleWatch(QObject):
    """``idle`` or ``slept`` comes once after ``watch``, by the wall clock: a sleeping machine's timers stand
    still.
    """

    idle = Signal()
    slept = Signal()

    def __init__(self, application: QApplication, clock: Callable[[], float] = time.time) -> None:
        super().__init__(application)
        self._clock = clock
        self._limit_s = 0.0
        self._touched_at = 0.0
        self._ticked_at = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        application.installEventFilter(self)

    def watch(self, minutes: float) -> None:
        self._limit_s = minutes * 60
        self._touched_at = self._ticked_at = self._clock()
        self._timer.setInterval(int(min(TICK_MS, max(10.0, self._limit_s * 500))))
        self._timer.start()

    def watch_sleep(self) -> None:
        """Tell of sleep alone."""
        self.watch(math.inf)

    def rest(self) -> None:
        """Nothing to lock now."""
        self._timer.stop()

    def _tick(self) -> None:
        now = self._clock()
        slept = now - self._ticked_at >= SLEPT_S
        self._ticked_at = now
        if now < self._touched_at:  # the clock was set back
            self._touched_at = now
        if slept:
            self.rest()
            self.slept.emit()
        elif now - self._touched_at >= self._limit_s:
            self.rest()
            self.idle.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _SIGNS_OF_LIFE and self._timer.isActive():
            self._touched_at = self._clock()
        return False
