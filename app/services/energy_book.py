"""What answers and pages cost in joules, as far as the machine measures it. Never an estimate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.services.views import EnergyCard
from engine.energy import Energy, EnergyMeter


class EnergyBook:
    """Measures stretches of the engine's work. ``tell`` is called after each that could be measured."""

    def __init__(self, meter: EnergyMeter, tell: Callable[[], None]) -> None:
        self._meter = meter
        self._tell = tell
        self._lock = threading.Lock()
        self._answers = 0  # begun so far
        self._answering = 0
        self._answer: Energy | None = None
        self._page_j: float | None = None
        self._watts: float | None = None

    @contextmanager
    def answer(self) -> Iterator[None]:
        """The work of one answer. Background reading waits meanwhile."""
        with self._lock:
            self._answers += 1
            self._answering += 1
        span = self._meter.span()
        try:
            yield
        finally:
            energy = span.end()
            with self._lock:
                self._answering -= 1
                if energy is not None:
                    self._answer, self._watts = energy, energy.watts
            if energy is not None:
                self._tell()

    @contextmanager
    def pages(self, count: int) -> Iterator[None]:
        """The reading of so many pages. One with an answer in between says nothing of pages."""
        with self._lock:
            answers, alone = self._answers, not self._answering
        span = self._meter.span()
        try:
            yield
        finally:
            energy = span.end()
            with self._lock:
                alone = alone and answers == self._answers
                if energy is not None and alone and count > 0:
                    self._page_j, self._watts = energy.joules / count, energy.watts
            if energy is not None and alone:
                self._tell()

    def card(self) -> EnergyCard:
        with self._lock:
            measurable = bool(self._meter.source_names)
            return EnergyCard(
                measurable=measurable,
                reason=self._meter.reason,
                watts=self._watts if measurable else None,
                answer_j=self._answer.joules if measurable and self._answer is not None else None,
                page_j=self._page_j if measurable else None,
            )

    def forget(self) -> None:
        """Another model: what was measured was the other's."""
        with self._lock:
            self._answer = self._page_j = self._watts = None

    def close(self) -> None:
        self._meter.close()
