"""What an answer is made of: statements, their grade, and citations that point at words on a page.

Everything here is an immutable value; coordinates are points (1/72 inch) with the origin at the top left of
the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How far a statement can be trusted; every statement carries exactly one."""

    CHECKED_ON_PAGE = "checked_on_page"  # its quoted words were found, by code, on the cited page
    FROM_READING = "from_reading"  # the model says so; no quote of it could be checked
    NOT_IN_DOSSIER = "not_in_dossier"  # the model says that the passages do not hold it


class AnswerMode(StrEnum):
    MODEL = "model"  # the words of a model, graded statement by statement
    PASSAGES = "passages"  # no model's words: the best passages, quoted and cited


class Reason(StrEnum):
    """Why an answer is passages only (or empty); the window and the terminal say it in words."""

    NONE = "none"
    NO_MODEL = "no_model"
    ENGINE_DOWN = "engine_down"
    LOW_CONFIDENCE = "low_confidence"
    UNREADABLE_ANSWER = "unreadable_answer"  # the model's answer kept to no rule (unknown anchors, no words)
    QUESTION_TOO_LONG = "question_too_long"  # with one passage it would not fit the model's exact window
    STOPPED = "stopped"  # stopped by the person before the first word
    NOTHING_FOUND = "nothing_found"  # no passage of the scope fits the question


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in points, origin top left."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One passage shown to the model under a number the app chose. ``text == page_text[start:end]``."""

    anchor: int
    document_id: str
    document: str
    page: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Words on a page that a statement rests on. ``quote == page_text[start:end]``, boxes one per line."""

    anchor: int
    document_id: str
    document: str
    page: int
    start: int
    end: int
    quote: str
    boxes: tuple[Box, ...]
    checked: bool  # true: the words the answer quotes; false: the passage the answer points to


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an answer. ``start`` and ``end`` are its character span in ``Answer.text``."""

    text: str
    start: int
    end: int
    grade: Grade
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    search_s: float = 0.0
    first_word_s: float = 0.0
    total_s: float = 0.0
    prompt_tok: int = 0
    answer_tok: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished (or stopped) answer. ``text`` holds the model's words with their ``[n]`` anchors."""

    message_id: str
    chat_id: str
    dossier_id: str
    question: str
    text: str
    statements: tuple[Statement, ...]
    mode: AnswerMode
    reason: Reason
    model: str  # name of the model that was asked; empty when none was
    confidence: float  # 0..1; 0 when no model answered
    stopped: bool
    evidence: tuple[Evidence, ...]
    timings: Timings
    nearest: tuple[Citation, ...] = ()  # closest passages of an absent answer; of a reader's, the next best
