"""One file on its way in: read, recognised, sealed, parsed, stored and indexed, in steps that each survive
a kill.

Order of durability: the job row, then the sealed bytes, then one transaction with the document's row, then
pages in small transactions that carry their own index rows and progress. A kill between two steps leaves at
worst a sealed blob that nothing names, which the next opening collects.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from app.core.errors import EnvironmentFailure, HuisClosError, Param, UserError
from app.ingest import IngestCancelled, IngestRefused, Note, ParsedDocument, ParsedPage, clean_file_name
from app.library import documents as document_rows
from app.library import dossiers as dossier_rows
from app.library import exceptions as exception_rows
from app.library import pages as page_rows
from app.library.failures import DocumentMissing, DossierMissing
from app.library.values import Document, DocumentStatus, LibraryException, Page
from app.retrieval import index
from app.retrieval.index import IndexedPage
from app.services import import_jobs
from app.services.events import ImportMoved
from app.services.import_jobs import ImportJob
from app.services.operation import PROGRESS_INTERVAL_S, Operation, OperationCancelled, Progress
from app.services.shredding import destroy, forget_document
from app.services.views import Changes, ImportReport
from app.services.workspace import Workspace
from app.store import BlobMissing

MAX_ATTEMPTS = 3
MAX_NOTED_PAGES = 20  # of one document in the exception list; the rest is told in one line
FLUSH_PAGES = 8
FLUSH_S = 0.5
MAC_LABEL = "document-content"
BLOB_KIND = "document"


class FileGone(UserError):
    def __init__(self) -> None:
        super().__init__("file-gone", "The file is not there any more: it was moved, renamed or deleted.")


class FileUnreadable(EnvironmentFailure):
    def __init__(self) -> None:
        super().__init__(
            "file-unreadable", "The file could not be read. Check its rights and that its disk is there."
        )


class NotAFile(UserError):
    def __init__(self) -> None:
        super().__init__("not-a-file", "This is neither a file nor a folder that can be taken in.")


class ImportCrashed(EnvironmentFailure):
    def __init__(self) -> None:
        super().__init__(
            "import-crashed", "Taking this file in ended the program several times, so it was set aside."
        )


class ImportStopped(UserError):
    def __init__(self) -> None:
        super().__init__("import-stopped", "Taking this file in was stopped. Try it again whenever you like.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job. ``document`` is set when it is ready now."""

    document: Document | None = None
    duplicate_of: str = ""
    exceptions: tuple[LibraryException, ...] = ()
    attachments: tuple[ImportJob, ...] = ()
    pages: int = 0


