"""Who computes next: a pure state machine over tickets. It knows no threads, no clock and no model.

Rules. A more urgent lane goes first; within a lane, who came first. A barrier (loading) waits for all before
it and holds back all after it. Two tickets that write the same session keep their order, whatever their
lanes: the earlier one is then pulled forward into the place of the later. A ticket that only looks at a
session waits for nobody: it sees what was last kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Lane(IntEnum):
    """Urgency. QUICK is over in milliseconds; INTERACTIVE has a person waiting; BACKGROUND can always
    wait.
    """

    QUICK = 0
    INTERACTIVE = 1
    BACKGROUND = 2


@dataclass(frozen=True, slots=True)
class Ticket:
    """One job's claim. `number` is its request; numbers grow in the order of arrival."""

    number: int
    lane: Lane
    writes: str | None = None
    barrier: bool = False


class Scheduler:
    """Tickets that are not finished, and the choice among them. Not thread safe: the caller holds a lock."""

    def __init__(self) -> None:
        self._tickets: dict[int, Ticket] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, number: int) -> bool:
        return number in self._tickets

    def add(self, ticket: Ticket) -> None:
        """Take a ticket. ValueError when its number is already there."""
        if ticket.number in self._tickets:
            raise ValueError(f"ticket {ticket.number} is already waiting")
        self._tickets[ticket.number] = ticket

    def finish(self, number: int) -> None:
        """Forget a ticket, whether it ran or not."""
        self._tickets.pop(number, None)

    def choose(self) -> Ticket | None:
        """Who computes now, until the next boundary; None when nobody waits. Choosing changes nothing."""
        if not self._tickets:
            return None
        wanted = min(self._tickets.values(), key=lambda ticket: (ticket.lane, ticket.number))
        return self._first_blocker(wanted) or wanted

    def must_pause(self, running: int) -> bool:
        """Whether a running ticket should be interrupted now, rather than at the end of what it is at.

        Only background work is interrupted: stopping within a chunk costs the work of that chunk.
        """
        chosen = self.choose()
        current = self._tickets.get(running)
        if chosen is None or current is None or chosen.number == running:
            return False
        return current.lane is Lane.BACKGROUND and chosen.lane < Lane.BACKGROUND

    def _first_blocker(self, wanted: Ticket) -> Ticket | None:
        # the earliest blocker cannot be blocked itself by anything but an even earlier one, hence the loop
        first = wanted
        while True:
            earlier = [t for t in self._tickets.values() if t.number < first.number and _blocks(t, first)]
            if not earlier:
                return None if first is wanted else first
            first = min(earlier, key=lambda ticket: ticket.number)


def _blocks(earlier: Ticket, later: Ticket) -> bool:
    if earlier.barrier or later.barrier:
        return True
    return later.writes is not None and earlier.writes == later.writes
