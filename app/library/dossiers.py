"""Dossiers: create, list, rename, delete."""

from __future__ import annotations

import time
import unicodedata

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from app.core.ids import new_id
from app.library import schema
from app.library.failures import DossierMissing, NameEmpty, NameTaken
from app.library.values import DocumentStatus, Dossier, Shred

_NAME_CHARACTERS_MAX = 200


def create_dossier(connection: Connection, name: str) -> Dossier:
    """Make an empty dossier. NameEmpty, NameTaken."""
    clean = _free_name(connection, name, None)
    dossier_id = new_id()
    values = {"id": dossier_id, "name": clean, "created_utc": time.time()}
    connection.execute(insert(schema.dossier).values(values))
    return get_dossier(connection, dossier_id)


def get_dossier(connection: Connection, dossier_id: str) -> Dossier:
    """One dossier with its counts. DossierMissing."""
    row = connection.execute(_dossiers().where(schema.dossier.c.id == dossier_id)).one_or_none()
    if row is None:
        raise DossierMissing
    return _dossier(row)


def find_dossier(connection: Connection, name: str) -> Dossier | None:
    """The dossier of that name, or None."""
    wanted = _clean(name).casefold()
    return next((one for one in list_dossiers(connection) if one.name.casefold() == wanted), None)


def list_dossiers(connection: Connection) -> tuple[Dossier, ...]:
    """All of them, oldest first."""
    order = (schema.dossier.c.created_utc, schema.dossier.c.id)
    return tuple(_dossier(row) for row in connection.execute(_dossiers().order_by(*order)))


def rename_dossier(connection: Connection, dossier_id: str, name: str) -> Dossier:
    """Give it another name. DossierMissing, NameEmpty, NameTaken."""
    get_dossier(connection, dossier_id)
    clean = _free_name(connection, name, dossier_id)
    connection.execute(update(schema.dossier).where(schema.dossier.c.id == dossier_id).values(name=clean))
    return get_dossier(connection, dossier_id)


def choose_model(connection: Connection, dossier_id: str, model_id: str) -> Dossier:
    """Give it a model of its own, or with an empty id the common one again. DossierMissing."""
    get_dossier(connection, dossier_id)
    values = {"model_id": model_id}
    connection.execute(update(schema.dossier).where(schema.dossier.c.id == dossier_id).values(values))
    return get_dossier(connection, dossier_id)


def forget_model(connection: Connection, model_id: str) -> int:
    """Give the common model to every dossier that had this one; returns how many there were."""
    chosen = schema.dossier.c.model_id == model_id
    return connection.execute(update(schema.dossier).where(chosen).values(model_id="")).rowcount


def delete_dossier(connection: Connection, dossier_id: str) -> Shred:
    """Remove a dossier with all that hangs on it; what is returned must be destroyed next. DossierMissing."""
    get_dossier(connection, dossier_id)
    documents = connection.execute(
        select(schema.document.c.id, schema.document.c.blob_id).where(
            schema.document.c.dossier_id == dossier_id
        )
    ).all()
    sealed = connection.scalars(
        select(schema.reading.c.sealed_file_id).where(schema.reading.c.dossier_id == dossier_id)
    ).all()
    connection.execute(delete(schema.dossier).where(schema.dossier.c.id == dossier_id))
    blob_ids = dict.fromkeys(row.blob_id for row in documents if row.blob_id)
    return Shred(tuple(blob_ids), tuple(sealed), tuple(row.id for row in documents))


def _dossiers() -> Select[tuple[str, str, float, str, int, int, int]]:
    documents, exceptions = schema.document, schema.exception
    mine = (documents.c.dossier_id == schema.dossier.c.id) & (documents.c.status == DocumentStatus.READY)
    return select(
        schema.dossier.c.id,
        schema.dossier.c.name,
        schema.dossier.c.created_utc,
        schema.dossier.c.model_id,
        select(func.count()).select_from(documents).where(mine).scalar_subquery().label("documents"),
        select(func.coalesce(func.sum(documents.c.page_count), 0))
        .where(mine)
        .scalar_subquery()
        .label("pages"),
        select(func.count())
        .select_from(exceptions)
        .where(exceptions.c.dossier_id == schema.dossier.c.id)
        .scalar_subquery()
        .label("exceptions"),
    )


def _dossier(row: Row[tuple[str, str, float, str, int, int, int]]) -> Dossier:
    return Dossier(row.id, row.name, row.created_utc, row.documents, row.pages, row.exceptions, row.model_id)


def _free_name(connection: Connection, name: str, own_id: str | None) -> str:
    clean = _clean(name)
    if not clean:
        raise NameEmpty
    other = find_dossier(connection, clean)
    if other is not None and other.id != own_id:
        raise NameTaken(clean)
    return clean


def _clean(name: str) -> str:
    kept = (" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in name[:4096])
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))[:_NAME_CHARACTERS_MAX]
