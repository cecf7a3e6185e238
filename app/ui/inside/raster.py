"""Spikes over time (across) and neurons (down), drawn from recorded counts."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.ui.inside.sample import Slice
from app.ui.inside.trains import Coding, rows, steps_of
from app.ui.look import Look
from app.ui.plain import one_line, tooltip

GAP_STEPS = 2
FOOT_PX = 24
_HEIGHT_PX, _LEAST_PX = 64 * 4 + FOOT_PX, 64 * 2 + FOOT_PX


class Raster(QWidget):
    """As wide as its tokens need; put it into a scroll area. ``show_slice`` gives it something to draw."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._slice = Slice((), 0, ())
        self._coding: Coding = "bitwise"
        self._steps = 1
        self._step_px = 3
        self._image = QImage()
        self._bytes = b""
        self._worded = True
        self.setMinimumHeight(_LEAST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        look.changed.connect(self._draw)

    def show_slice(self, shown: Slice, coding: Coding) -> None:
        self._slice, self._coding = shown, coding
        self._draw()
        self.updateGeometry()
        self.setMinimumWidth(self.sizeHint().width())

    def show_words(self, shown: bool) -> None:
        """Whether each token's text stands below it."""
        self._worded = shown
        self.update()

    @property
    def steps(self) -> int:
        """Steps per token: as many as the largest count shown needs."""
        return self._steps

    def sizeHint(self) -> QSize:
        return QSize(max(1, len(self._slice.tokens)) * self._token_px, _HEIGHT_PX)

    @property
    def _token_px(self) -> int:
        return (self._steps + GAP_STEPS) * self._step_px

    def _draw(self) -> None:
        self._steps = steps_of(self._slice.largest, self._coding)
        # Narrow trains get wide steps, so that a token's word fits below it.
        self._step_px = max(2, min(9, 54 // (self._steps + GAP_STEPS)))
        lines = [
            line
            for neuron in self._slice.neurons
            for line in rows(neuron, self._coding, self._steps, GAP_STEPS)
        ]
        if not lines or not lines[0]:
            self._image = QImage()
            self.update()
            return
        width = len(lines[0])
        padded = width + -width % 4
        self._bytes = b"".join(line + bytes(padded - width) for line in lines)
        image = QImage(self._bytes, width, len(lines), padded, QImage.Format.Format_Indexed8)
        palette = self._look.palette
        image.setColorTable([0, QColor(palette.accent).rgba(), QColor(palette.reading).rgba()])
        self._image = image
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = self._look.palette
        painter = QPainter(self)
        tokens, token_px = self._slice.tokens, self._token_px
        height = self.height() - FOOT_PX
        if self._slice.prompt_tok:
            wash = QRect(0, 0, self._slice.prompt_tok * token_px, height)
            painter.fillRect(wash, QColor(palette.accent_wash))
        if not self._image.isNull():
            target = QRect(0, 0, self._image.width() * self._step_px, height)
            painter.drawImage(target, self._image)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        for index, text in enumerate(tokens):
            left = index * token_px
            if not event.rect().intersects(QRect(left, 0, token_px, self.height())):
                continue
            painter.setPen(QColor(palette.line))
            painter.drawLine(left, 0, left, height)
            painter.setPen(QColor(palette.muted))
            room = QRect(left + 3, height, token_px - 4, FOOT_PX)
            words = one_line(text).strip() if self._worded else ""
            shown = metrics.elidedText(words or "·", Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.setPen(QColor(palette.line))
        painter.drawLine(0, height, len(tokens) * token_px, height)
        if self.hasFocus():
            painter.setPen(QColor(palette.accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            self._tell(event)
            return True
        return super().event(event)

    def _tell(self, event: QHelpEvent) -> None:
        """The token and the neuron under the pointer, with its count."""
        token = event.x() // self._token_px
        height = self.height() - FOOT_PX
        if not (0 <= token < len(self._slice.tokens) and 0 <= event.y() < height and self._slice.neurons):
            QToolTip.hideText()
            return
        neuron = event.y() * len(self._slice.neurons) // height
        count = self._slice.neurons[neuron][token]
        text = self.tr("“{token}”, neuron {neuron}: {count}").format(
            token=one_line(self._slice.tokens[token]).strip(), neuron=neuron + 1, count=f"{count:+d}"
        )
        QToolTip.showText(event.globalPos(), tooltip(text), self)