class Intake:
    """Takes jobs one by one for one operation; lives on the import lane."""

    def __init__(self, ws: Workspace, op: Operation[ImportReport], again: Iterable[str] = ()) -> None:
        """``again``: documents that were in the vault before and are only tried again."""
        self._ws = ws
        self._again = set(again)
        self._op = op
        self._told_s = 0.0
        self._dossier_id = ""
        self._files = (0, 0)
        self._attempts = 1

    def take(self, job: ImportJob, files_done: int, files_total: int) -> Outcome:
        """Take a file in, or put the reason why not on the exception list. Raises OperationCancelled, and
        what ends the whole import: a full disk, a damaged vault, a defect of ours."""
        self._dossier_id, self._files = job.dossier_id, (files_done, files_total)
        self._tell(job.name, 0, 0)
        try:
            return self._take(job)
        except (DocumentMissing, DossierMissing):  # removed by the person while it was being taken in
            with self._ws.vault.write() as conn:
                import_jobs.finish(conn, job)
            return Outcome()

    def _take(self, job: ImportJob) -> Outcome:
        try:
            document = self._accept(job)
        except (DocumentMissing, DossierMissing):
            raise
        except (UserError, FileUnreadable) as reason:
            return self._set_aside(job, None, reason)
        if isinstance(document, str):
            return Outcome(duplicate_of=document)
        if document is None:
            return Outcome()
        try:
            return self._parse(job, document)
        except (IngestRefused, ImportCrashed, BlobMissing) as reason:
            return self._set_aside(job, document, reason)
        except IngestCancelled:
            raise OperationCancelled("import") from None

    def drop(self, jobs: Sequence[ImportJob]) -> None:
        """Forget jobs that the person cancelled, with what was half taken in of them. A document that was in
        the vault before, and was only tried again, stays there and on the exception list.
        """
        shreds = []
        tried_again = []
        with self._ws.vault.write() as conn:
            still_open = {job.id: job for job in import_jobs.list_open(conn)}
            for job in jobs:
                row = still_open.get(job.id)
                if row is None:
                    continue
                import_jobs.finish(conn, row)
                if row.document_id is None:
                    continue
                try:
                    document = document_rows.get_document(conn, row.document_id)
                except DocumentMissing:
                    continue
                if document.status not in (DocumentStatus.QUEUED, DocumentStatus.PARSING):
                    continue
                if document.id in self._again:
                    tried_again.append((row, document))
                else:
                    shreds.append(forget_document(conn, document.id))
        for shred in shreds:
            destroy(self._ws, shred)
        for row, document in tried_again:
            self._set_aside(row, document, ImportStopped())
        for dossier_id in {job.dossier_id for job in jobs}:
            self._ws.changed(Changes.CHATS | Changes.READING, dossier_id, self._op)

    # -- the file becomes a document ------------------------------------------------------------------------

    def _accept(self, job: ImportJob) -> Document | str | None:
        """The document to parse; a name when it is a duplicate of that document; None when it is gone."""
        if job.document_id is not None:
            return self._resume(job)
        path = import_jobs.dropped_path(job.source_path)
        data = self._read(path)
        mac = self._ws.vault.mac(MAC_LABEL, data)
        name = clean_file_name(job.name)
        with self._ws.vault.read() as conn:
            dossier_rows.get_dossier(conn, job.dossier_id)
            known = document_rows.find_duplicate(conn, job.dossier_id, mac)
        if known is not None and known.status is DocumentStatus.READY:
            with self._ws.vault.write() as conn:
                import_jobs.finish(conn, job)
            return known.name
        if known is not None:
            # Refused before: dropping it again means trying it again. Half taken in: files come one by one,
            # so nobody is at it now, and this goes on where a full disk or the like stopped it.
            with self._ws.vault.write() as conn:
                if known.status in (DocumentStatus.REFUSED, DocumentStatus.FAILED):
                    document_rows.reset_document(conn, known.id)
                    index.forget_documents(conn, [known.id])
                    self._again.add(known.id)
                self._attempts = import_jobs.begin(conn, job, known.id)
                return document_rows.start_parsing(conn, known.id)
        self._ws.vault.require_free_space(len(data))
        blob_id = self._ws.vault.blobs.put(data, BLOB_KIND)
        with self._ws.vault.write() as conn:
            dossier_rows.get_dossier(conn, job.dossier_id)  # it may have gone while the bytes were sealed
            document = document_rows.add_document(
                conn,
                job.dossier_id,
                name=name,
                blob_id=blob_id,
                size_bytes=len(data),
                content_mac=mac,
                source_path=job.source_path,
            )
            self._attempts = import_jobs.begin(conn, job, document.id)
            document = document_rows.start_parsing(conn, document.id)
        self._ws.changed(Changes.DOCUMENTS, job.dossier_id)
        return document

    def _resume(self, job: ImportJob) -> Document | None:
        with self._ws.vault.write() as conn:
            document = document_rows.get_document(conn, job.document_id or "")
            if document.status is DocumentStatus.READY:  # dropped as a file of its own in the meantime
                import_jobs.finish(conn, job)
                return None
            self._attempts = import_jobs.begin(conn, job, document.id)
            return document_rows.start_parsing(conn, document.id)

    def _read(self, path: Path) -> bytes:
        limit_bytes = self._ws.helper.limits.file_bytes
        try:
            if path.is_dir() or (path.exists() and not path.is_file()):
                raise NotAFile
            size_bytes = path.stat().st_size
            if size_bytes == 0:
                raise IngestRefused("empty-file")
            if size_bytes > limit_bytes:
                mib = 1 << 20
                raise IngestRefused(
                    "file-too-large", size_mb=-(-size_bytes // mib), limit_mb=limit_bytes // mib
                )
            self._ws.vault.require_free_space(size_bytes)
            with path.open("rb") as file:
                return file.read(limit_bytes + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise FileGone from None
        except (OSError, ValueError):
            raise FileUnreadable from None

    # -- the document becomes pages -------------------------------------------------------------------------

    def _parse(self, job: ImportJob, document: Document) -> Outcome:
        if self._attempts > MAX_ATTEMPTS:
            raise ImportCrashed
        data = self._ws.vault.blobs.get(document.blob_id)
        writer = _PageWriter(self._ws, job, document)

        def on_page(page: ParsedPage) -> None:
            self._op.check()
            writer.add(page)

        def on_progress(done: int, total: int) -> None:
            writer.total = total
            self._tell(document.name, done, total)

        parsed = self._ws.helper.parse(
            data,
            document.name,
            first_page=document.pages_done + 1,
            depth=document.depth,
            on_page=on_page,
            on_progress=on_progress,
            cancel=self._op.cancel_event,
        )
        writer.flush()
        return self._complete(job, document, parsed, writer)

    def _complete(
        self, job: ImportJob, document: Document, parsed: ParsedDocument, writer: _PageWriter
    ) -> Outcome:
        children = []
        for child in parsed.children:
            self._op.check()
            self._ws.vault.require_free_space(len(child.data))
            children.append((child, self._ws.vault.mac(MAC_LABEL, child.data)))
        sealed = {
            mac: self._ws.vault.blobs.put(child.data, BLOB_KIND) for child, mac in children if child.data
        }
        recorded, attachments = [], []
        with self._ws.vault.write() as conn:
            document_rows.set_shape(
                conn,
                document.id,
                media_type=parsed.media_type,
                layout=parsed.layout,
                title=parsed.title,
                page_count=parsed.page_count,
            )
            recorded += [self._note(conn, document, note) for note in parsed.notes]
            for child, mac in children:
                name = clean_file_name(child.name)
                if not child.data:
                    reason = IngestRefused("empty-file")
                    recorded.append(
                        exception_rows.record_exception(
                            conn, document.dossier_id, name=name, code=reason.code, can_retry=False
                        )
                    )
                elif document_rows.find_duplicate(conn, document.dossier_id, mac) is None:
                    row = document_rows.add_document(
                        conn,
                        document.dossier_id,
                        name=name,
                        blob_id=sealed.pop(mac),
                        size_bytes=len(child.data),
                        content_mac=mac,
                        parent_id=document.id,
                    )
                    attachments.append(import_jobs.add_document(conn, document.dossier_id, row.id, name))
            with_text = page_rows.count_pages_with_text(conn, [document.id])
            if with_text:
                recorded += self._note_pages(conn, document)
                document = document_rows.finish_document(conn, document.id)
                import_jobs.finish(conn, job)
        for unused in sealed.values():
            self._ws.vault.blobs.delete(unused)
        self._ws.changed(Changes.DOCUMENTS | Changes.DOSSIERS, document.dossier_id)
        if not with_text:
            outcome = self._set_aside(job, document, IngestRefused("no-text"))
            return Outcome(None, "", (*recorded, *outcome.exceptions), tuple(attachments), writer.pages)
        return Outcome(document, "", tuple(recorded), tuple(attachments), writer.pages)

    def _note_pages(self, conn: Connection, document: Document) -> list[LibraryException]:
        """Put the pages that were not taken in whole on the list, whichever attempt stored them."""
        noted = [page for page in page_rows.list_page_sizes(conn, document.id) if page.note]
        told = noted[:MAX_NOTED_PAGES]
        rows = [self._note(conn, document, Note(page.note, page.number)) for page in told]
        if len(noted) > len(told):
            rows.append(self._note(conn, document, Note("more-pages"), count=len(noted) - len(told)))
        return rows

    @staticmethod
    def _note(conn: Connection, document: Document, note: Note, **params: Param) -> LibraryException:
        return exception_rows.record_exception(
            conn,
            document.dossier_id,
            name=document.name,
            code=note.code,
            params={**params, **({"page": note.page} if note.page else {})},
            document_id=document.id,
            page=note.page or None,
            source_path=document.source_path,
            can_retry=False,
        )

    def _set_aside(self, job: ImportJob, document: Document | None, reason: HuisClosError) -> Outcome:
        can_retry = reason.can_retry if isinstance(reason, IngestRefused) else True
        with self._ws.vault.write() as conn:
            dossier_rows.get_dossier(conn, job.dossier_id)
            if document is not None:
                failed = DocumentStatus.FAILED if can_retry else DocumentStatus.REFUSED
                document_rows.refuse_document(conn, document.id, reason.code, reason.params, status=failed)
            entry = exception_rows.record_exception(
                conn,
                job.dossier_id,
                name=clean_file_name(job.name),
                code=reason.code,
                params=reason.params,
                document_id=None if document is None else document.id,
                source_path=job.source_path,
                # Bytes that were refused stay refused, but the file on disk may have been mended meanwhile.
                can_retry=can_retry or document is None,
            )
            import_jobs.finish(conn, job)
        self._ws.changed(Changes.DOCUMENTS | Changes.DOSSIERS, job.dossier_id)
        return Outcome(exceptions=(entry,))

    def _tell(self, name: str, page: int, pages: int) -> None:
        done, total = self._files
        progress = Progress(done, total, "file", name, min(1.0, page / pages) if pages else 0.0)
        self._op.report(progress)
        now_s = time.monotonic()
        if now_s - self._told_s >= PROGRESS_INTERVAL_S:
            self._told_s = now_s
            self._ws.events.publish(ImportMoved(self._dossier_id, name, done, total, page, pages, progress))


class _PageWriter:
    """Stores pages a few at a time, each batch with its index rows and its progress in one transaction."""

    def __init__(self, ws: Workspace, job: ImportJob, document: Document) -> None:
        self._ws = ws
        self._job = job
        self._document = document
        self._waiting: list[ParsedPage] = []
        self._flushed_s = time.monotonic()
        self.total = document.page_count
        self.pages = 0

    def add(self, page: ParsedPage) -> None:
        self._waiting.append(page)
        if len(self._waiting) >= FLUSH_PAGES or time.monotonic() - self._flushed_s > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        document = self._document
        with self._ws.vault.write() as conn:
            last = self._waiting[-1].number
            # First, since this is what says that the document is gone.
            document_rows.note_progress(conn, document.id, pages_done=last, page_count=max(self.total, last))
            for page in self._waiting:
                page_rows.put_page(
                    conn,
                    document.id,
                    Page(page.number, page.width_pt, page.height_pt, page.text, page.words, page.note),
                )
                index.put_page(
                    conn, IndexedPage(document.dossier_id, document.id, document.name, page.number, page.text)
                )
            import_jobs.note_progress(conn, self._job)
        self.pages += len(self._waiting)
        self._waiting.clear()
        self._flushed_s = time.monotonic()
