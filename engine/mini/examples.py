"""What the generator writes: a dossier as numbered passages, questions, true answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """`value` is "" and `anchor` 0 when the passages do not hold the answer.

    `more`: further items of a list, in the order of the passages; `verdict`: yes or no after the quote,
    in the question's language; `kind`: what is asked for.
    """

    text: str
    value: str
    anchor: int
    more: tuple[tuple[str, int], ...] = ()
    verdict: str = ""
    kind: str = "value"

    @property
    def answer(self) -> str:
        """`« value » [n]`, several of them for a list, and the verdict last.

        Spaces inside the quotation marks, so that a value has the same tokens as in its passage. The verdict
        comes last, so that it is given in view of the words it rests on.
        """
        if not self.value:
            return "«» [0]"
        told = " ".join(
            f"« {value} » [{anchor}]" for value, anchor in ((self.value, self.anchor), *self.more)
        )
        return f"{told} {self.verdict}" if self.verdict else told


@dataclass(frozen=True, slots=True)
class Example:
    language: str
    passages: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def prompt(self) -> str:
        """The numbered passages."""
        return "".join(f"[{i}] {text}\n" for i, text in enumerate(self.passages, 1))


def length(pieces: list[str]) -> int:
    return sum(len(p.split()) for p in pieces)
