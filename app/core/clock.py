"""Wall-clock time as it is stored: UTC, to the second or the millisecond, never local time."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return this instant as an aware datetime in UTC."""
    return datetime.now(UTC)


def utc_stamp() -> str:
    """Return this instant as `2026-01-31T12:00:00.000Z`; stamps sort as text in the order of time."""
    return utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_stamp(stamp: str) -> datetime:
    """Read back what `utc_stamp` wrote. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(stamp)
    if moment.tzinfo is None:
        raise ValueError("a stamp names its zone")
    return moment.astimezone(UTC)
