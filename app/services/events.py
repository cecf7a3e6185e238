"""Plain events published on ``Workspace.events``; any thread may publish, so subscribers hop threads
themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.services.operation import Progress
from app.services.views import Changes, EngineCard, ReadingCard


@dataclass(frozen=True, slots=True)
class Changed:
    """Something in the vault changed. ``dossier_id`` is None when it concerns all of them."""

    changes: Changes
    dossier_id: str | None = None


@dataclass(frozen=True, slots=True)
class ImportMoved:
    """Progress of an import (at most ten a second): files done, and pages done of the file in hand."""

    dossier_id: str
    file: str
    files_done: int
    files_total: int
    page: int
    pages: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class ReadingMoved:
    dossier_id: str
    reading: ReadingCard


@dataclass(frozen=True, slots=True)
class EngineChanged:
    engine: EngineCard


@dataclass(frozen=True, slots=True)
class VaultClosing:
    """The workspace is being locked: blank the window now."""
