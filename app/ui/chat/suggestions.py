"""Questions to begin with: those written for the samples, or general ones for any dossier."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache

from PySide6.QtCore import QCoreApplication

from app.core.resources import resource
from app.ui.language import Speech

SHOWN = 4
MOST_CHARS = 62  # what fits on one line of the narrowest pane


@cache
def _sample_questions() -> tuple[tuple[str, str, str], ...]:
    """(dossier, document, question) of every sample question; empty when the samples are not installed."""
    try:
        rows = json.loads(resource("samples", "questions.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ()
    return tuple((row["dossier"], row["document"], row["question"]) for row in rows)


def suggest(names: Collection[str], language: Speech) -> list[str]:
    """Up to four questions for a dossier with documents of these ``names``."""
    chosen: list[str] = []
    seen: set[str] = set()
    for dossier, document, question in _sample_questions():
        known = document in names and dossier.endswith(f"-{language}")
        if known and document not in seen and len(question) <= MOST_CHARS:
            seen.add(document)
            chosen.append(question)
    if chosen:
        return chosen[:SHOWN]
    return [
        QCoreApplication.translate("Suggestions", "Which dates matter?"),
        QCoreApplication.translate("Suggestions", "Who are the people named?"),
        QCoreApplication.translate("Suggestions", "Which amounts are mentioned?"),
    ]
