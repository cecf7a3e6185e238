"""A workspace to measure in, with the model that is to be measured."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from app import services
from app.core.paths import Paths
from app.library.documents import add_document, finish_document
from app.library.pages import put_page
from app.library.values import Page
from app.retrieval.index import IndexedPage
from app.retrieval.index import put_page as index_page
from app.store import KdfParameters
from app.store.kdf import DEFAULT as DEFAULT_KDF

PASSPHRASE = "four quiet rooms behind doors"


@contextmanager
def opened(
    home: Path, model: Path | None = None, kdf: KdfParameters = DEFAULT_KDF
) -> Iterator[services.Workspace]:
    """A new workspace under ``home`` whose only model is the shipped one, or the one at ``model``."""
    paths = Paths.find(home)
    paths.create()
    with tempfile.TemporaryDirectory(prefix="huisclos-model-") as shelf:
        shipped = None
        if model is not None:
            shipped = Path(shelf)
            (shipped / model.name).symlink_to(model.resolve())
        companions = services.Companions.start(paths, shipped_models=shipped)
        with services.Workspace.create(
            paths.default_vault,
            PASSPHRASE,
            companions=companions,
            kdf=kdf,
            auto_read=False,
            testing=kdf != DEFAULT_KDF,
        ) as workspace:
            yield workspace


def put_document(connection: Connection, dossier_id: str, name: str, pages: Sequence[str]) -> None:
    """A read and indexed document of bare pages, which no file stands behind."""
    document = add_document(
        connection,
        dossier_id,
        name=name,
        size_bytes=1,
        blob_id="",
        content_mac=hashlib.sha256(name.encode()).digest(),
    )
    for number, text in enumerate(pages, 1):
        put_page(connection, document.id, Page(number, 595.0, 842.0, text, ()))
        index_page(connection, IndexedPage(dossier_id, document.id, document.name, number, text))
    finish_document(connection, document.id)
