"""Routed experts on demand: read when a token chose them; those used last are kept, within a budget."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from engine.weights import Weight

Expert = tuple[Weight, Weight, Weight]
"""Gate, up and down matrix."""


class ExpertShelf:
    """Experts of a model by layer and number. Any thread may call `fetch`; one reads at a time.

    What a running call holds stays in memory beyond the budget until the call lets go of it, so the least
    that is needed is one expert.
    """

    def __init__(self, read: Callable[[int, int], Expert], budget_bytes: int) -> None:
        if budget_bytes < 0:
            raise ValueError(f"a budget of {budget_bytes} bytes is none")
        self._read = read
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, int], Expert] = OrderedDict()
        self._kept_bytes = 0
        self._reads = 0

    @property
    def reads(self) -> int:
        """Experts read so far, the same one as often as it was."""
        return self._reads

    @property
    def kept_bytes(self) -> int:
        """Memory of the kept ones."""
        return self._kept_bytes

    def fetch(self, layer: int, expert: int) -> Expert:
        """The expert's matrices. Raises whatever reading raises."""
        with self._lock:
            found = self._kept.get((layer, expert))
            if found is None:
                found = self._read(layer, expert)
                self._reads += 1
                self._keep((layer, expert), found)
            else:
                self._kept.move_to_end((layer, expert))
            return found

    def _keep(self, place: tuple[int, int], expert: Expert) -> None:
        size_bytes = _size_bytes(expert)
        if size_bytes > self._budget_bytes:
            return
        while self._kept_bytes + size_bytes > self._budget_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _size_bytes(oldest)
        self._kept[place] = expert
        self._kept_bytes += size_bytes


def _size_bytes(expert: Expert) -> int:
    return sum(
        weight.data.nbytes + (0 if weight.scales is None else weight.scales.nbytes) for weight in expert
    )
