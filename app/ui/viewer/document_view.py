"""One opened document: its pages, and beside them, on demand, what the model sees."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.bridge.session import Session
from app.chat.values import Box
from app.services.views import DocumentCard, PageImage, PageText
from app.ui.failures import sentence
from app.ui.highlight import Highlight, Mark
from app.ui.labels import label
from app.ui.look import Look
from app.ui.page_view import PageView
from app.ui.viewer.text_strip import TextStrip

STRIP_LEAST_PX = 210


class DocumentView(QWidget):
    """``moved`` says that another page came into view."""

    moved = Signal()

    def __init__(
        self, look: Look, session: Session, card: DocumentCard, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._session = session
        self.card = card
        self._shown_page = 0
        self._target: tuple[int, tuple[tuple[int, int], ...]] | None = None
        self.pages = PageView(look.palette)
        self.pages.setAccessibleName(self.tr("Pages of {name}").format(name=card.name))
        self.strip = TextStrip(look)
        self.strip.hide()
        self._says = label("", "error", wrap=True)
        self._says.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._says.setMargin(40)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.pages)
        split.addWidget(self.strip)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setChildrenCollapsible(False)
        self.strip.setMinimumWidth(STRIP_LEAST_PX)
        self._stack = QStackedWidget()
        self._stack.addWidget(split)
        self._stack.addWidget(self._says)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._stack)
        self.pages.page_wanted.connect(self._fetch)
        self.pages.page_changed.connect(self._page_changed)
        self.pages.zoom_changed.connect(lambda _: self.moved.emit())
        look.changed.connect(self._wear)
        self.setFocusProxy(self.pages)
        self.pages.set_pages(session.page_sizes(card.id))

    def show_boxes(
        self, page: int, boxes: Sequence[Box], spans: Sequence[tuple[int, int]], mark: Mark
    ) -> None:
        """Highlight ``boxes`` (points) on ``page`` and go there; ``spans`` are the same words in its text."""
        highlight = Highlight(page, tuple((box.x0, box.y0, box.x1, box.y1) for box in boxes), mark)
        self.pages.set_highlights([highlight])
        self.pages.reveal(highlight)
        self._target = (page, tuple(spans))
        self._fill_strip()

    def show_found(self, page: int, spans: Sequence[tuple[int, int]]) -> None:
        """Highlight the words of a search on ``page``; their boxes are looked up from the page's words."""
        self.pages.go_to(page)

        def place(text: PageText) -> None:
            boxes = [box for start, end, box in text.words if any(start < b and a < end for a, b in spans)]
            self.show_boxes(page, boxes, spans, Mark.FOUND)

        self._session.page_text(self.card.id, page).then(self, place)

    def set_strip(self, shown: bool) -> None:
        self.strip.setVisible(shown)
        self._fill_strip()

    def _wear(self) -> None:
        self.pages.set_palette(self._look.palette)

    def _fetch(self, page: int, width_px: int) -> None:
        task = self._session.render_page(self.card.id, page, width_px)
        task.succeeded.connect(self._draw)
        task.failed.connect(self._refuse)

    def _draw(self, picture: PageImage) -> None:
        image = QImage(
            picture.rgb,
            picture.width_px,
            picture.height_px,
            picture.width_px * 3,
            QImage.Format.Format_RGB888,
        )
        # A copy: the picture's bytes belong to Python and may go first.
        self.pages.set_image(picture.page, image.copy())

    def _refuse(self, failure: Exception) -> None:
        self._says.setText(sentence(failure))
        self._stack.setCurrentWidget(self._says)

    def _page_changed(self, _: int) -> None:
        self._fill_strip()
        self.moved.emit()

    def _fill_strip(self) -> None:
        page = self.pages.page
        if not self.strip.isVisibleTo(self) or not page:
            return

        def fill(text: PageText) -> None:
            if text.page == self.pages.page:
                spans = self._target[1] if self._target is not None and self._target[0] == text.page else ()
                self.strip.show_text(text.page, text.text, spans)

        self._session.page_text(self.card.id, page).then(self, fill)
