"""Spike counts unrolled in time for a picture: one byte per step, nothing, a spike, or a negative spike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

Coding = Literal["binary", "ternary", "bitwise"]
CODINGS: tuple[Coding, ...] = ("binary", "ternary", "bitwise")

NOTHING, PLUS, MINUS = 0, 1, 2


def steps_of(largest: int, coding: Coding) -> int:
    """Steps that a count of this size takes: one per unit, or one per bit; at least one."""
    return max(1, largest.bit_length() if coding == "bitwise" else largest)


@lru_cache(maxsize=4096)
def train(count: int, coding: Coding, steps: int) -> bytes:
    """The steps of one neuron. Binary and ternary fire once per unit, bitwise once per set bit, the largest
    first; the sign is on every spike. Binary knows no sign: see ``rows``."""
    mark = bytes([PLUS if count > 0 else MINUS])
    nothing = bytes([NOTHING])
    size = abs(count)
    if coding == "bitwise":
        return b"".join(mark if size >> bit & 1 else nothing for bit in reversed(range(steps)))
    return mark * size + nothing * (steps - size)


def rows(counts: Sequence[int], coding: Coding, steps: int, gap: int) -> tuple[bytes, ...]:
    """One neuron at each token, ``gap`` empty steps behind every token. Binary spikes have no sign: a neuron
    is a pair, one that fires for positive counts above one that fires for negative ones."""
    between = bytes(gap)
    if coding == "binary":
        on = b"".join(train(max(0, count), coding, steps) + between for count in counts)
        off = b"".join(train(max(0, -count), coding, steps) + between for count in counts)
        return on, off
    return (b"".join(train(count, coding, steps) + between for count in counts),)
