"""Pages: text and word boxes, written in order while a document is parsed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert

from app.library import schema
from app.library.failures import PageMissing
from app.library.values import DocumentStatus, Page, PageSize
from app.library.words import pack_words, unpack_words

_TABLE = schema.page
_CHUNK_PAGES = 50


def put_page(connection: Connection, document_id: str, page: Page) -> None:
    """Store a page; one already there under its number is replaced."""
    values = {
        "width_pt": page.width_pt,
        "height_pt": page.height_pt,
        "text": page.text,
        "words": pack_words(page.words),
        "note": page.note,
    }
    statement = insert(_TABLE).values(document_id=document_id, number=page.number, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["document_id", "number"], set_=values))


def get_page(connection: Connection, document_id: str, number: int) -> Page:
    """One page, 1-based. PageMissing; words.WordsDamaged."""
    query = select(_TABLE).where(_TABLE.c.document_id == document_id, _TABLE.c.number == number)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise PageMissing(number)
    return Page(row.number, row.width_pt, row.height_pt, row.text, unpack_words(row.words), row.note)


def count_characters(connection: Connection, dossier_id: str) -> int:
    """How much text the pages of a dossier's ready documents hold."""
    mine = (schema.document.c.dossier_id == dossier_id) & (schema.document.c.status == DocumentStatus.READY)
    query = (
        select(func.coalesce(func.sum(func.length(_TABLE.c.text)), 0))
        .join_from(_TABLE, schema.document, schema.document.c.id == _TABLE.c.document_id)
        .where(mine)
    )
    return int(connection.scalar(query) or 0)


def get_page_text(connection: Connection, document_id: str, number: int) -> str:
    """The text of one page. PageMissing."""
    query = select(_TABLE.c.text).where(_TABLE.c.document_id == document_id, _TABLE.c.number == number)
    text: str | None = connection.scalar(query)
    if text is None:
        raise PageMissing(number)
    return text


def iterate_texts(
    connection: Connection, document_id: str, *, first: int = 1, last: int | None = None
) -> Iterator[tuple[int, str]]:
    """Numbers and texts of pages in order, a few pages in memory at a time."""
    while True:
        query = (
            select(_TABLE.c.number, _TABLE.c.text)
            .where(_TABLE.c.document_id == document_id, _TABLE.c.number >= first)
            .order_by(_TABLE.c.number)
            .limit(_CHUNK_PAGES)
        )
        if last is not None:
            query = query.where(_TABLE.c.number <= last)
        rows = connection.execute(query).all()
        for row in rows:
            yield row.number, row.text
        if len(rows) < _CHUNK_PAGES:
            return
        first = rows[-1].number + 1


def list_page_sizes(connection: Connection, document_id: str) -> tuple[PageSize, ...]:
    """Sides and notes of all pages, without their text."""
    columns = (_TABLE.c.number, _TABLE.c.width_pt, _TABLE.c.height_pt, _TABLE.c.note)
    query = select(*columns).where(_TABLE.c.document_id == document_id).order_by(_TABLE.c.number)
    return tuple(PageSize(*row) for row in connection.execute(query))


def count_pages_with_text(connection: Connection, document_ids: Sequence[str]) -> int:
    """How many stored pages of these documents have any text."""
    query = (
        select(func.count())
        .select_from(_TABLE)
        .where(_TABLE.c.document_id.in_(document_ids), _TABLE.c.text != "")
    )
    return int(connection.scalar(query) or 0)
