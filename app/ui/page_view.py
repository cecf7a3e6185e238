"""The pages of one document, one under the other, with highlights; it asks for pixels and never waits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QEasingCurve, QEvent, QPointF, QRectF, QSize, Qt, QTimer, QVariantAnimation, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from app.ui.highlight import Highlight, paint_highlight
from app.ui.theme import Palette

GAP_PX = 14
MARGIN_PX = 20
POINT_PX = 96 / 72  # pixels per point at 100 %
ZOOM_STEPS = (0.25, 0.33, 0.5, 0.67, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
KEPT_BYTES = 192 << 20  # of page pictures; those in view stay whatever they take
LEAST_FIT = 0.01  # a plan of several metres still fits the width
FLASH_MS = 900


class PageView(QAbstractScrollArea):
    """Shows pages by number from 1. Sizes are points; images come later through ``set_image``.

    ``page_wanted(page, width_px)`` asks for pixels, that many device pixels wide; ``page_changed(page)``
    names the page in view.
    """

    page_wanted = Signal(int, int)
    page_changed = Signal(int)
    zoom_changed = Signal(float)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._sizes: list[tuple[float, float]] = []
        self._tops: list[float] = []
        self._images: OrderedDict[int, QImage] = OrderedDict()
        self._asked: dict[int, int] = {}
        self._highlights: list[Highlight] = []
        self._zoom = 1.0
        self._fits_width = True
        self._page = 0
        self._flash = QVariantAnimation(self)
        self._flash.setStartValue(1.0)
        self._flash.setEndValue(0.0)
        self._flash.setDuration(FLASH_MS)
        self._flash.setEasingCurve(QEasingCurve.Type.InOutQuad)
        self._flash.valueChanged.connect(lambda _: self.viewport().update())
        self._ask_later = QTimer(self)
        self._ask_later.setSingleShot(True)
        self._ask_later.setInterval(30)
        self._ask_later.timeout.connect(self._ask)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.horizontalScrollBar().valueChanged.connect(lambda _: self.viewport().update())

    # -- what is shown --------------------------------------------------------------------------------------

    def set_pages(self, sizes_pt: Sequence[tuple[float, float]]) -> None:
        """Show a document of these page sizes from its first page."""
        self._sizes = [(max(w, 1.0), max(h, 1.0)) for w, h in sizes_pt]
        self._images.clear()
        self._asked.clear()
        self._highlights = []
        self._page = 0
        self._flash.stop()
        self._lay_out()
        self.verticalScrollBar().setValue(0)
        self._scrolled()

    def set_image(self, page: int, image: QImage) -> None:
        """Pixels of ``page``; an answer to a ``page_wanted`` that came too late is welcome too."""
        if not 1 <= page <= len(self._sizes):
            return
        self._images[page] = image
        self._images.move_to_end(page)
        shown = self._visible()
        held = sum(kept.sizeInBytes() for kept in self._images.values())
        for number in [number for number in self._images if number not in shown]:
            if held <= KEPT_BYTES:
                break
            held -= self._images.pop(number).sizeInBytes()
            self._asked.pop(number, None)
        self.viewport().update()

    def set_highlights(self, highlights: Iterable[Highlight]) -> None:
        self._highlights = list(highlights)
        self.viewport().update()

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        self.viewport().update()

    @property
    def page(self) -> int:
        """The page in view, 0 without a document."""
        return self._page

    @property
    def pages(self) -> int:
        return len(self._sizes)

    @property
    def zoom(self) -> float:
        return self._zoom

    # -- moving ---------------------------------------------------------------------------------------------

    def go_to(self, page: int) -> None:
        """Bring the top of ``page`` into view."""
        if 1 <= page <= len(self._sizes):
            self.verticalScrollBar().setValue(int(self._tops[page - 1] - GAP_PX / 2))

    def reveal(self, highlight: Highlight) -> None:
        """Scroll the first box of ``highlight`` to a comfortable height and let it flash once."""
        if not 1 <= highlight.page <= len(self._sizes):
            return
        if not highlight.boxes:
            self.go_to(highlight.page)
            return
        scale = self._scale()
        x0, y0, x1, _ = highlight.boxes[0]
        top = self._tops[highlight.page - 1] + y0 * scale
        self.verticalScrollBar().setValue(int(top - self.viewport().height() * 0.35))
        left = self._left(highlight.page) + self.horizontalScrollBar().value()
        if (x1 - x0) * scale < self.viewport().width():
            bar = self.horizontalScrollBar()
            if (
                not bar.value()
                <= left + x0 * scale
                <= bar.value() + self.viewport().width() - (x1 - x0) * scale
            ):
                bar.setValue(int(left + x0 * scale - MARGIN_PX))
        self._flash.stop()
        self._flash.start()

    def zoom_in(self) -> None:
        self._set_zoom(next((z for z in ZOOM_STEPS if z > self._zoom + 1e-3), ZOOM_STEPS[-1]))

    def zoom_out(self) -> None:
        self._set_zoom(next((z for z in reversed(ZOOM_STEPS) if z < self._zoom - 1e-3), ZOOM_STEPS[0]))

    def fit_width(self) -> None:
        self._fits_width = True
        self._keep_place(self._lay_out)

    def _set_zoom(self, zoom: float) -> None:
        self._fits_width = False
        self._zoom = min(max(zoom, ZOOM_STEPS[0]), ZOOM_STEPS[-1])
        self._keep_place(self._lay_out)
        self.zoom_changed.emit(self._zoom)

    # -- geometry -------------------------------------------------------------------------------------------

    def _scale(self) -> float:
        return POINT_PX * self._zoom

    def _left(self, page: int) -> float:
        width = self._sizes[page - 1][0] * self._scale()
        room = max(self.viewport().width(), self.horizontalScrollBar().maximum() + self.viewport().width())
        return max(MARGIN_PX, (room - width) / 2) - self.horizontalScrollBar().value()

    def _lay_out(self) -> None:
        if self._fits_width and self._sizes:
            widest = max(width for width, _ in self._sizes)
            room = self.viewport().width() - 2 * MARGIN_PX
            zoom = min(max(room / (widest * POINT_PX), LEAST_FIT), 2.0)
            if abs(zoom - self._zoom) > 1e-4:
                self._zoom = zoom
                self.zoom_changed.emit(zoom)
        scale = self._scale()
        self._tops = []
        top = float(MARGIN_PX)
        for _, height in self._sizes:
            self._tops.append(top)
            top += height * scale + GAP_PX
        widest = max((width for width, _ in self._sizes), default=0.0) * scale + 2 * MARGIN_PX
        view = self.viewport().size()
        self.verticalScrollBar().setRange(0, max(0, int(top + MARGIN_PX - GAP_PX) - view.height()))
        self.verticalScrollBar().setPageStep(view.height())
        self.verticalScrollBar().setSingleStep(48)
        self.horizontalScrollBar().setRange(0, max(0, int(widest) - view.width()))
        self.horizontalScrollBar().setPageStep(view.width())
        self._ask_later.start()
        self.viewport().update()

    def _keep_place(self, change: Callable[[], None]) -> None:
        """Run ``change`` (a new layout) and keep the point at the top of the view where it is on its page."""
        page = max(self._page, 1)
        offset = 0.0
        if self._tops:
            offset = (self.verticalScrollBar().value() - self._tops[page - 1]) / self._scale()
        change()
        if self._tops:
            self.verticalScrollBar().setValue(int(self._tops[page - 1] + offset * self._scale()))
        self._scrolled()

    def _visible(self) -> range:
        """Page numbers that show, plus one on either side."""
        if not self._tops:
            return range(0)
        top = self.verticalScrollBar().value()
        bottom = top + self.viewport().height()
        scale = self._scale()
        shown = [
            number
            for number, (start, (_, height)) in enumerate(zip(self._tops, self._sizes, strict=True), start=1)
            if start + height * scale >= top and start <= bottom
        ]
        if not shown:
            return range(0)
        return range(max(1, shown[0] - 1), min(len(self._sizes), shown[-1] + 1) + 1)

    def _scrolled(self) -> None:
        middle = self.verticalScrollBar().value() + self.viewport().height() * 0.4
        page = sum(1 for top in self._tops if top <= middle) if self._tops else 0
        page = max(page, 1) if self._tops else 0
        if page != self._page:
            self._page = page
            self.page_changed.emit(page)
        self._ask_later.start()
        self.viewport().update()

    def _ask(self) -> None:
        ratio = self.devicePixelRatioF()
        for page in self._visible():
            width_px = round(self._sizes[page - 1][0] * self._scale() * ratio)
            if self._asked.get(page) != width_px:
                self._asked[page] = width_px
                self.page_wanted.emit(page, width_px)

    # -- events ---------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(560, 720)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep_place(self._lay_out)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._asked.clear()
            self._ask_later.start()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if event.angleDelta().y() > 0:
                self.zoom_in()
            elif event.angleDelta().y() < 0:
                self.zoom_out()
            event.accept()
            return
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        match event.key():
            case Qt.Key.Key_PageDown | Qt.Key.Key_Space:
                bar.setValue(bar.value() + int(bar.pageStep() * 0.9))
            case Qt.Key.Key_PageUp:
                bar.setValue(bar.value() - int(bar.pageStep() * 0.9))
            case Qt.Key.Key_Home:
                bar.setValue(0)
            case Qt.Key.Key_End:
                bar.setValue(bar.maximum())
            case Qt.Key.Key_Down:
                bar.setValue(bar.value() + bar.singleStep())
            case Qt.Key.Key_Up:
                bar.setValue(bar.value() - bar.singleStep())
            case _:
                super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.viewport().rect(), QColor(self._palette.desk))
        for page in self._visible():
            self._paint_page(painter, page)
        painter.end()

    def _flash_strength(self) -> float:
        running = self._flash.state() == QVariantAnimation.State.Running
        return float(self._flash.currentValue()) if running else 0.0

    def _paint_page(self, painter: QPainter, page: int) -> None:
        scale = self._scale()
        width, height = self._sizes[page - 1]
        corner = QPointF(self._left(page), self._tops[page - 1] - self.verticalScrollBar().value())
        sheet = QRectF(corner.x(), corner.y(), width * scale, height * scale)
        shadow = QColor(0, 0, 0, 60 if self._palette.is_dark else 22)
        painter.fillRect(sheet.adjusted(-1, 0, 1, 2), shadow)
        painter.fillRect(sheet, Qt.GlobalColor.white)
        image = self._images.get(page)
        if image is not None:
            painter.drawImage(sheet, image)
        for highlight in self._highlights:
            if highlight.page == page:
                paint_highlight(painter, highlight, corner, scale, self._palette, self._flash_strength())
