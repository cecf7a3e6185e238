"""One question asked and answered: what was wanted, what the reader said, and in which ways it is right.

An answer is a row of quoted values, each with the passage it stands in: ``« value » [n]``. Most questions
want one; a yes or no stands after its quote; ``«» [0]`` says that no passage holds the answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.mini.exclusion import fold

_PART = re.compile(r"«\s*(?P<value>[^«»]*?)\s*»\s*\[\s*(?P<anchor>\d{1,6})\s*\]")


@dataclass(frozen=True, slots=True)
class Part:
    value: str
    anchor: int


def take_apart(answer: str) -> tuple[Part, ...]:
    """The quoted values of an answer in order; none when it has no such form."""
    return tuple(Part(match["value"], int(match["anchor"])) for match in _PART.finditer(answer))


def verdict_of(answer: str) -> str:
    """What stands after the last quoted value, folded: a yes or no, or nothing."""
    ends = [match.end() for match in _PART.finditer(answer)]
    return fold(answer[ends[-1] :]) if ends else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`wanted` is the true answer and `said` the reader's, both in the reader's form."""

    language: str
    task: str
    question: str
    passages: tuple[str, ...]
    wanted: str
    said: str
    confidence: float

    @property
    def present(self) -> bool:
        return any(part.anchor for part in take_apart(self.wanted))

    @property
    def says_absent(self) -> bool:
        return [part.anchor for part in take_apart(self.said)] == [0]

    @property
    def exact(self) -> bool:
        """The same values, whatever their order, case and punctuation; and the verdict, if one is wanted."""
        verdict = verdict_of(self.wanted)
        return _values(self.said) == _values(self.wanted) and verdict in ("", verdict_of(self.said))

    @property
    def right_passage(self) -> bool:
        said = {part.anchor for part in take_apart(self.said)}
        return bool(said) and said == {part.anchor for part in take_apart(self.wanted)}

    @property
    def quotes(self) -> bool:
        return any(part.value for part in take_apart(self.said))

    @property
    def verbatim(self) -> bool:
        """Every value said stands letter for letter in the passage named beside it."""
        parts = [part for part in take_apart(self.said) if part.value]
        return bool(parts) and all(
            0 < part.anchor <= len(self.passages) and part.value in self.passages[part.anchor - 1]
            for part in parts
        )

    @property
    def right(self) -> bool:
        return self.exact and self.right_passage if self.present else self.says_absent


def _values(answer: str) -> Counter[str]:
    return Counter(fold(part.value) for part in take_apart(answer) if part.value)


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of one set of outcomes, in per cent; `None` where nothing was asked that could tell."""

    questions: int
    right: float | None
    passage: float | None
    exact: float | None
    verbatim: float | None
    absent_known: float | None
    false_alarms: float | None


def percent(these: Iterable[Outcome], holds: Callable[[Outcome], bool]) -> float | None:
    among = list(these)
    return 100.0 * sum(map(holds, among)) / len(among) if among else None


def weigh(outcomes: Sequence[Outcome]) -> Shares:
    present = [one for one in outcomes if one.present]
    return Shares(
        questions=len(outcomes),
        right=percent(outcomes, lambda one: one.right),
        passage=percent(present, lambda one: one.right_passage),
        exact=percent(present, lambda one: one.exact),
        verbatim=percent((one for one in present if one.quotes), lambda one: one.verbatim),
        absent_known=percent((one for one in outcomes if not one.present), lambda one: one.says_absent),
        false_alarms=percent(present, lambda one: one.says_absent),
    )
