"""Cycles of dead objects are taken apart on Qt's thread alone.

A cycle may hold a Qt object, and a Qt object must die on the thread it lives on. Python looks for cycles on
whichever thread happens to allocate: a worker of ours would destroy widgets, now and then, and end the
program.
"""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, QTimer

_LOOK_EVERY_MS: Final = 500


class GarbageCollector(QObject):
    """Takes Python's automatic collection over, on the thread that made it, until `stop`. One at a time."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(_LOOK_EVERY_MS)

    def look(self) -> None:
        """Collect the oldest generation whose time has come, by Python's own thresholds."""
        limits = gc.get_threshold()
        for generation in (2, 1, 0):
            if 0 < limits[generation] < gc.get_count()[generation]:
                gc.collect(generation)
                return

    def stop(self) -> None:
        """Collect everything and give collection back to Python."""
        self._timer.stop()
        gc.collect()
        gc.enable()
