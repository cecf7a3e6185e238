"""Energy of a part that tells only its power: the area under what was read, straight between readings."""

from __future__ import annotations

from collections.abc import Callable


class PowerIntegral:
    """Joules from watts. As good as it is read often."""

    def __init__(self, read_w: Callable[[], float]) -> None:
        self._read_w = read_w
        self._last: tuple[float, float] | None = None
        self._used_j = 0.0

    def read_j(self, now_s: float) -> float:
        power_w = self._read_w()
        if self._last is not None:
            before_s, before_w = self._last
            self._used_j += max(0.0, now_s - before_s) * (before_w + power_w) / 2
        self._last = (now_s, power_w)
        return self._used_j
