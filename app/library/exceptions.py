"""The exception list: files and pages that were not taken in whole, each with its reason, until dismissed."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from app.core.ids import new_id
from app.library import schema
from app.library.documents import decode_params, encode_params
from app.library.values import LibraryException, Params

_TABLE = schema.exception


def record_exception(
    connection: Connection,
    dossier_id: str,
    *,
    name: str,
    code: str,
    params: Params | None = None,
    document_id: str | None = None,
    page: int | None = None,
    source_path: str = "",
    can_retry: bool = True,
) -> LibraryException:
    """Add a row.

    The same reason for the same document and page, or the same path, is kept once, the latest.
    """
    same = (_TABLE.c.dossier_id == dossier_id) & (_TABLE.c.code == code)
    if document_id is not None:
        page_matches = _TABLE.c.page.is_(None) if page is None else _TABLE.c.page == page
        connection.execute(delete(_TABLE).where(same, _TABLE.c.document_id == document_id, page_matches))
    elif source_path:
        connection.execute(
            delete(_TABLE).where(same, _TABLE.c.document_id.is_(None), _TABLE.c.source_path == source_path)
        )
    exception_id = new_id()
    connection.execute(
        insert(_TABLE).values(
            id=exception_id,
            dossier_id=dossier_id,
            document_id=document_id,
            page=page,
            name=name,
            code=code,
            params=encode_params(params or {}),
            source_path=source_path,
            can_retry=int(can_retry),
            happened_utc=time.time(),
        )
    )
    found = get_exception(connection, exception_id)
    if found is None:
        raise LookupError("the row just written is not there")
    return found


def get_exception(connection: Connection, exception_id: str) -> LibraryException | None:
    """One row, or None when it is not there any more."""
    row = connection.execute(select(_TABLE).where(_TABLE.c.id == exception_id)).one_or_none()
    return None if row is None else _exception(row)


def list_exceptions(connection: Connection, dossier_id: str) -> tuple[LibraryException, ...]:
    """All rows of a dossier, oldest first, pages of one document together."""
    order = (_TABLE.c.happened_utc, _TABLE.c.page, _TABLE.c.id)
    query = select(_TABLE).where(_TABLE.c.dossier_id == dossier_id).order_by(*order)
    return tuple(_exception(row) for row in connection.execute(query))


def dismiss_exception(connection: Connection, exception_id: str) -> None:
    """Take a row off the list; the document it speaks of stays. Harmless when it is gone already."""
    connection.execute(delete(_TABLE).where(_TABLE.c.id == exception_id))


def _exception(row: Row[Any]) -> LibraryException:
    return LibraryException(
        id=row.id,
        dossier_id=row.dossier_id,
        document_id=row.document_id,
        page=row.page,
        name=row.name,
        code=row.code,
        params=decode_params(row.params),
        source_path=row.source_path,
        can_retry=bool(row.can_retry),
        happened_utc=row.happened_utc,
    )
