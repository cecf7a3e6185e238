"""Ctrl+C in the terminal and a polite kill end the program as closing its window does."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, Signal


class Interrupts(QObject):
    """``asked`` comes on the Qt thread. Qt's loop runs no Python of itself, so a pipe wakes it."""

    asked = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        if sys.platform == "win32":
            return
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self._bell = QSocketNotifier(self._read, QSocketNotifier.Type.Read, self)
        self._bell.activated.connect(self._ring)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _nothing)

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 64)
        self.asked.emit()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The wake-up byte says it; the default would raise in the middle of whatever runs."""
