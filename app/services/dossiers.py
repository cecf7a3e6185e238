"""Dossiers and documents: create, rename, delete, remove. What is removed is destroyed everywhere it was
derived to.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import suppress

from app.chat import history
from app.library import documents as document_rows
from app.library import dossiers as dossier_rows
from app.retrieval import index
from app.services import import_jobs
from app.services.lanes import Lane
from app.services.operation import Operation
from app.services.readings import forget_session
from app.services.shredding import destroy, forget_document
from app.services.snapshots import get_dossier
from app.services.views import Changes, DossierCard
from app.services.workspace import Workspace

_STOP_WAIT_S = 30.0


def create_dossier(ws: Workspace, name: str) -> Operation[DossierCard]:
    """Make an empty dossier. Raises NameEmpty, NameTaken."""

    def work(op: Operation[DossierCard]) -> DossierCard:
        with ws.vault.write() as conn:
            row = dossier_rows.create_dossier(conn, name)
        ws.changed(Changes.DOSSIERS, row.id, op)
        return get_dossier(ws, row.id)

    return ws.lanes.run(Lane.QUICK, "create-dossier", work)


def rename_dossier(ws: Workspace, dossier_id: str, name: str) -> Operation[DossierCard]:
    """Raises DossierMissing, NameEmpty, NameTaken."""

    def work(op: Operation[DossierCard]) -> DossierCard:
        with ws.vault.write() as conn:
            dossier_rows.rename_dossier(conn, dossier_id, name)
        ws.changed(Changes.DOSSIERS, dossier_id, op)
        return get_dossier(ws, dossier_id)

    return ws.lanes.run(Lane.QUICK, "rename-dossier", work)


def delete_dossier(ws: Workspace, dossier_id: str) -> Operation[None]:
    """Delete a dossier with its documents, chats, index and readings. Its imports and readings are stopped
    first.

    Raises DossierMissing.
    """

    def work(op: Operation[None]) -> None:
        _stop_work(ws, dossier_id)
        with ws.vault.write() as conn:
            shred = dossier_rows.delete_dossier(conn, dossier_id)
            index.forget_dossier(conn, dossier_id)
            history.forget_dossier(conn, dossier_id)
            import_jobs.forget_dossier(conn, dossier_id)
        forget_session(ws, dossier_id)
        destroy(ws, shred)
        ws.changed(Changes.DOSSIERS | Changes.DOCUMENTS | Changes.CHATS | Changes.READING, dossier_id, op)

    return ws.lanes.run(Lane.QUICK, "delete-dossier", work)


def remove_document(ws: Workspace, document_id: str) -> Operation[None]:
    """Remove a document with its attachments, the answers that cite it, and every reading it was part of.

    Raises DocumentMissing.
    """

    def work(op: Operation[None]) -> None:
        with ws.vault.read() as conn:
            dossier_id = document_rows.get_document(conn, document_id).dossier_id
        # A reading going on would book a snapshot with the document in it after it is gone.
        _stop_work(ws, dossier_id, "read-dossier")
        with ws.vault.write() as conn:
            shred = forget_document(conn, document_id)
        forget_session(ws, dossier_id)
        destroy(ws, shred)
        ws.changed(Changes.DOSSIERS | Changes.DOCUMENTS | Changes.CHATS | Changes.READING, dossier_id, op)

    return ws.lanes.run(Lane.QUICK, "remove-document", work)


def _stop_work(ws: Workspace, dossier_id: str, verb: str | None = None) -> None:
    busy = [op for op in ws.busy_with(dossier_id) if verb is None or op.verb == verb]
    for op in busy:
        op.cancel()
    for op in busy:
        with suppress(Exception, CancelledError):
            op.result(_STOP_WAIT_S)
