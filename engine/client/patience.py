"""How long the client waits, and when it stops starting the engine again: pure, told the time."""

from __future__ import annotations

from dataclasses import dataclass

from engine.client import errors


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the client waits before it acts, in seconds."""

    handshake_s: float = 20.0
    heartbeat_s: float = 2.0
    silence_s: float = 20.0
    cancel_s: float = 2.0
    close_s: float = 1.0
    last_words_s: float = 1.0
    """Between a worker's leaving the channel and the end of its log; then it is dead whatever it still
    says."""
    back_off_s: tuple[float, ...] = (0.1, 0.5, 2.0, 5.0)
    """Waits before each restart in a row; after the last one the client gives up until it is started
    again."""
    steady_s: float = 30.0
    """A life this long makes the next death the first in a row again."""


class RestartPolicy:
    """Counts deaths. Not thread safe: the client holds its lock."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._in_a_row = 0
        self._while_loading = 0
        self.restarts = 0

    def forgive(self) -> None:
        """Start counting anew: a person asked for the engine."""
        self._in_a_row = 0

    def forgive_model(self) -> None:
        """Another model was asked for, or this one was loaded."""
        self._while_loading = 0

    @property
    def model_kills(self) -> bool:
        """Whether the engine died twice while it loaded the model: live without it."""
        return self._while_loading >= 2

    def note_death(self, reason: str, lived_s: float, *, loading: bool) -> float | None:
        """Count a death after a life of `lived_s`; gives the wait before the next start, None to give
        up."""
        self.restarts += 1
        self._while_loading += loading
        if lived_s > self._patience.steady_s:
            self._in_a_row = 0
        place, waits_s = self._in_a_row, self._patience.back_off_s
        self._in_a_row += 1
        # a worker of another build stays one, however often it is started
        return None if place >= len(waits_s) or reason == errors.REFUSED else waits_s[place]
