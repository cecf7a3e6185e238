"""NVIDIA cards, through the management library that comes with their driver. No program is run."""

from __future__ import annotations

import ctypes
from typing import Any, Final

from engine.energy.power import PowerIntegral
from engine.energy.sources import Unreadable

LIBRARY: Final = "libnvidia-ml.so.1"
_MILLI: Final = 1e-3


class Nvml:
    """All cards of the machine together: by their energy counters, or by power over time on older ones.

    `library` is loaded when none is given. Raises Unreadable without driver or card.
    """

    name = "nvidia"

    def __init__(self, library: Any = None) -> None:
        try:
            self._library = library if library is not None else ctypes.CDLL(LIBRARY)
        except OSError:
            raise Unreadable("absent") from None
        count = ctypes.c_uint()
        self._call("nvmlInit_v2")
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        self._cards: list[ctypes.c_void_p] = []
        for index in range(count.value):
            card = ctypes.c_void_p()
            self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(card))
            self._cards.append(card)
        if not self._cards:
            raise Unreadable("absent")
        try:
            self._first_mj = self._counter_mj()
            self._integral = None
        except Unreadable:
            self._power_w()
            self._integral = PowerIntegral(self._power_w)

    def read_j(self, now_s: float) -> float:
        if self._integral is not None:
            return self._integral.read_j(now_s)
        return (self._counter_mj() - self._first_mj) * _MILLI

    def _counter_mj(self) -> int:
        total = 0
        for card in self._cards:
            used = ctypes.c_ulonglong()
            self._call("nvmlDeviceGetTotalEnergyConsumption", card, ctypes.byref(used))
            total += used.value
        return total

    def _power_w(self) -> float:
        total = 0
        for card in self._cards:
            now_mw = ctypes.c_uint()
            self._call("nvmlDeviceGetPowerUsage", card, ctypes.byref(now_mw))
            total += now_mw.value
        return total * _MILLI

    def _call(self, name: str, *arguments: object) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise Unreadable("broken") from None
        function.restype = ctypes.c_int
        if function(*arguments) != 0:
            raise Unreadable("broken")
