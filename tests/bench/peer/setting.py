"""What one run of the measurement stands on: shape, files, threads, clock, and which peer there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.models.config import ModelConfig
from engine.models.encoding import FloatFormat
from tests.bench.peer.figures import RUNS, Clock, Figure, Row, Section, Taken, print_row
from tests.bench.peer.limits import BLOCK_BYTES, Limits, rate_of
from tests.bench.peer.models import Store
from tests.bench.peer.ours import Engine
from tests.bench.peer.shapes import PUBLISHED_7B, Shape
from tests.bench.peer.theirs import Peer, is_installed
from tests.bench.peer.workers import Worker

PEER_FORMAT = {"q8": "Q8_0", "q4": "Q4_0"}
MISSING = "not installed"


@dataclass(slots=True)
class Setting:
    folder: Path
    config: ModelConfig = PUBLISHED_7B
    layers: int = 6
    threads: int = 1
    runs: int = RUNS
    clock: Clock = "wall"
    full: bool = False
    long_tok: int | None = None
    block_bytes: int = BLOCK_BYTES
    with_peer: bool = field(default_factory=is_installed)

    @property
    def store(self) -> Store:
        return Store(self.folder)

    @property
    def shape(self) -> Shape:
        return Shape.of(
            self.config, self.config.layers if self.full else min(self.layers, self.config.layers)
        )

    def shape_of(self, layers: int) -> Shape:
        """Fewer layers than asked for, where a section holds several models at once."""
        return Shape.of(self.config, min(layers, self.shape.config.layers))

    @contextmanager
    def ours(self, shape: Shape, form: FloatFormat, threads: int | None = None) -> Iterator[Worker]:
        with Worker(Engine, self.store.ours(shape.config, form), threads or self.threads) as worker:
            yield worker

    @contextmanager
    def theirs(
        self, shape: Shape, form: FloatFormat, context_tok: int, threads: int | None = None
    ) -> Iterator[Worker | None]:
        """None where llama.cpp is not installed."""
        if not self.with_peer:
            yield None
            return
        path = self.store.theirs(shape.config, form)
        with Worker(Peer, path, threads or self.threads, context_tok) as worker:
            yield worker

    @contextmanager
    def limits(self) -> Iterator[Worker]:
        with Worker(Limits, self.block_bytes, self.clock) as worker:
            yield worker


def tell(section: Section, *rows: Row) -> None:
    for row in rows:
        section.rows.append(row)
        print_row(row)


def per(seconds: float, count: float) -> float:
    return count / seconds if seconds > 0 else 0.0


class Counted:
    """Answers of a limit's loop as they come: each is a Taken and how much was done in it."""

    def __init__(self, worker: Worker, method: str, threads: int) -> None:
        self._worker, self._method, self._threads = worker, method, threads
        self.found: list[tuple[Taken, int]] = []

    def __call__(self) -> Taken:
        taken, count = self._worker.ask(self._method, self._threads)
        self.found.append((taken, count))
        result: Taken = taken
        return result

    def rate(self, clock: Clock, unit: str) -> Figure:
        """Of all runs but the first, which warmed."""
        return rate_of(self.found[1:], self._threads, clock, unit)
