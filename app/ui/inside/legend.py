"""What the colours of a picture mean: a swatch and a word each."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.look import Look

_SWATCH_PX, _GAP_PX = 11, 16


class Legend(QWidget):
    """``entries`` pair a colour of the palette with what it stands for."""

    def __init__(
        self, look: Look, entries: tuple[tuple[str, str], ...] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._entries = entries
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        look.changed.connect(self.update)

    def show_entries(self, entries: tuple[tuple[str, str], ...]) -> None:
        self._entries = entries
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self._metrics()
        width = sum(_SWATCH_PX + 6 + metrics.horizontalAdvance(words) + _GAP_PX for _, words in self._entries)
        return QSize(width, metrics.height() + 4)

    def _metrics(self) -> QFontMetrics:
        font = self.font()
        font.setPixelSize(12)
        return QFontMetrics(font)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        font = self.font()
        font.setPixelSize(12)
        painter.setFont(font)
        metrics, left = self._metrics(), 0
        for role, words in self._entries:
            top = (self.height() - _SWATCH_PX) // 2
            colour = QColor(str(getattr(self._look.palette, role)))
            painter.fillRect(QRect(left, top, _SWATCH_PX, _SWATCH_PX), colour)
            left += _SWATCH_PX + 6
            width = metrics.horizontalAdvance(words)
            painter.setPen(QColor(self._look.palette.muted))
            painter.drawText(
                QRect(left, 0, width + 2, self.height()), int(Qt.AlignmentFlag.AlignVCenter), words
            )
            left += width + _GAP_PX
        painter.end()
