"""Writes the search index, page by page, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.retrieval import passages, vectors, words

_PAGE_HEAD_WORDS = 14  # a letter's date and sender stand at the top of its page, far from what it says


@dataclass(frozen=True, slots=True)
class IndexedPage:
    """What the index needs to know of a page. ``title`` is the document's name as a person knows it."""

    dossier_id: str
    document_id: str
    title: str
    page: int
    text: str


def _scope(dossier_id: str, document_id: str) -> str:
    return f"d{dossier_id} f{document_id}"


def scope_query(dossier_id: str, documents: Sequence[str] | None) -> str:
    """The part of a full-text query that keeps it inside one dossier, or inside some of its documents.

    Ids are checked to be letters and digits alone: they stand inside the query language's quotes.
    """
    if not all(part.isalnum() for part in (dossier_id, *(documents or ()))):
        raise ValueError("an id holds letters and digits alone")
    scope = f'scope : "d{dossier_id}"'
    if documents is None:
        return scope
    joined = " OR ".join(f'"f{document}"' for document in documents)
    return f"{scope} AND scope : ({joined})"


def _next_id(conn: Connection, table: str) -> int:
    return int(conn.execute(text(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")).scalar_one())  # noqa: S608


def _page_head(page_text: str) -> str:
    tokens = words.split(page_text)
    return page_text[: tokens[min(_PAGE_HEAD_WORDS, len(tokens)) - 1].end] if tokens else ""


def _title_words(title: str) -> str:
    return title.rpartition(".")[0] or title


def put_page(conn: Connection, page: IndexedPage) -> int:
    """Index a page, replacing what was indexed of it before. Returns how many passages it has."""
    forget_page(conn, page.document_id, page.page)
    scope = _scope(page.dossier_id, page.document_id)
    page_id = _next_id(conn, "search_page")
    conn.execute(
        text(
            "INSERT INTO search_page (id, dossier_id, document_id, page) "
            "VALUES (:id, :dossier, :document, :page)"
        ),
        {"id": page_id, "dossier": page.dossier_id, "document": page.document_id, "page": page.page},
    )
    conn.execute(
        text("INSERT INTO search_page_words (rowid, words, scope) VALUES (:id, :words, :scope)"),
        {"id": page_id, "words": words.indexed(page.text), "scope": scope},
    )
    cut = passages.cut(page.text)
    if not cut:
        return 0
    head = _page_head(page.text)
    first_id = _next_id(conn, "search_passage")
    rows = []
    for at, passage in enumerate(cut):
        body = page.text[passage.start : passage.end]
        parts = [_title_words(page.title)]
        if passage.heading and passage.heading not in " ".join(body.split()):
            parts.append(passage.heading)
        if at > 0:
            parts.append(" ".join(head.split()))
        context = " \u2022 ".join(parts)
        rows.append(
            {
                "id": first_id + at,
                "dossier": page.dossier_id,
                "document": page.document_id,
                "page": page.page,
                "start": passage.start,
                "end": passage.end,
                "context": context,
                "body": body,
                "stems": words.indexed_stems(body),
                "context_stems": words.indexed_stems(context),
                "scope": scope,
            }
        )
    conn.execute(
        text(
            "INSERT INTO search_passage (id, dossier_id, document_id, page, start, end, context, body) "
            "VALUES (:id, :dossier, :document, :page, :start, :end, :context, :body)"
        ),
        rows,
    )
    conn.execute(
        text(
            "INSERT INTO search_passage_stems (rowid, stems, context, scope) "
            "VALUES (:id, :stems, :context_stems, :scope)"
        ),
        rows,
    )
    directions = vectors.of_texts([page.text[p.start : p.end] for p in cut])
    conn.execute(
        text(
            "INSERT INTO search_page_vectors (page_id, first_passage, vectors) VALUES (:id, :first, :vectors)"
        ),
        {"id": page_id, "first": first_id, "vectors": vectors.pack(directions)},
    )
    return len(cut)


def forget_page(conn: Connection, document_id: str, page: int) -> None:
    _forget(conn, "document_id = :document AND page = :page", {"document": document_id, "page": page})


def forget_documents(conn: Connection, document_ids: Iterable[str]) -> None:
    for document_id in document_ids:
        _forget(conn, "document_id = :document", {"document": document_id})


def forget_dossier(conn: Connection, dossier_id: str) -> None:
    _forget(conn, "dossier_id = :dossier", {"dossier": dossier_id})


def _forget(conn: Connection, where: str, params: dict[str, str | int]) -> None:
    pages = f"SELECT id FROM search_page WHERE {where}"  # noqa: S608
    conn.execute(text(f"DELETE FROM search_page_vectors WHERE page_id IN ({pages})"), params)  # noqa: S608
    for fts, table in (("search_page_words", "search_page"), ("search_passage_stems", "search_passage")):
        conn.execute(text(f"DELETE FROM {fts} WHERE rowid IN (SELECT id FROM {table} WHERE {where})"), params)  # noqa: S608
        conn.execute(text(f"DELETE FROM {table} WHERE {where}"), params)  # noqa: S608


def indexed_pages(conn: Connection, document_id: str) -> frozenset[int]:
    """Numbers of the pages of a document that are in the index."""
    rows = conn.execute(text("SELECT page FROM search_page WHERE document_id = :d"), {"d": document_id})
    return frozenset(int(row[0]) for row in rows)


def count_pages(conn: Connection) -> dict[str, int]:
    """How many pages of each document are in the index."""
    rows = conn.execute(text("SELECT document_id, count(*) FROM search_page GROUP BY document_id"))
    return {str(row[0]): int(row[1]) for row in rows}


def rebuild(conn: Connection, pages: Iterable[IndexedPage], *, dossier_id: str | None = None) -> int:
    """Throw the index away (of one dossier, or all of it) and write it again from ``pages``; returns their
    number.
    """
    if dossier_id is None:
        conn.execute(text("INSERT INTO search_page_words (search_page_words) VALUES ('delete-all')"))
        conn.execute(text("INSERT INTO search_passage_stems (search_passage_stems) VALUES ('delete-all')"))
        conn.execute(text("DELETE FROM search_page_vectors"))
        conn.execute(text("DELETE FROM search_page"))
        conn.execute(text("DELETE FROM search_passage"))
    else:
        forget_dossier(conn, dossier_id)
    count = 0
    for page in pages:
        put_page(conn, page)
        count += 1
    return count
