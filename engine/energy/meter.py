"""A meter over the sources that this machine has, and stretches of work measured with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from engine.energy.metax import MetaX
from engine.energy.nvml import Nvml
from engine.energy.rapl import POWERCAP, Rapl
from engine.energy.sources import Source, Unreadable

SAMPLE_S: Final = 0.2
"""Between two readings while something is measured: cards that tell only their power need it."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Measured over `seconds`. `by_source` in joules; a part of the machine counts all programs on it."""

    seconds: float
    by_source: dict[str, float] = field(default_factory=dict)

    @property
    def joules(self) -> float:
        return sum(self.by_source.values())

    @property
    def watts(self) -> float:
        return self.joules / self.seconds if self.seconds > 0 else 0.0


class Span:
    """One measured stretch: a context manager, or `end()` by hand. `energy` is None where nothing can be
    measured here, and until the end."""

    def __init__(self, meter: EnergyMeter) -> None:
        self._meter = meter
        self._began_s, self._began = meter._enter()
        self.energy: Energy | None = None
        self._open = True

    def end(self) -> Energy | None:
        if self._open:
            self._open = False
            ended_s, ended = self._meter._leave()
            if self._began is not None and ended is not None and self._began.keys() == ended.keys():
                used = {name: ended[name] - self._began[name] for name in ended}
                self.energy = Energy(ended_s - self._began_s, used)
        return self.energy

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.end()


class EnergyMeter:
    """Thread safe. Without a source every span measures nothing, and nothing runs in the background."""

    def __init__(self, sources: Sequence[Source], reason: str = "") -> None:
        """`reason` says why there is none: absent (the machine has no counters) or forbidden (it does not
        let us read them)."""
        self._sources = list(sources)
        self.reason = "" if self._sources else reason or "absent"
        self._changed = threading.Condition()
        self._spans = 0
        self._sampler: threading.Thread | None = None
        self._closed = False

    @classmethod
    def open(cls, *, cards: bool = False, powercap: Path = POWERCAP) -> EnergyMeter:
        """What this machine tells: its processor, and with `cards` the graphics cards (whose drivers are
        then loaded into this process)."""
        makers: list[Callable[[], Source]] = [lambda: Rapl(powercap)]
        if cards:
            makers += [Nvml, MetaX]
        sources, reasons = [], []
        for make in makers:
            try:
                sources.append(make())
            except Unreadable as failure:
                reasons.append(failure.reason)
        return cls(sources, "forbidden" if "forbidden" in reasons else "absent")

    @property
    def source_names(self) -> tuple[str, ...]:
        return tuple(source.name for source in self._sources)

    def span(self) -> Span:
        """Begin to measure."""
        return Span(self)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._sampler is not None:
            self._sampler.join()

    def _enter(self) -> tuple[float, dict[str, float] | None]:
        with self._changed:
            self._spans += 1
            if self._sources and self._sampler is None and not self._closed:
                self._sampler = threading.Thread(target=self._sample, name="energy", daemon=True)
                self._sampler.start()
            self._changed.notify_all()
            return self._read()

    def _leave(self) -> tuple[float, dict[str, float] | None]:
        with self._changed:
            self._spans -= 1
            return self._read()

    def _read(self) -> tuple[float, dict[str, float] | None]:
        """With the lock held. A source that fails is out for good: half a figure is none."""
        now_s = time.monotonic()
        read: dict[str, float] = {}
        for source in list(self._sources):
            try:
                read[source.name] = source.read_j(now_s)
            except Unreadable as failure:
                self._sources.remove(source)
                self.reason = "" if self._sources else failure.reason
        return now_s, read or None

    def _sample(self) -> None:
        with self._changed:
            while not self._closed:
                self._changed.wait(SAMPLE_S if self._spans else None)
                if self._spans:
                    self._read()
