"""A general bilingual thesaurus: other words under which a passage may hold what a question asks for.

The files in ``resources/thesaurus`` are lines of three kinds, French and English mixed:
``= a, b, c`` (names of one thing), ``> a, b : c, d`` (c and d are members of what a and b name) and
``~ a, b : c, d`` (who asks with a or b may find the answer beside c or d, though they do not mean the same).
Terms are compared as sequences of stems, so inflected forms fit. Heads of a ``~`` line need not stand
together in the question: ``who signed`` fits "who, then, has signed".
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from app.core.resources import resource
from app.retrieval import words

Stems = tuple[str, ...]

SYNONYM_WEIGHT = 0.8
MEMBER_WEIGHT = 0.75  # asked for the class, found a member
CLASS_WEIGHT = 0.4  # asked for a member, found the class
SECOND_STEP = 0.4  # what a second step through the thesaurus keeps
LONGEST_SECOND_CLASS = 40
LONGEST_TERM = 5

# Stop words that say what is asked.
ASKING_WORDS = frozenset(
    [
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "qui",
        "quand",
        "ou",
        "pourquoi",
        "comment",
        "combien",
    ]
)


@dataclass(frozen=True, slots=True)
class Hint:
    """One head of a ``~`` line: stems that a question must hold, and the terms that then speak for a
    passage.
    """

    asked: frozenset[str]
    beside: tuple[Stems, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    names: tuple[Stems, ...]
    members: tuple[Stems, ...]


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """``expand(term)[other]`` is how well ``other`` stands for ``term``, in (0, 1). Made by ``parse``."""

    named: Mapping[Stems, tuple[_Line, ...]]
    classed: Mapping[Stems, tuple[_Line, ...]]
    hints: Mapping[str, tuple[Hint, ...]]  # by one of the stems asked
    _expanded: dict[Stems, Mapping[Stems, float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.named.keys() | self.classed.keys())

    def __contains__(self, term: Stems) -> bool:
        return term in self.named or term in self.classed

    def expand(self, term: Stems) -> Mapping[Stems, float]:
        known = self._expanded.get(term)
        if known is not None:
            return known
        found: dict[Stems, float] = {}

        def relate(others: Iterable[Stems], weight: float) -> None:
            for other in others:
                if other != term and found.get(other, 0.0) < weight:
                    found[other] = weight

        def relate_lines(of: Stems, share: float, longest: int) -> None:
            for line in self.named.get(of, ()):
                relate(line.names, SYNONYM_WEIGHT * share)
                if len(line.members) <= longest:
                    relate(line.members, MEMBER_WEIGHT * share)
            for line in self.classed.get(of, ()):
                relate(line.names, CLASS_WEIGHT * share)

        relate_lines(term, 1.0, sys.maxsize)
        # A second step, so that lines need not repeat each other; not into classes of many: it leads astray.
        for other, weight in list(found.items()):
            if weight >= MEMBER_WEIGHT:
                relate_lines(other, weight * SECOND_STEP, LONGEST_SECOND_CLASS)
        self._expanded[term] = found
        return found

    def hint(self, asked: Set[str]) -> list[Hint]:
        """Hints all of whose stems are asked."""
        return [hint for stem in asked for hint in self.hints.get(stem, ()) if hint.asked <= asked]


def stems_of(term: str) -> Stems:
    return tuple(words.stem(word.text) for word in words.split(term))


def _terms(part: str) -> tuple[Stems, ...]:
    stems = (stems_of(term) for term in part.split(","))
    return tuple(term for term in dict.fromkeys(stems) if term and len(term) <= LONGEST_TERM)


def _asked(head: str) -> frozenset[str]:
    texts = [word.text for word in words.split(head)]
    return frozenset(words.stem(t) for t in texts if t not in words.STOP_WORDS or t in ASKING_WORDS)


def parse(lines: Iterable[str]) -> Thesaurus:
    """Raises ValueError, with the line's number, for a line that is neither a group, a class, a hint nor a
    comment.
    """
    named: dict[Stems, tuple[_Line, ...]] = defaultdict(tuple)
    classed: dict[Stems, tuple[_Line, ...]] = defaultdict(tuple)
    hints: dict[str, tuple[Hint, ...]] = defaultdict(tuple)
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        heads, colon, rest = line[1:].partition(" : ")
        if line[0] not in "=>~" or (line[0] != "=") != bool(colon):
            raise ValueError(f"line {number} of the thesaurus is neither a group, a class nor a hint")
        members = _terms(rest)
        if line[0] == "~":
            for asked in dict.fromkeys(_asked(head) for head in heads.split(",")):
                if asked:
                    hints[min(asked)] += (Hint(asked, members),)
            continue
        entry = _Line(_terms(heads), members)
        for name in entry.names:
            named[name] += (entry,)
        for member in members:
            classed[member] += (entry,)
    return Thesaurus(dict(named), dict(classed), dict(hints))


@cache
def shipped(folder: Path | None = None) -> Thesaurus:
    """The thesaurus that comes with the application (read once)."""
    where = folder or resource("thesaurus")
    files = sorted(where.glob("*.txt"))
    return parse(line for file in files for line in file.read_text("utf-8").splitlines())
