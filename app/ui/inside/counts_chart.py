"""How often which count occurred, a row for each layer: the darker, the more often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.services.inside import SiteReport
from app.ui.inside.figure_tiles import percent
from app.ui.look import Look

EDGE = 12
"""Counts shown one by one, either way; what is larger shares the last column."""
_LEFT_PX, _FOOT_PX, _RIGHT_PX = 34, 36, 104
_ROW_MOST_PX, _ROW_LEAST_PX = 48, 7
_ZERO = 127  # place of the count 0 in a report's histogram


@dataclass(frozen=True, slots=True)
class LayerCounts:
    """Shares of the counts -EDGE…EDGE, the outermost with all beyond; of those that are 0; bits per count."""

    layer: int
    shares: tuple[float, ...]
    silent: float
    bits: float


def by_layer(sites: Sequence[SiteReport]) -> tuple[LayerCounts, ...]:
    """All sites of a layer together, every value weighing the same."""
    found = []
    for layer in sorted({site.layer for site in sites}):
        own = [site for site in sites if site.layer == layer]
        columns = [0.0] * (2 * EDGE + 1)
        for site in own:
            for place, often in enumerate(site.histogram):
                columns[max(-EDGE, min(EDGE, place - _ZERO)) + EDGE] += often
            # The histogram ends at 127; which way the few beyond point is not kept.
            columns[0] += site.beyond / 2
            columns[-1] += site.beyond / 2
        values = sum(site.figures.values for site in own)
        found.append(
            LayerCounts(
                layer,
                tuple(column / values for column in columns),
                sum(site.figures.silent * site.figures.values for site in own) / values,
                sum(site.figures.bitwise_per_channel * site.figures.values for site in own) / values,
            )
        )
    return tuple(found)


class CountsChart(QWidget):
    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._layers: tuple[LayerCounts, ...] = ()
        self.setMinimumSize(320, 190)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        look.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(460, 230)

    def show_layers(self, layers: tuple[LayerCounts, ...]) -> None:
        self._layers = layers
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        if self._layers:
            self._paint(painter)
        painter.end()

    def _paint(self, painter: QPainter) -> None:
        palette = self._look.palette
        room = self.height() - _FOOT_PX
        row_px = max(_ROW_LEAST_PX, min(_ROW_MOST_PX, room // len(self._layers)))
        cell_px = (self.width() - _LEFT_PX - _RIGHT_PX) / (2 * EDGE + 1)
        most = max(max(one.shares) for one in self._layers) or 1.0
        ground, ink = QColor(palette.raised), QColor(palette.accent)
        every = max(1, -(-14 // row_px))  # rows between two that are labelled
        for row, one in enumerate(self._layers):
            top = row * row_px
            for column, share in enumerate(one.shares):
                cell = QRectF(_LEFT_PX + column * cell_px, top, cell_px - 1, row_px - 1)
                painter.fillRect(cell, _blend(ground, ink, (share / most) ** 0.5))
            if row % every:
                continue
            painter.setPen(QColor(palette.muted))
            number = QRect(0, top, _LEFT_PX - 8, max(row_px, 13))
            painter.drawText(
                number, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), str(one.layer + 1)
            )
            told = self.tr("{share} silent").format(share=percent(one.silent, 0))
            right = QRect(self.width() - _RIGHT_PX + 8, top, _RIGHT_PX - 8, max(row_px, 13))
            painter.drawText(right, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), told)
        foot = len(self._layers) * row_px + 3
        painter.setPen(QColor(palette.muted))
        for count in range(-EDGE, EDGE + 1, 4):
            mark = f"≤{count}" if count == -EDGE else f"≥{count}" if count == EDGE else str(count)
            place = _LEFT_PX + (count + EDGE + 0.5) * cell_px
            painter.drawText(QRectF(place - 24, foot, 48, 14), int(Qt.AlignmentFlag.AlignHCenter), mark)
        painter.drawText(
            QRectF(_LEFT_PX, foot + 15, (2 * EDGE + 1) * cell_px, 16),
            int(Qt.AlignmentFlag.AlignHCenter),
            self.tr("spike count; rows are layers"),
        )


def _blend(ground: QColor, ink: QColor, share: float) -> QColor:
    def mixed(one: int, other: int) -> int:
        return round(one + (other - one) * share)

    return QColor(
        mixed(ground.red(), ink.red()), mixed(ground.green(), ink.green()), mixed(ground.blue(), ink.blue())
    )
