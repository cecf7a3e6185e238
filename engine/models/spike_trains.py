"""Spike counts unrolled in time and collapsed again, without loss (spec 2.8).

A count says how often a neuron of an adaptive threshold fires in one step. The codings spread it over T
steps: one spike per unit (`binary`, `ternary`) or one per set bit (`bitwise`, `bidirectional`,
`twos_complement`). Inference skips the round trip, which is the identity; pictures and statistics of spikes
are made from it.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Coding = Literal["binary", "ternary", "bitwise", "bidirectional", "twos_complement"]
CODINGS: Final[tuple[Coding, ...]] = get_args(Coding)
"""binary and bitwise take counts of 0 and more; the others take signed ones."""

COUNT_MAX: Final = 1 << 30
UNIT_STEPS_MAX: Final = 1 << 16
"""Longest train of the codings that spend a step per unit."""


def expand(counts: NDArray[np.integer], coding: Coding) -> NDArray[np.int8]:
    """Counts of any shape to spikes -1, 0, 1 [T, *shape], the most significant step first.

    T is the same for all of them and as short as the largest allows. Raises ValueError for counts that the
    coding cannot express.
    """
    whole = np.asarray(counts, np.int64)
    sizes = np.abs(whole)
    largest = int(sizes.max(initial=0))
    if largest > COUNT_MAX:
        raise ValueError(f"a count of {largest} is beyond {COUNT_MAX}")
    if coding in ("binary", "bitwise") and (whole < 0).any():
        raise ValueError(f"{coding} spikes have no sign")
    if coding in ("binary", "ternary"):
        if largest > UNIT_STEPS_MAX:
            raise ValueError(f"a count of {largest} needs more than {UNIT_STEPS_MAX} steps")
        steps = np.arange(largest).reshape(-1, *[1] * whole.ndim)
        return np.where(steps < sizes, np.sign(whole), 0).astype(np.int8)
    shifts = np.arange(steps_of(largest, coding))[::-1].reshape(-1, *[1] * whole.ndim)
    # A negative number shifted keeps its two's complement bits.
    bits = ((whole if coding == "twos_complement" else sizes) >> shifts) & 1
    return (bits * np.sign(whole) if coding == "bidirectional" else bits).astype(np.int8)


def collapse(spikes: NDArray[np.int8], coding: Coding) -> NDArray[np.int64]:
    """The inverse of `expand`: spikes [T, *shape] to counts [*shape]."""
    total: NDArray[np.int64] = np.tensordot(
        step_weights(len(spikes), coding), spikes.astype(np.int64), axes=1
    )
    return total


def steps_of(largest: int, coding: Coding) -> int:
    """T for counts of up to `largest` in size."""
    if coding in ("binary", "ternary"):
        return largest
    # The length of a number in bits is the logarithm rounded up, without floats.
    bits = largest.bit_length()
    return max(2, bits + 1) if coding == "twos_complement" else max(1, bits)


def step_weights(steps: int, coding: Coding) -> NDArray[np.int64]:
    """What a spike of each step counts, [T]."""
    if coding in ("binary", "ternary"):
        return np.ones(steps, np.int64)
    weights: NDArray[np.int64] = np.int64(1) << np.arange(steps, dtype=np.int64)[::-1]
    if coding == "twos_complement" and steps:
        weights[0] = -weights[0]
    return weights
