"""Whether a model's inputs are coded as spikes, as a person says it: ``off``, ``k=3.0`` or ``k=3.0,down``."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.core.errors import UserError

K_MAX = 1024.0
K_CHOICES = (2.0, 2.5, 3.0, 3.5, 4.0)


class SpikesUnreadable(UserError):
    def __init__(self, given: str) -> None:
        super().__init__(
            "spikes-unreadable",
            "Spikes are “off”, or “k=” with a number up to 1024, as in “k=3.0”; “{given}” is neither.",
            given=given[:40],
        )


@dataclass(frozen=True, slots=True)
class SpikeChoice:
    """``k`` None: as the model was made; 0: off; else thresholds are mean|x| / k. ``down`` codes the input of
    the last matrix of each layer too, which the published code does not."""

    k: float | None = None
    down: bool = False

    @classmethod
    def parse(cls, text: str) -> SpikeChoice:
        """Empty: as the model was made. Raises SpikesUnreadable."""
        plain = text.strip().lower()
        if not plain:
            return cls()
        if plain == "off":
            return cls(0.0)
        number, _, more = plain.removeprefix("k=").partition(",")
        try:
            k = float(number)
        except ValueError:
            k = math.nan
        if not 0 < k <= K_MAX or more.strip() not in ("", "down"):
            raise SpikesUnreadable(text)
        return cls(k, bool(more.strip()))

    @property
    def text(self) -> str:
        if self.k is None:
            return ""
        if self.k == 0:
            return "off"
        return f"k={self.k!r}" + (",down" if self.down else "")
