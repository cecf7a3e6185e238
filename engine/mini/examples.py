"""What the generator writes: a dossier as numbered passages, questions, true answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    value: str  # "" when the passages do not hold it
    anchor: int  # 0 when absent

    @property
    def answer(self) -> str:
        # spaces inside the quotation marks, so that a value has the same tokens as in its passage
        return f"« {self.value} » [{self.anchor}]" if self.value else "«» [0]"


@dataclass(frozen=True, slots=True)
class Example:
    language: str
    passages: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def prompt(self) -> str:
        """Everything before the first question."""
        return "".join(f"[{i}] {text}\n" for i, text in enumerate(self.passages, 1))


def length(pieces: list[str]) -> int:
    return sum(len(p.split()) for p in pieces)
