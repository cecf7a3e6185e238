"""Takes documents out of every room, and destroys what a transaction took the last reference from.

``destroy`` is called after the commit: a kill between the two leaves orphans, which the next opening of the
vault collects.
"""

from __future__ import annotations

from sqlalchemy import Connection

from app.chat import history
from app.library import documents as document_rows
from app.library.values import Shred
from app.retrieval import index
from app.services import import_jobs
from app.services.workspace import Workspace


def forget_document(conn: Connection, document_id: str) -> Shred:
    """Remove a document and its attachments with all that was derived from them: index, answers that cite
    them, readings, jobs. What is returned must be destroyed next. DocumentMissing.
    """
    shred = document_rows.delete_document(conn, document_id)
    index.forget_documents(conn, shred.document_ids)
    history.forget_documents(conn, shred.document_ids)
    import_jobs.forget_documents(conn, shred.document_ids)
    return shred


def destroy(ws: Workspace, shred: Shred) -> None:
    ws.views.forget(shred.document_ids)
    for blob_id in shred.blob_ids:
        ws.vault.blobs.delete(blob_id)
    for file_id in shred.sealed_file_ids:
        ws.vault.sealed_files.delete(file_id)
