"""What coding inputs as spikes costs, what counting them costs, how many are silent together, and
joules where the machine tells them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.energy import EnergyMeter
from engine.models.loading import LoadedModel, load
from engine.runtime.watching import EVERY_TOK, SAMPLE_NEURONS, SAMPLE_TOK
from engine.spike_tally import SpikeTally
from tests.bench.silence import silence
from tests.bench.table import Row, show

READ_TOK, PIECE_TOK, STEPS, ROUNDS = 1024, 64, 200, 15
K = 3.0


def measure(file: Path, text: Path, *, threads: int = 1) -> None:
    plain, spiking = load(file, threads=threads, spike_k=0.0), load(file, threads=threads, spike_k=K)
    ids = np.random.default_rng(0).integers(0, plain.tokenizer.vocabulary, READ_TOK).astype(np.int32)

    def reading() -> SpikeTally:
        return spiking.model.new_tally(every_tok=EVERY_TOK)

    def answer() -> SpikeTally:
        return spiking.model.new_tally(every_tok=EVERY_TOK, neurons=SAMPLE_NEURONS, sample_tok=SAMPLE_TOK)

    ways: list[tuple[LoadedModel, Callable[[], SpikeTally] | None]] = [
        (plain, None), (spiking, None), (spiking, reading), (spiking, answer),
    ]  # fmt: skip
    _run(*ways[-1], ids)
    # Turn by turn, so that whatever else the machine does falls on all of them alike.
    rounds = [[_run(model, tally, ids) for model, tally in ways] for _ in range(ROUNDS)]

    def ratio(one: int, other: int, part: int) -> str:
        # The best of each piece over the turns: what else runs on the machine only ever adds.
        best = [np.min([round_[way][part] for round_ in rounds], axis=0).sum() for way in (one, other)]
        return f"{100 * (best[0] / best[1] - 1):+.1f} %"

    note = (
        f"best of {ROUNDS} turns, piece by piece; {READ_TOK} tokens read, {STEPS} written, {threads} thread"
    )
    show(
        f"Spikes, k = {K:g}, {plain.info.name} ({plain.info.format}, {plain.model.isa})",
        [
            Row("Reading with spikes, to reading without", ratio(1, 0, 0), note),
            Row("Writing with spikes, to writing without", ratio(1, 0, 1)),
            Row("Counting while reading", ratio(2, 1, 0), f"one token of {EVERY_TOK}"),
            Row("Counting and sampling while reading", ratio(3, 1, 0), "a question's prompt"),
            Row("Counting and sampling while writing", ratio(3, 1, 1), "an answer"),
            *silence(spiking, text),
            *_energy(plain, ids),
        ],
    )


def _run(
    model: LoadedModel, new_tally: Callable[[], SpikeTally] | None, ids: NDArray[np.int32]
) -> tuple[list[float], list[float]]:
    """Seconds of each piece of reading and of each token written."""
    state = model.model.new_state()
    state.tally = None if new_tally is None else new_tally()
    read_s, written_s = [], []
    for start in range(0, len(ids), PIECE_TOK):
        began_s = time.perf_counter()
        model.model.prefill(state, ids[start : start + PIECE_TOK], logits="none")
        read_s.append(time.perf_counter() - began_s)
    for token_id in ids[:STEPS]:
        began_s = time.perf_counter()
        model.model.step(state, int(token_id))
        written_s.append(time.perf_counter() - began_s)
    return read_s, written_s


def _energy(model: LoadedModel, ids: NDArray[np.int32]) -> list[Row]:
    meter = EnergyMeter.open(cards=True)
    if not meter.source_names:
        return [Row("Energy", "not measurable here", f"counters are {meter.reason}")]
    with meter.span() as span:
        for _ in range(20):
            _run(model, None, ids)
    meter.close()
    if span.energy is None:
        return [Row("Energy", "not measurable here", f"counters became {meter.reason}")]
    tokens = 20 * (len(ids) + STEPS)
    return [
        Row(
            f"Energy, {name}",
            f"{joules / tokens * 1000:.2f} mJ a token",
            f"{joules / span.energy.seconds:.1f} W, all programs included, without spikes",
        )
        for name, joules in span.energy.by_source.items()
    ]
