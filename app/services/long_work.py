"""What takes long and may go on while nobody sits at the window: readings, answers, imports, conversions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.services.operation import Progress
from app.services.workspace import Workspace


class WorkKind(StrEnum):
    READING = "reading"
    ANSWER = "answer"
    IMPORT = "import"
    CONVERSION = "conversion"  # of a model


_KINDS = {
    "read-dossier": WorkKind.READING,
    "ask": WorkKind.ANSWER,
    "regenerate": WorkKind.ANSWER,
    "import": WorkKind.IMPORT,
    "resume-imports": WorkKind.IMPORT,
    "retry": WorkKind.IMPORT,
    "add-model": WorkKind.CONVERSION,
}


@dataclass(frozen=True, slots=True)
class WorkCard:
    """Long work without a name of anything. ``share`` is 0..1, or None while its length is not known."""

    kind: WorkKind
    share: float | None


def list_long_work(ws: Workspace) -> tuple[WorkCard, ...]:
    """One card per kind of work that runs or waits for its turn: of several of a kind, the first begun."""
    cards: dict[WorkKind, WorkCard] = {}
    for operation in ws.lanes.running():
        kind = _KINDS.get(operation.verb)
        if kind is None or operation.done:
            continue
        # What an answer reports is the way to its first word, and nobody knows how long it will be.
        share = None if kind is WorkKind.ANSWER else _share(operation.progress)
        if kind not in cards or (cards[kind].share is None and share is not None):
            cards[kind] = WorkCard(kind, share)
    return tuple(sorted(cards.values(), key=lambda card: list(WorkKind).index(card.kind)))


def _share(progress: Progress | None) -> float | None:
    if progress is None or not progress.total:
        return None
    return min(1.0, (progress.done + progress.part) / progress.total)
