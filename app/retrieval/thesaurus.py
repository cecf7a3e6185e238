"""A general bilingual thesaurus: other words under which a passage may hold what a question asks for.

The files in ``resources/thesaurus`` are lines of two kinds, French and English mixed:
``= a, b, c`` (names of one thing) and ``> a, b : c, d`` (c and d are members of what a and b name).
Terms are compared as sequences of stems, so inflected forms fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.core.resources import resource
from app.retrieval import words

Stems = tuple[str, ...]

SYNONYM_WEIGHT = 0.8
MEMBER_WEIGHT = 0.75  # asked for the class, found a member
CLASS_WEIGHT = 0.4  # asked for a member, found the class
LONGEST_TERM = 5

_FILES = ("general.txt", "medical.txt", "legal.txt")


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """``related[term][other]`` is how well ``other`` stands for ``term``, in (0, 1)."""

    related: Mapping[Stems, Mapping[Stems, float]]

    def expand(self, term: Stems) -> Mapping[Stems, float]:
        return self.related.get(term, {})

    def __contains__(self, term: Stems) -> bool:
        return term in self.related


def stems_of(term: str) -> Stems:
    return tuple(words.stem(word.text) for word in words.split(term))


def _terms(part: str) -> list[Stems]:
    stems = (stems_of(term) for term in part.split(","))
    return [term for term in dict.fromkeys(stems) if term and len(term) <= LONGEST_TERM]


def parse(lines: Iterable[str]) -> Thesaurus:
    """Raises ValueError, with the line's number, for a line that is neither a group, a class nor a
    comment.
    """
    related: dict[Stems, dict[Stems, float]] = defaultdict(dict)

    def relate(term: Stems, other: Stems, weight: float) -> None:
        if term != other:
            related[term][other] = max(weight, related[term].get(other, 0.0))

    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        heads, colon, members = line[1:].partition(" : ")
        if line[0] not in "=>" or (line[0] == ">") != bool(colon):
            raise ValueError(f"line {number} of the thesaurus is neither a group nor a class")
        names = _terms(heads)
        for name in names:
            for other in names:
                relate(name, other, SYNONYM_WEIGHT)
            for member in _terms(members):
                relate(name, member, MEMBER_WEIGHT)
                relate(member, name, CLASS_WEIGHT)
    return Thesaurus(related)


@cache
def shipped(folder: Path | None = None) -> Thesaurus:
    """The thesaurus that comes with the application (read once)."""
    where = folder or resource("thesaurus")
    return parse(line for name in _FILES for line in (where / name).read_text("utf-8").splitlines())
