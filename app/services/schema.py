"""The whole database, step by step: every room's tables in the order they came, plus the services' own.

The order is frozen: a step that was released never moves nor changes; new ones are appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.chat import schema as chat
from app.library import schema as library
from app.retrieval import schema as retrieval
from app.store import Migration

# Imports that are not finished: a row from the moment a path is dropped until its document is ready or
# refused.
_IMPORT_JOBS = Migration(
    version=1,
    name="import jobs",
    statements=(
        """CREATE TABLE import_job (
            id TEXT PRIMARY KEY,
            position INTEGER NOT NULL,
            dossier_id TEXT NOT NULL,
            document_id TEXT,
            source_path TEXT NOT NULL,
            name TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            created_utc REAL NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX import_job_by_position ON import_job (position)",
    ),
)


def _numbered(steps: Sequence[Migration]) -> tuple[Migration, ...]:
    return tuple(replace(step, version=version) for version, step in enumerate(steps))


MIGRATIONS: tuple[Migration, ...] = _numbered(
    (
        *library.MIGRATIONS[:1],
        *retrieval.MIGRATIONS[:1],
        *chat.MIGRATIONS[:1],
        _IMPORT_JOBS,
        *library.MIGRATIONS[1:2],
        *retrieval.MIGRATIONS[1:2],
        *retrieval.MIGRATIONS[2:3],
    )
)

REFERENCES: tuple[str, ...] = library.REFERENCES
"""Queries that name every blob and sealed file in use; what none of them names is an orphan."""
