"""MetaX cards, through the library under `mx-smi`. No program is run. They tell power, not energy."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, Final

from engine.energy.power import PowerIntegral
from engine.energy.sources import Unreadable

LIBRARIES: Final = (
    Path("/opt/mxdriver/lib/libmxsml.so"),
    Path("/opt/maca/lib/libmxsml.so"),
    Path("libmxsml.so"),
)
_WAYS_MOST: Final = 8
_MILLI: Final = 1e-3


class _Way(ctypes.Structure):
    """One supply of a board: millivolts, milliamperes, milliwatts."""

    _fields_ = [("voltage", ctypes.c_uint), ("current", ctypes.c_uint), ("power", ctypes.c_uint)]


class MetaX:
    """All cards of the machine together. `library` is loaded when none is given. Raises Unreadable without
    driver or card."""

    name = "metax"

    def __init__(self, library: Any = None) -> None:
        self._library = library if library is not None else _load()
        try:
            if self._library.mxSmlInit() != 0:
                raise Unreadable("broken")
            self._library.mxSmlGetDeviceCount.restype = ctypes.c_uint
            self._count = int(self._library.mxSmlGetDeviceCount())
        except AttributeError:
            raise Unreadable("broken") from None
        if not 0 < self._count < 1 << 16:
            raise Unreadable("absent")
        self._power_w()
        self._integral = PowerIntegral(self._power_w)

    def read_j(self, now_s: float) -> float:
        return self._integral.read_j(now_s)

    def _power_w(self) -> float:
        total = 0
        for index in range(self._count):
            ways, size = (_Way * _WAYS_MOST)(), ctypes.c_uint(_WAYS_MOST)
            try:
                told = self._library.mxSmlGetBoardPowerInfo(ctypes.c_uint(index), ctypes.byref(size), ways)
            except AttributeError:
                raise Unreadable("broken") from None
            if told != 0 or size.value > _WAYS_MOST:
                raise Unreadable("broken")
            total += sum(way.power for way in ways[: size.value])
        return total * _MILLI


def _load() -> ctypes.CDLL:
    for path in LIBRARIES:
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    raise Unreadable("absent")
