"""Watches what a spiking model codes while it reads and answers. Of the computing thread alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from engine.protocol import SpikeReport, SpikeSample
from engine.runtime.seam import ReadingState
from engine.runtime.spike_statistics import estimate_energy, figures_of, mean_of, site_reports
from engine.spike_tally import LARGEST, ROWS, SAMPLED_PROMPT_TOK, SITES

EVERY_TOK: Final = 8
"""One token of so many is counted while the model works, which costs 1 % of the smallest model's time."""
SAMPLE_TOK: Final = 128
SAMPLE_NEURONS: Final = 64
_SAMPLE_BYTES: Final = 4 << 20
"""What a sample may hold: it travels in one message. Fewer neurons of very deep models, therefore."""


class Tally(Protocol):
    """engine.spike_tally.SpikeTally."""

    @property
    def layers(self) -> int: ...

    @property
    def neurons(self) -> int: ...

    def places(self) -> NDArray[np.uint64]: ...

    def sample(self, tokens: int) -> NDArray[np.int8]: ...


class NewTally(Protocol):
    """engine.kernels.Model.new_tally."""

    def __call__(self, *, every_tok: int, neurons: int, sample_tok: int) -> Tally: ...


class _Watched(Protocol):
    tally: Tally | None


class SpikeWatch:
    """What was coded since the model was loaded, and in the last answer."""

    def __init__(self, new_tally: NewTally, token_bytes: Callable[[int], bytes]) -> None:
        self._new_tally = new_tally
        self._token_bytes = token_bytes
        self._reading = new_tally(every_tok=EVERY_TOK, neurons=0, sample_tok=0)
        affordable = _SAMPLE_BYTES // (SAMPLE_TOK * len(SITES) * self._reading.layers)
        self._neurons = max(1, min(SAMPLE_NEURONS, affordable))
        self._answer: Tally | None = None
        self._before: NDArray[np.uint64] | None = None
        self._ids: list[int] = []
        self._prompt_tok = 0

    def watch_reading(self, state: ReadingState) -> None:
        """Count what is read into `state`."""
        cast("_Watched", state).tally = self._reading

    def watch_answer(self, state: ReadingState, prompt_ids: NDArray[np.int32]) -> None:
        """Count what an answer codes, from its prompt on; it is the last answer from now."""
        self._before = self._answers()
        self._answer = self._new_tally(every_tok=EVERY_TOK, neurons=self._neurons, sample_tok=SAMPLE_TOK)
        cast("_Watched", state).tally = self._answer
        self._ids = prompt_ids[-SAMPLED_PROMPT_TOK:].tolist()
        self._prompt_tok = len(self._ids)

    def fed(self, token_id: int) -> None:
        """The answer went on by a token that the model has read."""
        self._ids.append(token_id)

    def report(self, scope: Literal["answer", "all"], *, sample: bool) -> SpikeReport | None:
        """None while nothing was counted."""
        places = self._total() if scope == "all" else None
        if scope == "answer" and self._answer is not None:
            places = self._answer.places()
        if places is None or not places[:, :, ROWS].any():
            return None
        sites = site_reports(places)
        overall = figures_of(places[places[:, :, ROWS] > 0])
        return SpikeReport(
            scope=scope,
            every_tok=EVERY_TOK,
            sites=sites,
            overall=overall,
            site_mean=mean_of([site.figures for site in sites]),
            estimate=estimate_energy(overall),
            sample=self._sample() if sample else None,
        )

    def _answers(self) -> NDArray[np.uint64] | None:
        last = None if self._answer is None else self._answer.places()
        return last if self._before is None else _sum(self._before, last)

    def _total(self) -> NDArray[np.uint64]:
        return _sum(self._reading.places(), self._answers())

    def _sample(self) -> SpikeSample | None:
        if self._answer is None:
            return None
        # A prompt came in many chunks: of the tokens before the last ones not all were kept.
        counts = self._answer.sample(min(SAMPLE_TOK, len(self._ids)))
        shown = self._ids[len(self._ids) - len(counts) :]
        return SpikeSample(
            layers=self._answer.layers,
            sites=SITES,
            neurons=self._answer.neurons,
            texts=tuple(self._token_bytes(one).decode("utf-8", "replace") for one in shown),
            prompt_tok=max(0, self._prompt_tok - (len(self._ids) - len(counts))),
            counts=counts.tobytes(),
        )


def _sum(one: NDArray[np.uint64], other: NDArray[np.uint64] | None) -> NDArray[np.uint64]:
    if other is None:
        return one
    total = one + other
    total[:, :, LARGEST] = np.maximum(one[:, :, LARGEST], other[:, :, LARGEST])
    return total
