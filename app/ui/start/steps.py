"""Four dots that say where one is in the first start."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.ui.look import Look


class Steps(QWidget):
    """A quiet row of marks; the present one is long."""

    def __init__(self, look: Look, count: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._count = count
        self._now = 0
        self.setFixedHeight(10)

    def go(self, number: int) -> None:
        """Show step ``number``, counted from 0."""
        self._now = number
        self.setAccessibleName(
            self.tr("Step {number} of {count}").format(number=number + 1, count=self._count)
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        width = self._count * 8 + 14 + (self._count - 1) * 8
        at = (self.width() - width) / 2
        for number in range(self._count):
            long = 22 if number == self._now else 8
            colour = self._look.palette.accent if number <= self._now else self._look.palette.line
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(QRectF(at, 1, long, 8), 4, 4)
            at += long + 8
        painter.end()
