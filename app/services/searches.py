"""The search box, and building the index again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from app.library import documents as document_rows
from app.library import dossiers as dossier_rows
from app.library import pages as page_rows
from app.retrieval import index, lookup
from app.retrieval.index import IndexedPage
from app.services.lanes import Lane
from app.services.operation import Operation, Progress
from app.services.views import Hit, SearchResult
from app.services.workspace import Workspace

T = TypeVar("T")


def search(
    ws: Workspace, dossier_id: str, words: str, *, limit: int = 50, documents: Sequence[str] | None = None
) -> Operation[SearchResult]:
    """Pages that hold the words, best first. Needs no model."""
    scope = None if documents is None else list(documents)

    def work(_: Operation[SearchResult]) -> SearchResult:
        began_s = time.monotonic()
        with ws.vault.read() as conn:
            names = {d.id: d.name for d in document_rows.list_documents(conn, dossier_id)}
            found = lookup.find(
                conn,
                dossier_id,
                words,
                lambda document_id, page: page_rows.get_page_text(conn, document_id, page),
                documents=scope,
                limit=limit,
            )
        hits = tuple(
            Hit(h.document_id, names[h.document_id], h.page, h.snippet, h.marks, h.spans, h.score)
            for h in found.hits
            if h.document_id in names
        )
        return SearchResult(words, hits, found.total_pages, found.all_words, time.monotonic() - began_s)

    return ws.lanes.run(Lane.QUICK, "search", work)


def rebuild_index(ws: Workspace, dossier_id: str | None = None) -> Operation[int]:
    """Throw the index away and build it again from the pages, in one transaction. Returns the pages
    indexed.
    """

    def work(op: Operation[int]) -> int:
        with ws.vault.write() as conn:
            return index.rebuild(conn, _all_pages(conn, dossier_id, op), dossier_id=dossier_id)

    return ws.lanes.run(Lane.IMPORT, "rebuild-index", work)


def index_missing(ws: Workspace, op: Operation[T]) -> None:
    """Index pages that are stored but not in the index, as in a vault from before there was one."""
    with ws.vault.read() as conn:
        have = index.count_pages(conn)
        lacking = [
            document
            for dossier in dossier_rows.list_dossiers(conn)
            for document in document_rows.list_documents(conn, dossier.id)
            if document.pages_done > have.get(document.id, 0)
        ]
    for document in lacking:
        op.check()
        with ws.vault.write() as conn:
            known = index.indexed_pages(conn, document.id)
            for page, text in page_rows.iterate_texts(conn, document.id):
                if page not in known:
                    index.put_page(
                        conn, IndexedPage(document.dossier_id, document.id, document.name, page, text)
                    )


def _all_pages(conn: Connection, dossier_id: str | None, op: Operation[int]) -> Iterator[IndexedPage]:
    dossiers = [d.id for d in dossier_rows.list_dossiers(conn)] if dossier_id is None else [dossier_id]
    documents = [d for one in dossiers for d in document_rows.list_documents(conn, one)]
    total, done = sum(d.pages_done for d in documents), 0
    for document in documents:
        for page, text in page_rows.iterate_texts(conn, document.id):
            yield IndexedPage(document.dossier_id, document.id, document.name, page, text)
            done += 1
            op.report(Progress(done, total, "page", document.name))
