"""What a measurement comes to: samples, goals, rows of the table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

RUNS = 9
"""Interleaved runs of every comparison."""

Clock = Literal["wall", "processor"]


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of one piece of work: by the wall's clock, and by the processor's in all threads of the
    process that did it. Where other programs take the cores, only the second says what one thread needs."""

    wall_s: float
    processor_s: float

    def by(self, clock: Clock) -> float:
        return self.wall_s if clock == "wall" else self.processor_s


@dataclass(frozen=True, slots=True)
class Figure:
    """A median of several runs, and the lowest and highest of them."""

    value: float
    lowest: float
    highest: float
    unit: str = ""
    runs: int = 1

    def __str__(self) -> str:
        if self.runs < 2:
            return f"{shown(self.value)} {self.unit}".rstrip()
        return f"{shown(self.value)} {self.unit} ({shown(self.lowest)}–{shown(self.highest)})"

    def map(self, change: Callable[[float], float], unit: str) -> Figure:
        """The same runs in another unit; `change` is monotonous."""
        low, high = sorted((change(self.lowest), change(self.highest)))
        return Figure(change(self.value), low, high, unit, self.runs)


def figure(values: Sequence[float], unit: str = "s") -> Figure:
    return Figure(statistics.median(values), min(values), max(values), unit, len(values))


@dataclass(frozen=True, slots=True)
class Goal:
    """`measured` is compared with `bound`: at least so much, or at most."""

    kind: Literal["at least", "at most"]
    bound: float
    unit: str

    def is_met(self, measured: float) -> bool:
        return measured >= self.bound if self.kind == "at least" else measured <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.kind == 'at least' else '≤'} {told(self.bound, self.unit)}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `measured` is in the goal's unit; without a goal it only tells."""

    what: str
    measured: float | None
    unit: str
    goal: Goal | None = None
    ours: Figure | None = None
    theirs: Figure | str | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        return None if self.goal is None or self.measured is None else self.goal.is_met(self.measured)

    def cells(self) -> tuple[str, ...]:
        verdict = {True: "yes", False: "no", None: ""}[self.is_met]
        measured = "not measured" if self.measured is None else told(self.measured, self.unit)
        return (
            self.what, str(self.goal or ""), measured, verdict,
            str(self.ours or ""), str(self.theirs or ""), self.note,
        )  # fmt: skip

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "is_met": self.is_met}


@dataclass(slots=True)
class Section:
    """What one section found; `facts` are figures that no row shows but a reader may want."""

    name: str
    rows: list[Row] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


HEAD = ("what", "goal", "measured", "met", "ours", "llama.cpp", "note")


def print_head() -> None:
    print(f"\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)


def print_row(row: Row) -> None:
    print(f"| {' | '.join(row.cells())} |", flush=True)


def told(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value:.1f} %"
    return f"{shown(value)} {unit}".rstrip()


def shown(value: float) -> str:
    """Three digits, or the whole number where that is longer."""
    if value == 0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def interleave(
    runs: int, ways: Mapping[str, Callable[[], Taken]], clock: Clock, *, warm: bool = True
) -> dict[str, list[float]]:
    """Seconds of every way, one run of each by turns, so that whatever else the machine does falls on all."""
    if warm:
        for way in ways.values():
            way()
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            found[name].append(way().by(clock))
    return found
