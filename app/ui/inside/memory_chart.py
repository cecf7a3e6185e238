"""What a reading takes at any length, beside what a transformer of the same shape would."""

from __future__ import annotations

import math

from PySide6.QtCore import QLocale, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.services.inside import MemoryShape
from app.ui import wording
from app.ui.look import Look

_LEFT_PX, _TOP_PX, _RIGHT_PX, _FOOT_PX = 64, 12, 14, 38
_POINTS = 120


def own_bytes(shape: MemoryShape, tokens: float) -> float:
    """A reading of so many tokens by this model."""
    window = min(tokens, shape.window_tok) * shape.window_token_bytes
    return shape.fixed_bytes + window + tokens * shape.growing_token_bytes


def transformer_bytes(shape: MemoryShape, tokens: float) -> float:
    """The keys and values a transformer of the same shape would keep of them."""
    return tokens * shape.transformer_token_bytes


class MemoryChart(QWidget):
    """Two lines over the length; a mark at the length now."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._shape: MemoryShape | None = None
        self._now_tok = 0
        self.setMinimumSize(320, 190)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        look.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(460, 230)

    def show_shape(self, shape: MemoryShape | None, now_tok: int) -> None:
        self._shape, self._now_tok = shape, now_tok
        self.update()

    @property
    def end_tok(self) -> int:
        """Where the axis ends: well beyond the window and beyond where the reading stands."""
        if self._shape is None:
            return 1
        least = max(8 * self._shape.window_tok, round(1.6 * self._now_tok), 4000)
        return 4 * round(_nice(least / 4))

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        if self._shape is not None:
            self._paint(painter, self._shape)
        painter.end()

    def _paint(self, painter: QPainter, shape: MemoryShape) -> None:
        palette = self._look.palette
        end = self.end_tok
        step = _nice(max(transformer_bytes(shape, end), own_bytes(shape, end)) / 4)
        top = 4 * step
        plot = QRectF(
            _LEFT_PX, _TOP_PX, self.width() - _LEFT_PX - _RIGHT_PX, self.height() - _TOP_PX - _FOOT_PX
        )

        def at(tokens: float, size: float) -> QPointF:
            return QPointF(
                plot.left() + plot.width() * tokens / end, plot.bottom() - plot.height() * size / top
            )

        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        middle = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        locale = QLocale()
        for part in range(5):
            level = plot.bottom() - plot.height() * part / 4
            painter.setPen(QPen(QColor(palette.line), 1))
            painter.drawLine(QPointF(plot.left(), level), QPointF(plot.right(), level))
            painter.setPen(QColor(palette.muted))
            size = wording.size(round(step * part)) if part else "0"
            painter.drawText(QRectF(0, level - 8, _LEFT_PX - 8, 16), right, size)
            tokens = end * part // 4
            place = QRectF(plot.left() + plot.width() * part / 4 - 40, plot.bottom() + 5, 80, 14)
            if part == 4:
                place.translate(plot.right() - place.right(), 0)
            painter.drawText(place, middle if part < 4 else right, locale.toString(tokens))
        foot = QRectF(plot.left(), plot.bottom() + 20, plot.width(), 14)
        painter.drawText(foot, middle, self.tr("tokens read"))
        for size_at, colour, width in (
            (transformer_bytes, palette.reading, 2.0),
            (own_bytes, palette.accent, 2.6),
        ):
            line = QPolygonF(
                [at(end * i / _POINTS, size_at(shape, end * i / _POINTS)) for i in range(_POINTS + 1)]
            )
            painter.setPen(QPen(QColor(colour), width))
            painter.drawPolyline(line)
        if self._now_tok:
            painter.setPen(QPen(QColor(palette.muted), 1, Qt.PenStyle.DashLine))
            foot_at, head_at = at(self._now_tok, 0), at(self._now_tok, top)
            painter.drawLine(foot_at, head_at)
            painter.setPen(Qt.PenStyle.NoPen)
            for size_at, colour in ((transformer_bytes, palette.reading), (own_bytes, palette.accent)):
                painter.setBrush(QColor(colour))
                painter.drawEllipse(at(self._now_tok, size_at(shape, self._now_tok)), 4.0, 4.0)


def _nice(value: float) -> float:
    """The next round number: a short factor times a power of ten."""
    unit = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return next(unit * factor for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if unit * factor >= value)
