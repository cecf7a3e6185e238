"""Which readings live in the engine's memory now, and what reading is going on. Thread safe."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from app.services.views import ReadingCard


@dataclass(frozen=True, slots=True)
class LiveReading:
    """A session of the engine. It is gone when the worker's ``generation`` is another."""

    session: str
    generation: int
    position_tok: int
    covered: tuple[tuple[str, int], ...]  # (document id, pages) in the order they were read
    digest: bytes  # of the text read, see ``reading.digest``


class LiveReadings:
    """At most one session is kept live: one engine never holds two dossiers at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, LiveReading] = {}
        self._shown: dict[str, ReadingCard] = {}

    def get(self, dossier_id: str, generation: int) -> LiveReading | None:
        with self._lock:
            live = self._live.get(dossier_id)
            return live if live is not None and live.generation == generation else None

    def put(self, dossier_id: str, live: LiveReading) -> tuple[str, ...]:
        """Keep this one; returns the sessions of other dossiers, which the engine should drop."""
        with self._lock:
            others = tuple(
                other.session
                for other_id, other in self._live.items()
                if other_id != dossier_id and other.generation == live.generation
            )
            self._live = {dossier_id: live}
            return others

    def forget(self, dossier_id: str) -> LiveReading | None:
        with self._lock:
            self._shown.pop(dossier_id, None)
            return self._live.pop(dossier_id, None)

    def show(self, dossier_id: str, card: ReadingCard | None) -> None:
        """What is going on with a dossier's reading; None when nothing is."""
        with self._lock:
            if card is None:
                self._shown.pop(dossier_id, None)
            else:
                self._shown[dossier_id] = card

    def shown(self, dossier_id: str) -> ReadingCard | None:
        with self._lock:
            return self._shown.get(dossier_id)
