"""The last lines that a worker wrote, kept while its log is still being read."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

LOG_LINES: Final = 400


class LogTail:
    """Bounded lines in the order they came. Any thread may add and look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(maxlen=LOG_LINES)

    def append(self, line: str) -> None:
        """Add a line; the oldest goes where there are too many."""
        with self._lock:
            self._lines.append(line)

    def lines(self) -> list[str]:
        """What is kept now."""
        with self._lock:
            return list(self._lines)
