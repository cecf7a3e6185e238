"""Pages as a person sees them (pixels with boxes) and as the model sees them (text)."""

from __future__ import annotations

from collections.abc import Sequence

from app.chat.values import Box
from app.library import documents as document_rows
from app.library import pages as page_rows
from app.services.lanes import Lane
from app.services.operation import Operation
from app.services.views import PageImage, PageText
from app.services.workspace import Workspace


def page_sizes(ws: Workspace, document_id: str) -> tuple[tuple[float, float], ...]:
    """Width and height of every page in points, in order; empty for a document that is not there. A short
    read.
    """
    with ws.vault.read() as conn:
        sizes = page_rows.list_page_sizes(conn, document_id)
    return tuple((size.width_pt, size.height_pt) for size in sorted(sizes, key=lambda size: size.number))


def page_text(ws: Workspace, document_id: str, page: int) -> Operation[PageText]:
    """The text of a page and where its words stand. Raises PageMissing."""

    def work(_: Operation[PageText]) -> PageText:
        with ws.vault.read() as conn:
            document = document_rows.get_document(conn, document_id)
            found = page_rows.get_page(conn, document_id, page)
        words = tuple((w.start, w.end, Box(w.x0, w.y0, w.x1, w.y1)) for w in found.words)
        return PageText(
            document_id, page, document.page_count, found.width_pt, found.height_pt, found.text, words
        )

    return ws.lanes.run(Lane.QUICK, "page-text", work)


def render_page(
    ws: Workspace, document_id: str, page: int, *, width_px: int, boxes: Sequence[Box] = ()
) -> Operation[PageImage]:
    """Draw a page. ``boxes`` come in points and go out in pixels of the picture. Raises PageMissing,
    IngestRefused.
    """
    wanted = tuple(boxes)

    def work(op: Operation[PageImage]) -> PageImage:
        with ws.vault.read() as conn:
            document = document_rows.get_document(conn, document_id)
            size = page_rows.get_page(conn, document_id, page)
        picture = ws.views.get(ws.vault, ws.helper, document).render(
            page, width_px=width_px, cancel=op.cancel_event
        )
        x, y = picture.width_px / size.width_pt, picture.height_px / size.height_pt
        return PageImage(
            document_id,
            page,
            document.page_count,
            picture.width_px,
            picture.height_px,
            picture.rgb,
            size.width_pt,
            size.height_pt,
            tuple(Box(b.x0 * x, b.y0 * y, b.x1 * x, b.y1 * y) for b in wanted),
        )

    return ws.lanes.run(Lane.QUICK, "render-page", work)
