"""What this machine can do at the very best: products in registers, bytes read from memory."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine import kernels
from tests.bench.peer.figures import Clock, Figure, Taken, figure
from tests.bench.peer.workers import timed

BLOCK_BYTES = 1 << 30
"""Far beyond any cache."""
_LOOP_S = 0.04
_TRIES = 3
_LINE_BYTES, _STEP_BYTES = 64, 512


class Limits:
    """Loops of every kernel table; the fastest of them is the machine's limit. Lives in a worker."""

    def __init__(self, block_bytes: int = BLOCK_BYTES, clock: Clock = "wall", isa: str | None = None) -> None:
        self._block = _aligned(block_bytes)
        self._tables = kernels.features().tables
        self._isa = isa or kernels.features().isa
        self._clock: Clock = clock
        self._rounds: dict[int, int] = {}
        self._readers: dict[int, str] = {}

    def describe(self) -> dict[str, object]:
        info = kernels.features()
        return {"isa": self._isa, "tables": info.tables, "features": info.cpu_features}

    def multiply(self, threads: int) -> tuple[Taken, int]:
        """(time, products) of one loop of the kernels' own instruction set."""
        return self._multiply(self._rounds.get(threads) or self._calibrate(threads), threads)

    def read(self, threads: int) -> tuple[Taken, int]:
        """(time, bytes) of one pass over the block, by the loop that was fastest at first."""
        if threads not in self._readers:
            tried = {isa: [self._read(isa, threads) for _ in range(_TRIES)] for isa in self._tables}
            self._readers[threads] = min(tried, key=lambda isa: figure(tried[isa]).value)
        isa = self._readers[threads]
        taken = timed(partial(kernels.read_at_once, self._block, threads=threads, isa=isa))
        return taken, self._block.nbytes

    def _read(self, isa: str, threads: int) -> float:
        return timed(partial(kernels.read_at_once, self._block, threads=threads, isa=isa)).by(self._clock)

    def _multiply(self, rounds: int, threads: int) -> tuple[Taken, int]:
        products = 0

        def work() -> None:
            nonlocal products
            products = kernels.multiply_at_once(rounds, threads=threads, isa=self._isa)

        return timed(work), products

    def _calibrate(self, threads: int) -> int:
        rounds = 1 << 12
        while self._multiply(rounds, threads)[0].wall_s < _LOOP_S:
            rounds *= 2
        self._rounds[threads] = rounds
        return rounds


def rate_of(found: list[tuple[Taken, int]], threads: int, clock: Clock, unit: str) -> Figure:
    """How much was done a second; the processor's clock adds the threads up."""
    share = threads if clock == "processor" else 1
    return figure([count * share / taken.by(clock) for taken, count in found], unit)


def _aligned(size_bytes: int) -> NDArray[np.uint8]:
    size_bytes -= size_bytes % _STEP_BYTES
    room = np.ones(size_bytes + _LINE_BYTES, np.uint8)
    start = -room.ctypes.data % _LINE_BYTES
    return room[start : start + size_bytes]
