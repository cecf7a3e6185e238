"""Rows of the library as cards, and the short reads that give them. Any thread."""

from __future__ import annotations

from sqlalchemy import Connection

from app.ingest import NOTE_TEMPLATES, REFUSAL_TEMPLATES
from app.library import documents as document_rows
from app.library import dossiers as dossier_rows
from app.library import exceptions as exception_rows
from app.library.values import Document, Dossier, LibraryException, Params
from app.services.drops import FolderUnreadable, LinksLeftOut, TooManyFiles
from app.services.intake import FileGone, FileUnreadable, ImportCrashed, ImportStopped, NotAFile
from app.services.readings import card_of
from app.services.views import DocumentCard, DocumentStatus, DossierCard, ExceptionCard, Problem
from app.services.workspace import Workspace
from app.store import BlobMissing

_OWN = {
    failure.code: failure.template
    for failure in (
        FileGone(),
        FileUnreadable(),
        NotAFile(),
        ImportCrashed(),
        ImportStopped(),
        BlobMissing(""),
        TooManyFiles(),
        FolderUnreadable(),
        LinksLeftOut(),
    )
}
_TEMPLATES = {**NOTE_TEMPLATES, **REFUSAL_TEMPLATES, **_OWN}
_UNKNOWN = "The file could not be taken in ({code})."


def problem(code: str, params: Params, *, page: int | None = None) -> Problem:
    """A reason kept as a code, in words again. A note on one page uses the words for pages."""
    template = NOTE_TEMPLATES.get(code) if page is not None else None
    template = template or _TEMPLATES.get(code)
    if template is None:
        return Problem(code, _UNKNOWN, {"code": code})
    return Problem(code, template, dict(params))


def document_card(row: Document) -> DocumentCard:
    return DocumentCard(
        id=row.id,
        dossier_id=row.dossier_id,
        parent_id=row.parent_id,
        name=row.name,
        media_type=row.media_type,
        layout=row.layout,
        status=DocumentStatus(row.status.value),
        pages=row.page_count,
        pages_done=row.pages_done,
        size_bytes=row.size_bytes,
        added_at=row.added_utc,
        problem=problem(row.failure_code, row.failure_params) if row.failure_code else None,
    )


def exception_card(row: LibraryException) -> ExceptionCard:
    return ExceptionCard(
        id=row.id,
        dossier_id=row.dossier_id,
        document_id=row.document_id,
        page=row.page,
        name=row.name,
        problem=problem(row.code, row.params, page=row.page),
        can_retry=row.can_retry,
        happened_at=row.happened_utc,
    )


def list_dossiers(ws: Workspace) -> tuple[DossierCard, ...]:
    """Oldest first."""
    with ws.vault.read() as conn:
        return tuple(_dossier_card(ws, conn, row) for row in dossier_rows.list_dossiers(conn))


def get_dossier(ws: Workspace, dossier_id: str) -> DossierCard:
    """Raises DossierMissing."""
    with ws.vault.read() as conn:
        return _dossier_card(ws, conn, dossier_rows.get_dossier(conn, dossier_id))


def _dossier_card(ws: Workspace, conn: Connection, row: Dossier) -> DossierCard:
    reading = card_of(ws, conn, row.id, row.pages)
    return DossierCard(row.id, row.name, row.created_utc, row.documents, row.pages, row.exceptions, reading)


def find_dossier(ws: Workspace, name: str) -> DossierCard | None:
    """The dossier of that name (case aside), or None."""
    with ws.vault.read() as conn:
        row = dossier_rows.find_dossier(conn, name)
    return None if row is None else get_dossier(ws, row.id)


def list_documents(ws: Workspace, dossier_id: str) -> tuple[DocumentCard, ...]:
    """In order, attachments directly after their mail."""
    with ws.vault.read() as conn:
        return tuple(document_card(row) for row in document_rows.list_documents(conn, dossier_id))


def list_exceptions(ws: Workspace, dossier_id: str) -> tuple[ExceptionCard, ...]:
    """Oldest first."""
    with ws.vault.read() as conn:
        return tuple(exception_card(row) for row in exception_rows.list_exceptions(conn, dossier_id))
