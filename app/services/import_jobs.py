"""The durable queue of imports: rows that outlive a crash, a shutdown or a cancelled reading of one file."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from app.core.ids import new_id

_SELECT = "SELECT id, position, dossier_id, document_id, source_path, name, attempts FROM import_job "


# A path that is no Unicode (a name from an old disk) is kept as the bytes it is made of. No absolute path
# begins like this.
_AS_BYTES = "bytes:"
_LONE = re.compile("[\ud800-\udfff]")


def path_text(path: Path) -> str:
    """The path as text that a database can hold; ``dropped_path`` makes the path of it again."""
    text = str(path)
    return _AS_BYTES + os.fsencode(text).hex() if _LONE.search(text) else text


def dropped_path(kept: str) -> Path:
    """The path behind ``path_text``."""
    if kept.startswith(_AS_BYTES):
        return Path(os.fsdecode(bytes.fromhex(kept.removeprefix(_AS_BYTES))))
    return Path(kept)


@dataclass(frozen=True, slots=True)
class ImportJob:
    """A file to take in. Without ``document_id`` its content is still only at ``source_path`` (a
    ``path_text``).
    """

    id: str
    position: int
    dossier_id: str
    document_id: str | None
    source_path: str
    name: str
    attempts: int


def add_paths(conn: Connection, dossier_id: str, paths: Sequence[Path]) -> tuple[ImportJob, ...]:
    first = _next_position(conn)
    jobs = tuple(
        ImportJob(new_id(), first + at, dossier_id, None, path_text(path), _LONE.sub("\ufffd", path.name), 0)
        for at, path in enumerate(paths)
    )
    _insert(conn, jobs)
    return jobs


def add_document(conn: Connection, dossier_id: str, document_id: str, name: str) -> ImportJob:
    """A document whose bytes are in the vault already: an attachment, or one to be tried again."""
    job = ImportJob(new_id(), _next_position(conn), dossier_id, document_id, "", name, 0)
    _insert(conn, (job,))
    return job


def begin(conn: Connection, job: ImportJob, document_id: str) -> int:
    """Note that work on the document's pages begins (once more); returns which attempt in a row this is."""
    attempts = conn.execute(
        text(
            "UPDATE import_job SET document_id = :d, attempts = attempts + 1 WHERE id = :id "
            "RETURNING attempts"
        ),
        {"d": document_id, "id": job.id},
    ).scalar()
    return int(attempts or 1)


def note_progress(conn: Connection, job: ImportJob) -> None:
    """Pages were stored: whatever stopped earlier attempts, this one gets somewhere, so it counts as the
    first.
    """
    conn.execute(text("UPDATE import_job SET attempts = 1 WHERE id = :id"), {"id": job.id})


def finish(conn: Connection, job: ImportJob) -> None:
    conn.execute(text("DELETE FROM import_job WHERE id = :id"), {"id": job.id})


def list_open(conn: Connection, dossier_id: str | None = None) -> tuple[ImportJob, ...]:
    """Unfinished jobs in the order they were dropped."""
    if dossier_id is None:
        rows = conn.execute(text(_SELECT + "ORDER BY position"))
    else:
        rows = conn.execute(text(_SELECT + "WHERE dossier_id = :d ORDER BY position"), {"d": dossier_id})
    return tuple(ImportJob(row[0], row[1], row[2], row[3], row[4], row[5], row[6]) for row in rows)


def forget_documents(conn: Connection, document_ids: Sequence[str]) -> None:
    for document_id in document_ids:
        conn.execute(text("DELETE FROM import_job WHERE document_id = :d"), {"d": document_id})


def forget_dossier(conn: Connection, dossier_id: str) -> None:
    conn.execute(text("DELETE FROM import_job WHERE dossier_id = :d"), {"d": dossier_id})


def _next_position(conn: Connection) -> int:
    return int(conn.execute(text("SELECT coalesce(max(position), 0) + 1 FROM import_job")).scalar_one())


def _insert(conn: Connection, jobs: Sequence[ImportJob]) -> None:
    if jobs:
        conn.execute(
            text(
                "INSERT INTO import_job (id, position, dossier_id, document_id, source_path, name, attempts, "
                "created_utc) VALUES (:id, :position, :dossier, :document, :path, :name, :attempts, :now)"
            ),
            [
                {
                    "id": job.id,
                    "position": job.position,
                    "dossier": job.dossier_id,
                    "document": job.document_id,
                    "path": job.source_path,
                    "name": job.name,
                    "attempts": job.attempts,
                    "now": time.time(),
                }
                for job in jobs
            ],
        )
