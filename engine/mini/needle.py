"""What the reader still finds in a long text: one fact at a chosen depth, inside and beyond the window.

Two ways of asking. "Asked first": the application's prompt, the question before and after the passages, so
that the reader knows what to look for while it reads. "Asked last": the passages are read without a question,
as a dossier is; only then the question comes, and the answer must lie in the window or in what the recurrent
layers keep. The reader is held to no words here: what it says comes from what it kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import kernels
from engine.mini.data import Generator
from engine.mini.evaluate import prompt_of
from engine.mini.examples import Example
from engine.mini.exclusion import fold
from engine.mini.outcomes import take_apart
from engine.mini.replies import WINDOW_PRECISION, answer, ids_of
from engine.models.loading import LoadedModel

LENGTHS_TOK = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000)
DEPTHS = (0, 25, 50, 75, 100)  # per cent of the text that stands before the fact
NEEDLES = 8
LONG_FROM_TOK = 64_000
LONG_NEEDLES = 2
SEED = 31
SIDE = "test"
ASKED_FIRST, ASKED_LAST = "asked first", "asked last"
_LONGEST_NEEDLE_TOK = 120
_TELLING_LETTERS = 5  # of a word that can be the key of a fact


@dataclass(frozen=True, slots=True)
class Needle:
    """A passage that answers a question which names something that stands in no other passage."""

    passage: str
    question: str
    value: str


@dataclass(frozen=True, slots=True)
class Cell:
    """How often the fact was found. `distance_tok` is the mean of what is read between it and the answer."""

    way: str
    length_tok: int
    depth: int
    asked: int
    found: int
    distance_tok: int

    @property
    def share(self) -> float:
        return 100.0 * self.found / self.asked


Tell = Callable[[Cell], None]


class Haystack:
    """Passages of held-out dossiers, as many as a length needs, and facts that nothing in them resembles."""

    def __init__(self, model: LoadedModel, seed: int = SEED) -> None:
        self._model = model
        self._dossiers = Generator(seed, SIDE).stream(170, 1)
        self._needles = [
            Generator(seed + 1 + n, SIDE).stream(60, 1, language) for n, language in enumerate(("fr", "en"))
        ]
        self._passages: list[str] = []
        self._sizes_tok: list[int] = []
        self._words: set[str] = set()

    def take(self, length_tok: int) -> list[str]:
        """Passages of about `length_tok` tokens together, their numbers and line ends counted in."""
        total, taken = 0, 0
        while total < length_tok:
            if taken == len(self._passages):
                self._grow()
            total += self._sizes_tok[taken]
            taken += 1
        return self._passages[: max(1, taken - 1)]

    def _grow(self) -> None:
        for passage in next(self._dossiers).passages:
            self._passages.append(passage)
            self._sizes_tok.append(self.size_tok(passage))
            self._words.update(fold(passage).split())

    def size_tok(self, passage: str) -> int:
        return len(self._model.encode_text(f"[100] {passage}\n"))

    def needles(self, count: int) -> list[Needle]:
        """Facts whose key and value are in none of the passages taken so far; French and English in turn."""
        return [next(self._unlike(self._needles[n % 2])) for n in range(count)]

    def _unlike(self, stream: Iterator[Example]) -> Iterator[Needle]:
        for example in stream:
            question = example.questions[0]
            if not question.anchor or question.kind != "value":
                continue
            passage = example.passages[question.anchor - 1]
            keys = set(fold(question.text).split()) & set(fold(passage).split()) - self._words
            if (
                any(len(word) >= _TELLING_LETTERS for word in keys)
                and not set(fold(question.value).split()) <= self._words
                and self.size_tok(passage) <= _LONGEST_NEEDLE_TOK
            ):
                yield Needle(passage, question.text, question.value)


def place(passages: Sequence[str], sizes_tok: Sequence[int], depth: int) -> int:
    """Before which of `passages` a fact stands so that `depth` per cent of the tokens are in front of it."""
    total, before = sum(sizes_tok), 0
    for index, size in enumerate(sizes_tok):
        if 100 * (before + size / 2) > depth * total:
            return index
        before += size
    return len(passages)


def measure(
    model: LoadedModel,
    *,
    lengths_tok: Sequence[int] = LENGTHS_TOK,
    depths: Sequence[int] = DEPTHS,
    needles: int = NEEDLES,
    tell: Tell | None = None,
) -> list[Cell]:
    """Every length, depth and way of asking. Texts from `LONG_FROM_TOK` on get fewer facts each."""
    haystack = Haystack(model)
    cells = []
    for length_tok in lengths_tok:
        passages = haystack.take(length_tok)
        sizes = [haystack.size_tok(passage) for passage in passages]
        count = min(needles, LONG_NEEDLES) if length_tok >= LONG_FROM_TOK else needles
        tries: dict[tuple[str, int], list[tuple[bool, int]]] = {}
        for _ in range(count):
            facts = haystack.needles(len(depths))
            at = [place(passages, sizes, depth) for depth in depths]
            behind = [sum(sizes[index:]) for index in at]
            for depth, fact, index, distance in zip(depths, facts, at, behind, strict=True):
                text = [*passages[:index], fact.passage, *passages[index:]]
                said = answer(model, _fresh(model), ids_of(model, prompt_of(text, fact.question)), free=True)
                tries.setdefault((ASKED_FIRST, depth), []).append((_finds(said.text, fact), distance))
            for depth, found, distance in zip(
                depths, _ask_last(model, passages, at, facts), behind, strict=True
            ):
                tries.setdefault((ASKED_LAST, depth), []).append((found, distance))
        for (way, depth), results in tries.items():
            cell = Cell(
                way,
                length_tok,
                depth,
                len(results),
                sum(found for found, _ in results),
                sum(distance for _, distance in results) // len(results),
            )
            cells.append(cell)
            if tell is not None:
                tell(cell)
    return cells


def _fresh(model: LoadedModel) -> kernels.State:
    return model.model.new_state(window_precision=WINDOW_PRECISION)


def _finds(said: str, fact: Needle) -> bool:
    return [fold(part.value) for part in take_apart(said)] == [fold(fact.value)]


def _ask_last(
    model: LoadedModel, passages: Sequence[str], at: Sequence[int], facts: Sequence[Needle]
) -> list[bool]:
    """All facts stand in one text, each at its depth; it is read once, and every question asked of a copy."""
    text: list[str] = []
    for index in range(len(passages) + 1):
        text += [fact.passage for fact, there in zip(facts, at, strict=True) if there == index]
        text += passages[index : index + 1]
    state = _fresh(model)
    model.model.prefill(state, reading_ids(model, text, facts[0].question), logits="none")
    return [
        _finds(answer(model, state.fork(), ids_of(model, asking(fact.question)), free=True).text, fact)
        for fact in facts
    ]


def asking(question: str) -> str:
    return f"? {' '.join(question.split())}"


def reading_ids(model: LoadedModel, passages: Sequence[str], question: str) -> NDArray[np.int32]:
    """The ids of the passages as they stand in a prompt, without the question before and after them."""
    asked = asking(question)
    ids = ids_of(model, prompt_of(list(passages), question).removeprefix(f"{asked}\n"))
    tail = ids_of(model, asked)
    if not np.array_equal(ids[len(ids) - len(tail) :], tail):
        raise ValueError("the question's tokens run into those of the passages")
    return ids[: len(ids) - len(tail)]
