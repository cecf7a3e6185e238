"""Documents held open for drawing, so that turning a page does not parse the file again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from app.ingest import PageView, ParserHelper
from app.library.values import Document
from app.store import Vault

OPEN_VIEWS = 2  # the document in front and the one before it


class OpenViews:
    """A few caged children, each with one document. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._views: OrderedDict[str, PageView] = OrderedDict()
        self._closed = False

    def get(self, vault: Vault, helper: ParserHelper, document: Document) -> PageView:
        with self._lock:
            view = self._views.get(document.id)
            if view is not None:
                self._views.move_to_end(document.id)
                return view
        fresh = helper.open_view(vault.blobs.get(document.blob_id), document.media_type)
        with self._lock:
            view = self._views.setdefault(document.id, fresh)
            gone = [self._views.popitem(last=False)[1] for _ in range(len(self._views) - OPEN_VIEWS)]
            if self._closed:
                gone += self._views.values()
                self._views.clear()
        for other in (*gone, *(() if view is fresh else (fresh,))):
            other.close()
        return view

    def forget(self, document_ids: Iterable[str]) -> None:
        with self._lock:
            gone = [self._views.pop(i) for i in document_ids if i in self._views]
        for view in gone:
            view.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            gone = list(self._views.values())
            self._views.clear()
        for view in gone:
            view.close()
