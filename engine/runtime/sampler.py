"""Chooses the next token from a row of logits: greedy, or seeded sampling with temperature and top-p."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose. `temperature` 0 is greedy; `top_p` 1 keeps every token; `repetition_penalty` 1 is
    none.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 100.0:
            raise ValueError(f"temperature {self.temperature} is outside 0 to 100")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p {self.top_p} is outside 0 (excluded) to 1")
        if not 0.01 <= self.repetition_penalty <= 100.0:
            raise ValueError(f"repetition_penalty {self.repetition_penalty} is outside 0.01 to 100")


class LogitsInvalid(ValueError):
    """What the model computed are no numbers: its weights cannot be right."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen token and the probability the model itself gave it (temperature 1, nothing cut off)."""

    token_id: int
    probability: float


class Sampler:
    """One generation's choices. Not shared between threads: it holds the random stream and the tokens seen.

    `vocabulary` is the number of ids the tokenizer knows: output rows beyond it are padding (spec 1.8) and
    are never chosen. The same seed and logits give the same choices.
    """

    def __init__(self, sampling: Sampling, *, vocabulary: int) -> None:
        if vocabulary < 1:
            raise ValueError("the vocabulary is empty")
        self._sampling = sampling
        self._vocabulary = vocabulary
        self._random = np.random.Generator(np.random.PCG64(sampling.seed % (1 << 64)))
        self._seen = np.zeros(vocabulary, dtype=np.bool_)

    def see(self, ids: Iterable[int]) -> None:
        """Tells which tokens the repetition penalty applies to (prompt and answer so far)."""
        for token_id in ids:
            if 0 <= token_id < self._vocabulary:
                self._seen[token_id] = True

    def choose(self, logits: NDArray[np.float32], allowed: Sequence[int] | None = None) -> Choice:
        """Takes float32 [vocab] logits (padding rows included), and the ids to choose from when not all are
        free; the probability is the free choice's all the same. Raises LogitsInvalid.
        """
        row = np.asarray(logits, dtype=np.float64)[: self._vocabulary]
        if not np.isfinite(row).all():
            raise LogitsInvalid("the model computed what are no finite numbers")
        scores = row
        penalty = self._sampling.repetition_penalty
        if penalty != 1.0:
            scores = row.copy()
            seen = scores[self._seen]
            scores[self._seen] = np.where(seen > 0, seen / penalty, seen * penalty)
        if allowed is not None:
            free = scores
            scores = np.full_like(free, -np.inf)
            scores[allowed] = free[allowed]
        if self._sampling.temperature == 0.0:
            token_id = int(np.argmax(scores))
        else:
            # From the best one down: next to 0 a temperature leaves the best alone, not infinities.
            with np.errstate(over="ignore"):
                token_id = self._draw((scores - scores.max()) / self._sampling.temperature)
        self._seen[token_id] = True
        powers = np.exp(row - row.max())
        return Choice(token_id, float(powers[token_id] / powers.sum()))

    def _draw(self, scores: NDArray[np.float64]) -> int:
        probabilities = _softmax(scores)
        if self._sampling.top_p < 1.0:
            # Stable order, so that equal probabilities are cut the same way on every machine.
            order = np.argsort(-probabilities, kind="stable")
            before = np.cumsum(probabilities[order]) - probabilities[order]
            kept = order[before < self._sampling.top_p]
        else:
            kept = np.arange(len(probabilities))
        cumulated = np.cumsum(probabilities[kept])
        place = int(np.searchsorted(cumulated, self._random.random() * cumulated[-1], side="right"))
        return int(kept[min(place, len(kept) - 1)])


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max())
    result: NDArray[np.float64] = powers / powers.sum()
    return result
