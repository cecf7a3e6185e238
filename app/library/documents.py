"""Documents: from dropped to ready, refused or failed, page by page, so that an import can go on where it
stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from app.core.ids import new_id
from app.library import schema
from app.library.failures import DocumentMissing
from app.library.readings import delete_readings_of_document
from app.library.values import Document, DocumentStatus, Params, Shred

_TABLE = schema.document


def add_document(
    connection: Connection,
    dossier_id: str,
    *,
    name: str,
    blob_id: str,
    size_bytes: int,
    content_mac: bytes,
    parent_id: str | None = None,
    source_path: str = "",
) -> Document:
    """Queue a file whose bytes are sealed already, as the last of its dossier (an attachment: after its
    mail).

    sqlalchemy.exc.IntegrityError when the dossier or the parent does not exist.
    """
    last = connection.scalar(select(func.max(_TABLE.c.position)).where(_TABLE.c.dossier_id == dossier_id))
    depth = 0
    if parent_id is not None:
        depth = get_document(connection, parent_id).depth + 1
    document_id = new_id()
    connection.execute(
        insert(_TABLE).values(
            id=document_id,
            dossier_id=dossier_id,
            parent_id=parent_id,
            name=name,
            media_type="",
            layout="",
            title="",
            size_bytes=size_bytes,
            blob_id=blob_id,
            content_mac=content_mac,
            status=DocumentStatus.QUEUED.value,
            failure_code="",
            failure_params="{}",
            page_count=0,
            pages_done=0,
            position=0 if last is None else last + 1,
            depth=depth,
            source_path=source_path,
            added_utc=time.time(),
        )
    )
    return get_document(connection, document_id)


def get_document(connection: Connection, document_id: str) -> Document:
    """One document. DocumentMissing."""
    row = connection.execute(select(_TABLE).where(_TABLE.c.id == document_id)).one_or_none()
    if row is None:
        raise DocumentMissing
    return _document(row)


def list_documents(
    connection: Connection, dossier_id: str, *, status: DocumentStatus | None = None
) -> tuple[Document, ...]:
    """The documents of a dossier in order, attachments directly after their mail."""
    query = select(_TABLE).where(_TABLE.c.dossier_id == dossier_id).order_by(_TABLE.c.position, _TABLE.c.id)
    rows = [_document(row) for row in connection.execute(query)]
    children: dict[str | None, list[Document]] = {}
    known = {row.id for row in rows}
    for row in rows:
        children.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)
    ordered: list[Document] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        row = waiting.pop()
        ordered.append(row)
        waiting += reversed(children.get(row.id, []))
    return tuple(row for row in ordered if status is None or row.status is status)


def list_children(connection: Connection, document_id: str) -> tuple[Document, ...]:
    """The attachments of a mail, one level down."""
    query = select(_TABLE).where(_TABLE.c.parent_id == document_id).order_by(_TABLE.c.position)
    return tuple(_document(row) for row in connection.execute(query))


def find_duplicate(connection: Connection, dossier_id: str, content_mac: bytes) -> Document | None:
    """The first document of the dossier with the same bytes, or None."""
    query = (
        select(_TABLE)
        .where(_TABLE.c.dossier_id == dossier_id, _TABLE.c.content_mac == content_mac)
        .order_by(_TABLE.c.position)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _document(row)


def start_parsing(connection: Connection, document_id: str) -> Document:
    """Mark as being parsed; pages done so far stay. DocumentMissing."""
    return _set(
        connection, document_id, status=DocumentStatus.PARSING.value, failure_code="", failure_params="{}"
    )


def set_shape(
    connection: Connection, document_id: str, *, media_type: str, layout: str, title: str, page_count: int
) -> Document:
    """Note what the file turned out to be. DocumentMissing."""
    return _set(
        connection, document_id, media_type=media_type, layout=layout, title=title, page_count=page_count
    )


def note_progress(connection: Connection, document_id: str, *, pages_done: int, page_count: int) -> None:
    """Note how far parsing came, in the transaction that stores the pages. DocumentMissing."""
    _set(connection, document_id, pages_done=pages_done, page_count=page_count)


def finish_document(connection: Connection, document_id: str) -> Document:
    """Mark as ready: every page is stored. DocumentMissing."""
    return _set(
        connection, document_id, status=DocumentStatus.READY.value, failure_code="", failure_params="{}"
    )


def refuse_document(
    connection: Connection,
    document_id: str,
    code: str,
    params: Params | None = None,
    *,
    status: DocumentStatus = DocumentStatus.REFUSED,
) -> Document:
    """Note why a file was not taken in; pages stored so far stay viewable. DocumentMissing."""
    encoded = encode_params(params or {})
    return _set(connection, document_id, status=status.value, failure_code=code, failure_params=encoded)


def reset_document(connection: Connection, document_id: str) -> Document:
    """Queue a document again from its first page; its pages and exceptions go. DocumentMissing."""
    connection.execute(delete(schema.page).where(schema.page.c.document_id == document_id))
    connection.execute(delete(schema.exception).where(schema.exception.c.document_id == document_id))
    return _set(
        connection,
        document_id,
        status=DocumentStatus.QUEUED.value,
        failure_code="",
        failure_params="{}",
        page_count=0,
        pages_done=0,
    )


def delete_document(connection: Connection, document_id: str) -> Shred:
    """Remove a document with its pages and attachments, and every reading it was part of. DocumentMissing.

    What is returned must be destroyed next. A blob that another document still uses is not among it.
    """
    doomed = [get_document(connection, document_id)]
    for row in doomed:  # grows while attachments are met
        doomed += list_children(connection, row.id)
    ids = [row.id for row in doomed]
    shred = Shred()
    for row_id in ids:
        shred += delete_readings_of_document(connection, doomed[0].dossier_id, row_id)
    connection.execute(delete(_TABLE).where(_TABLE.c.id == document_id))
    return shred + Shred(
        blob_ids=_unused_blobs(connection, [row.blob_id for row in doomed]), document_ids=tuple(ids)
    )


def encode_params(params: Params) -> str:
    """Params of a message as stable JSON."""
    return json.dumps(dict(params), ensure_ascii=False, sort_keys=True)


def decode_params(encoded: str) -> Mapping[str, str | int | float]:
    """What ``encode_params`` encoded; anything that is no plain value is left out."""
    try:
        found = json.loads(encoded)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): value for key, value in found.items() if isinstance(value, str | int | float)}


def _unused_blobs(connection: Connection, blob_ids: Sequence[str]) -> tuple[str, ...]:
    used = set(connection.scalars(select(_TABLE.c.blob_id).where(_TABLE.c.blob_id.in_(blob_ids))))
    return tuple(dict.fromkeys(blob_id for blob_id in blob_ids if blob_id and blob_id not in used))


def _set(connection: Connection, document_id: str, **values: str | int) -> Document:
    outcome = connection.execute(update(_TABLE).where(_TABLE.c.id == document_id).values(**values))
    if outcome.rowcount != 1:
        raise DocumentMissing
    return get_document(connection, document_id)


def _document(row: Row[tuple[object, ...]]) -> Document:
    found = row._mapping
    return Document(
        id=found["id"],
        dossier_id=found["dossier_id"],
        parent_id=found["parent_id"],
        name=found["name"],
        media_type=found["media_type"],
        layout=found["layout"],
        title=found["title"],
        size_bytes=found["size_bytes"],
        blob_id=found["blob_id"],
        content_mac=bytes(found["content_mac"]),
        status=DocumentStatus(found["status"]),
        failure_code=found["failure_code"],
        failure_params=decode_params(found["failure_params"]),
        page_count=found["page_count"],
        pages_done=found["pages_done"],
        position=found["position"],
        depth=found["depth"],
        source_path=found["source_path"],
        added_utc=found["added_utc"],
    )
