"""How many cores a backend computes with when nobody says."""

from __future__ import annotations

import os

import psutil


def count_cores(*, quiet: bool = False) -> int:
    """The cores this process may use: physical ones where the system tells, since kernels gain nothing from
    twins. `quiet`: half of them, one at least."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    physical: int | None = psutil.cpu_count(logical=False)
    cores = max(1, min(allowed, physical or allowed, 256))
    return max(1, cores // 2) if quiet else cores
