"""What a source of energy readings is."""

from __future__ import annotations

from typing import Protocol


class Unreadable(Exception):
    """The machine does not tell, or not to us. `reason` is a slug: absent, forbidden, broken."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Source(Protocol):
    """One part of the machine. `name` is cpu, nvidia or metax."""

    @property
    def name(self) -> str: ...

    def read_j(self, now_s: float) -> float:
        """Joules used since the source was opened; `now_s` is the monotonic time of the reading.

        To be called at least every few seconds while anything is measured. Raises Unreadable.
        """
