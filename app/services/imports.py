"""Taking files in: verbs over the durable queue. One file after the other, page by page, nothing lost at
any point.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from app.core.errors import HuisClosError, UserError
from app.ingest import clean_file_name
from app.library import documents as document_rows
from app.library import dossiers as dossier_rows
from app.library import exceptions as exception_rows
from app.library.values import DocumentStatus
from app.retrieval import index
from app.services import import_jobs, readings
from app.services.drops import list_files
from app.services.import_jobs import ImportJob
from app.services.intake import Intake
from app.services.lanes import Lane
from app.services.operation import Operation, OperationCancelled
from app.services.searches import index_missing
from app.services.shredding import destroy, forget_document
from app.services.snapshots import document_card, exception_card
from app.services.views import Changes, DocumentCard, ExceptionCard, ImportReport
from app.services.workspace import Workspace


class ExceptionGone(UserError):
    def __init__(self) -> None:
        super().__init__("exception-gone", "This entry is not in the list any more.")


class NothingToRetry(UserError):
    def __init__(self) -> None:
        super().__init__("nothing-to-retry", "The file is not known any more. Drop it again.")


class TakenIn(UserError):
    def __init__(self) -> None:
        super().__init__("taken-in", "This document was taken in; trying it again would change nothing.")


def import_paths(ws: Workspace, dossier_id: str, paths: Sequence[Path | str]) -> Operation[ImportReport]:
    """Take files and folders into a dossier. What cannot be taken in lands in the exception list.

    From the moment the verb is accepted the list of files is durable: a crash or a shutdown only pauses it.
    Cancelling keeps the files that are done and drops the rest. Raises DossierMissing.
    """
    dropped = [Path(path) for path in paths]

    def work(op: Operation[ImportReport]) -> ImportReport:
        ws.hold(dossier_id, op)
        drop = list_files(dropped, op.check)
        with ws.vault.write() as conn:
            dossier_rows.get_dossier(conn, dossier_id)
            jobs = import_jobs.add_paths(conn, dossier_id, drop.files)
            left_out = [_tell(conn, dossier_id, path, failure) for path, failure in drop.left_out]
        return _run(ws, op, jobs, left_out)

    return ws.lanes.run(Lane.IMPORT, "import", work)


def resume_imports(ws: Workspace) -> Operation[ImportReport]:
    """Go on with every import that a crash or a shutdown interrupted, and index what an older version
    left.
    """

    def work(op: Operation[ImportReport]) -> ImportReport:
        index_missing(ws, op)
        with ws.vault.read() as conn:
            jobs = import_jobs.list_open(conn)
        # Not held for its dossiers: deleting one would cancel the work of all, and drop their files.
        return _run(ws, op, jobs)

    return ws.lanes.run(Lane.IMPORT, "resume-imports", work)


def retry(ws: Workspace, exception_id: str) -> Operation[ImportReport]:
    """Try a file of the exception list again: from the vault when its bytes are there, else from where it was
    dropped. Cancelling keeps its entry. Raises ExceptionGone, NothingToRetry, TakenIn."""

    def work(op: Operation[ImportReport]) -> ImportReport:
        with ws.vault.write() as conn:
            entry = exception_rows.get_exception(conn, exception_id)
            if entry is None:
                raise ExceptionGone
            if entry.document_id is not None:
                if document_rows.get_document(conn, entry.document_id).status is DocumentStatus.READY:
                    raise TakenIn
                document_rows.reset_document(conn, entry.document_id)
                index.forget_documents(conn, [entry.document_id])
                jobs: tuple[ImportJob, ...] = (
                    import_jobs.add_document(conn, entry.dossier_id, entry.document_id, entry.name),
                )
            elif entry.source_path:
                exception_rows.dismiss_exception(conn, exception_id)
                jobs = import_jobs.add_paths(
                    conn, entry.dossier_id, [import_jobs.dropped_path(entry.source_path)]
                )
            else:
                raise NothingToRetry
        ws.hold(entry.dossier_id, op)
        ws.changed(Changes.DOCUMENTS, entry.dossier_id, op)
        return _run(ws, op, jobs, again=[job.document_id for job in jobs if job.document_id is not None])

    return ws.lanes.run(Lane.IMPORT, "retry", work)


def dismiss(ws: Workspace, exception_id: str) -> Operation[None]:
    """Take an entry off the exception list. A file that was refused whole leaves the library with it."""

    def work(op: Operation[None]) -> None:
        with ws.vault.write() as conn:
            entry = exception_rows.get_exception(conn, exception_id)
            if entry is None:
                return
            exception_rows.dismiss_exception(conn, exception_id)
            shred = None
            if entry.document_id is not None and entry.page is None:
                document = document_rows.get_document(conn, entry.document_id)
                unusable = document.status in (
                    DocumentStatus.REFUSED,
                    DocumentStatus.FAILED,
                )
                if unusable and document.page_count == 0:
                    shred = forget_document(conn, document.id)
        if shred is not None:
            destroy(ws, shred)
        ws.changed(Changes.DOCUMENTS | Changes.DOSSIERS, entry.dossier_id, op)

    return ws.lanes.run(Lane.QUICK, "dismiss", work)


def _tell(conn: Connection, dossier_id: str, path: Path, failure: HuisClosError) -> ExceptionCard:
    """Put a folder of which something was left out into the exception list."""
    entry = exception_rows.record_exception(
        conn,
        dossier_id,
        name=clean_file_name(path.name or str(path)),
        code=failure.code,
        params=failure.params,
        source_path=import_jobs.path_text(path),
        can_retry=False,
    )
    return exception_card(entry)


def _run(
    ws: Workspace,
    op: Operation[ImportReport],
    jobs: Sequence[ImportJob],
    left_out: Sequence[ExceptionCard] = (),
    *,
    again: Sequence[str] = (),
) -> ImportReport:
    began_s = time.monotonic()
    added: list[DocumentCard] = []
    duplicates: list[tuple[str, str]] = []
    exceptions = list(left_out)
    pages, cancelled = 0, False
    queue = list(jobs)
    taking = Intake(ws, op, again)
    try:
        for done, job in enumerate(queue):  # grows while mails bring attachments
            op.check()
            outcome = taking.take(job, done, len(queue))
            queue.extend(outcome.attachments)
            pages += outcome.pages
            if outcome.document is not None:
                added.append(document_card(outcome.document))
            if outcome.duplicate_of:
                duplicates.append((job.name, outcome.duplicate_of))
            exceptions += [exception_card(entry) for entry in outcome.exceptions]
    except OperationCancelled:
        cancelled = True
        # At a shutdown the rows stay, and the next opening goes on; a person's cancel drops what is left.
        if ws.closing:
            raise
        taking.drop(queue)
    for dossier_id in {job.dossier_id for job in jobs} | {card.dossier_id for card in left_out}:
        ws.changed(Changes.DOCUMENTS | Changes.DOSSIERS | Changes.READING, dossier_id, op)
        if ws.auto_read and added and not cancelled:
            readings.read_dossier(ws, dossier_id)
    return ImportReport(
        tuple(added), tuple(duplicates), tuple(exceptions), pages, time.monotonic() - began_s, cancelled
    )
