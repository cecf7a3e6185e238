"""Text of the sample papers, cut into passages, for measuring a reader without the application.

The application has its own parser, passages and search; this is a plain stand-in, so that the reader's own
share can be measured: the right passage is always among those presented, beside those most like the question.
"""

from __future__ import annotations

import email
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from functools import cache
from io import BytesIO
from pathlib import Path

import pymupdf
from docx import Document

from engine.mini.exclusion import fold

ROOT = Path(__file__).resolve().parents[2] / "resources" / "samples"
PASSAGE_WORDS = 60
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+(?=[A-ZÀ-Þ0-9«•–-])")


@dataclass(frozen=True, slots=True)
class Passage:
    document: str
    page: int  # from 1; 0 for papers without fixed pages
    text: str


def collapse(text: str) -> str:
    return " ".join(text.split())


@cache
def read_dossier(dossier: str) -> tuple[Passage, ...]:
    """All passages of a dossier such as "patient-en", in the order of its papers."""
    kind, _, language = dossier.partition("-")
    found: list[Passage] = []
    for path in sorted((ROOT / language / kind).iterdir()):
        data = path.read_bytes()
        if path.suffix == ".docx":
            pieces = []
            for item in Document(BytesIO(data)).iter_inner_content():
                rows = getattr(item, "rows", None)
                pieces += (
                    [item.text] if rows is None else [" ".join(c.text for c in row.cells) for row in rows]
                )
            found += [Passage(path.name, 0, text) for text in cut("\n".join(pieces))]
        elif path.suffix == ".eml":
            message = email.message_from_bytes(data, policy=default)
            assert isinstance(message, EmailMessage)
            body = message.get_body(("plain",))
            head = " ".join(f"{name}: {message[name]}" for name in ("From", "To", "Date", "Subject"))
            found += [
                Passage(path.name, 0, t) for t in cut(head + "\n" + (body.get_content() if body else ""))
            ]
            for part in message.iter_attachments():
                payload = part.get_payload(decode=True)
                if isinstance(payload, bytes) and payload[:4] == b"%PDF":
                    found += read_pdf(str(part.get_filename()), payload)
        elif path.suffix == ".pdf":
            found += read_pdf(path.name, data)
    return tuple(found)


def read_pdf(name: str, data: bytes) -> list[Passage]:
    with pymupdf.open(stream=data, filetype="pdf") as document:
        return [
            Passage(name, n, text)
            for n, page in enumerate(document, 1)
            for text in cut(page.get_text(sort=True))
        ]


def cut(text: str) -> list[str]:
    """Whole sentences or lines, together at most `PASSAGE_WORDS` words."""
    pieces: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        pieces += _SENTENCE.split(collapse(block))
    found: list[list[str]] = [[]]
    for piece in pieces:
        words = piece.split()
        while words:
            room = PASSAGE_WORDS - len(found[-1])
            if len(words) > room and found[-1]:
                found.append([])
                continue
            found[-1] += words[:PASSAGE_WORDS]
            words = words[PASSAGE_WORDS:]
    return [" ".join(words) for words in found if words]


def stems(text: str) -> list[str]:
    return [word[:5] for word in fold(text).split() if len(word) > 2 or word.isdigit()]


def holds(passage: Passage, question: dict[str, str]) -> bool:
    """Whether the passage has the answer's words and at least half of the quote's."""
    if passage.document != question["document"] or question["answer"] not in passage.text:
        return False
    quoted = set(fold(question["quote"]).split())
    return 2 * len(quoted & set(fold(passage.text).split())) >= len(quoted)


def choose(
    question: dict[str, str], passages: Sequence[Passage], count: int
) -> tuple[list[Passage], set[int]]:
    """The `count` passages most like the question, best first, the right one among them; the right anchors.

    The right passage replaces the last one where plain likeness does not find it. Empty when no passage holds
    the answer.
    """
    right = [p for p in passages if holds(p, question)]
    if not right:
        return [], set()
    bags = [Counter(stems(p.text)) for p in passages]
    frequency = Counter(stem for bag in bags for stem in bag)
    asked = set(stems(question["question"]))

    def likeness(index: int) -> float:
        bag = bags[index]
        return sum(
            math.log(1 + len(passages) / frequency[s]) * bag[s] / (bag[s] + 0.5 + len(bag) / 60)
            for s in asked
            if bag[s]
        )

    ranked = [passages[i] for i in sorted(range(len(passages)), key=lambda i: -likeness(i))][:count]
    if not any(p in right for p in ranked):
        ranked[-1] = right[0]
    return ranked, {n for n, p in enumerate(ranked, 1) if holds(p, question)}
