"""Bookings of reading snapshots: which model read how much of which text, and which sealed file keeps it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from app.core.ids import new_id
from app.library import schema
from app.library.values import Coverage, Reading, Shred

_TABLE = schema.reading


def book_reading(
    connection: Connection,
    dossier_id: str,
    *,
    model_identity: str,
    model_id: str = "",
    position_tok: int,
    text_mac: bytes,
    sealed_file_id: str,
    size_bytes: int,
    covered: Sequence[Coverage],
) -> tuple[Reading, Shred]:
    """Book a snapshot in place of the ones this model had of this dossier; those must be destroyed next."""
    mine = (_TABLE.c.dossier_id == dossier_id) & (_TABLE.c.model_identity == model_identity)
    older = connection.scalars(select(_TABLE.c.sealed_file_id).where(mine)).all()
    connection.execute(delete(_TABLE).where(mine))
    reading_id = new_id()
    connection.execute(
        insert(_TABLE).values(
            id=reading_id,
            dossier_id=dossier_id,
            model_identity=model_identity,
            model_id=model_id,
            position_tok=position_tok,
            text_mac=text_mac,
            sealed_file_id=sealed_file_id,
            size_bytes=size_bytes,
            covered=json.dumps([[part.document_id, part.pages] for part in covered]),
            created_utc=time.time(),
        )
    )
    row = connection.execute(select(_TABLE).where(_TABLE.c.id == reading_id)).one()
    return _reading(row), Shred(sealed_file_ids=tuple(one for one in older if one != sealed_file_id))


def find_reading(connection: Connection, dossier_id: str, model_identity: str) -> Reading | None:
    """The snapshot of this model for this dossier, or None."""
    query = select(_TABLE).where(_TABLE.c.dossier_id == dossier_id, _TABLE.c.model_identity == model_identity)
    row = connection.execute(query).one_or_none()
    return None if row is None else _reading(row)


def list_readings(connection: Connection, dossier_id: str | None = None) -> tuple[Reading, ...]:
    """All bookings, or those of one dossier, oldest first."""
    query = select(_TABLE).order_by(_TABLE.c.created_utc)
    if dossier_id is not None:
        query = query.where(_TABLE.c.dossier_id == dossier_id)
    return tuple(_reading(row) for row in connection.execute(query))


def delete_reading(connection: Connection, reading_id: str) -> Shred:
    """Take a booking back; its sealed file must be destroyed next. Harmless when it is gone already."""
    sealed = connection.scalars(select(_TABLE.c.sealed_file_id).where(_TABLE.c.id == reading_id)).all()
    connection.execute(delete(_TABLE).where(_TABLE.c.id == reading_id))
    return Shred(sealed_file_ids=tuple(sealed))


def delete_readings_of_model(connection: Connection, model_id: str, identity: str) -> Shred:
    """Take back every booking of a model, in all dossiers."""
    shred = Shred()
    for reading in readings_of_model(connection, model_id, identity):
        shred += delete_reading(connection, reading.id)
    return shred


def readings_of_model(connection: Connection, model_id: str, identity: str) -> tuple[Reading, ...]:
    """The bookings that name a model, and older ones, which name none, of its identity."""
    return tuple(
        reading
        for reading in list_readings(connection)
        if reading.model_id == model_id
        or (not reading.model_id and identity and reading.model_identity == identity)
    )


def delete_readings_of_document(connection: Connection, dossier_id: str, document_id: str) -> Shred:
    """Take back every booking of the dossier that a document is part of."""
    shred = Shred()
    for reading in list_readings(connection, dossier_id):
        if any(part.document_id == document_id for part in reading.covered):
            shred += delete_reading(connection, reading.id)
    return shred


def _reading(row: Row[Any]) -> Reading:
    return Reading(
        id=row.id,
        dossier_id=row.dossier_id,
        model_identity=row.model_identity,
        position_tok=row.position_tok,
        text_mac=bytes(row.text_mac),
        sealed_file_id=row.sealed_file_id,
        size_bytes=row.size_bytes,
        covered=tuple(Coverage(str(part[0]), int(part[1])) for part in json.loads(row.covered)),
        created_utc=row.created_utc,
        model_id=row.model_id,
    )
