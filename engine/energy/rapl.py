"""The processor's own energy counters on Linux (RAPL of Intel and AMD, through powercap in sysfs).

A package counts everything on its chip, whichever program caused it. Memory has a counter of its own on some
machines and is then added. On most systems only root may read the counters; that is said, not worked around.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.energy.sources import Unreadable

POWERCAP: Final = Path("/sys/class/powercap")
_MICRO: Final = 1e-6


@dataclass(slots=True)
class _Zone:
    path: Path
    range_uj: int  # where the counter starts over
    last_uj: int
    used_uj: int = 0


class Rapl:
    """Packages and, where they count themselves, memories. Raises Unreadable when any package keeps silent:
    half a machine's energy would pass for the whole."""

    name = "cpu"

    def __init__(self, root: Path = POWERCAP) -> None:
        self._zones: list[_Zone] = []
        for zone in _entries(root):
            # psys counts the packages once more; intel-rapl-mmio is another way to the same counters.
            name, depth = _text(zone / "name"), zone.name.count(":")
            if (depth == 1 and name.startswith("package")) or (depth == 2 and name == "dram"):
                self._zones.append(_open(zone))
        if not self._zones:
            raise Unreadable("absent")

    def read_j(self, now_s: float) -> float:
        for zone in self._zones:
            read_uj = _number(zone.path / "energy_uj")
            # a counter that went back has started over, once: we look far more often than it can
            zone.used_uj += (read_uj - zone.last_uj) % zone.range_uj if zone.range_uj else 0
            zone.last_uj = read_uj
        return sum(zone.used_uj for zone in self._zones) * _MICRO


def _entries(root: Path) -> list[Path]:
    try:
        return sorted(root.glob("intel-rapl:*")) if root.is_dir() else []
    except PermissionError:
        raise Unreadable("forbidden") from None


def _open(path: Path) -> _Zone:
    range_uj = _number(path / "max_energy_range_uj")
    if range_uj <= 0:
        raise Unreadable("broken")
    return _Zone(path, range_uj + 1, _number(path / "energy_uj"))


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except PermissionError:
        raise Unreadable("forbidden") from None
    except (OSError, ValueError):
        return ""


def _number(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except PermissionError:
        raise Unreadable("forbidden") from None
    except FileNotFoundError:
        raise Unreadable("absent") from None
    except (OSError, ValueError):
        raise Unreadable("broken") from None
