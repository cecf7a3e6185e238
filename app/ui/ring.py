"""A ring that fills: how far a reading is."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.services.views import ReadingCard, ReadingState
from app.ui.look import Look
from app.ui.theme import Palette


def share_read(card: ReadingCard) -> float:
    """0 to 1; a reading that is ready is whole whatever was counted."""
    if card.state is ReadingState.READY:
        return 1.0
    return min(card.pages_read / card.pages_total, 1.0) if card.pages_total else 0.0


def paint_ring(
    painter: QPainter, place: QRectF, share: float, palette: Palette, *, colour: str, width: float = 2.5
) -> None:
    """A circle in the line colour, and over it the part ``share`` from the top, clockwise."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    inner = place.adjusted(width / 2, width / 2, -width / 2, -width / 2)
    painter.setPen(QPen(QColor(palette.line), width))
    painter.drawEllipse(inner)
    if share > 0:
        painter.setPen(QPen(QColor(colour), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawArc(inner, 90 * 16, -round(360 * 16 * share))
    painter.restore()


def ring_colour(card: ReadingCard, palette: Palette) -> str:
    """Searchable, being read, read: three colours, and the words beside the ring say the same."""
    match card.state:
        case ReadingState.READY:
            return palette.checked
        case ReadingState.READING | ReadingState.PAUSED | ReadingState.WAITING:
            return palette.reading
        case ReadingState.FAILED:
            return palette.danger
        case _:
            return palette.faint


class Ring(QWidget):
    """The ring of one reading."""

    def __init__(self, look: Look, size_px: int = 26, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._size_px = size_px
        self._card = ReadingCard(ReadingState.OFF)
        self.setFixedSize(size_px, size_px)
        look.changed.connect(self.update)

    def show_reading(self, card: ReadingCard) -> None:
        self._card = card
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._size_px, self._size_px)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette = self._look.palette
        place = QRectF(1, 1, self._size_px - 2, self._size_px - 2)
        paint_ring(
            painter, place, share_read(self._card), palette, colour=ring_colour(self._card, palette), width=3
        )
        painter.end()
