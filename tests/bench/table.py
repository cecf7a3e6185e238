"""Rows of a measurement as they are printed: what, how much, and what it stands on."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    figure: str
    note: str = ""


def show(title: str, rows: Sequence[Row]) -> None:
    print(f"\n{title}")
    for row in rows:
        tell(row)


def tell(row: Row) -> None:
    print(f"  {row.what:<46} {row.figure:>18}   {row.note}".rstrip(), flush=True)


def seconds_of(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def spread(values_s: Sequence[float], *, unit: str = "ms", factor: float = 1000.0) -> str:
    """Median, and the smallest and largest in brackets."""
    shown = [value * factor for value in (statistics.median(values_s), min(values_s), max(values_s))]
    return "{:.1f} {unit} ({:.1f}-{:.1f})".format(*shown, unit=unit)


def megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
