"""Highlighted words on a page: what they are, and how they are painted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.ui.theme import Palette

_ROUND_PX = 2.5
_RING_PX = 3.0
_RING_GROWTH_PX = 5.0
_RING_COLOUR = "#1f5263"  # on the white of a page, in both palettes


class Mark(Enum):
    """Why words are highlighted."""

    CITED = "cited"
    FOUND = "found"


@dataclass(frozen=True, slots=True)
class Highlight:
    """Rectangles on one page, in points from its top left corner."""

    page: int
    boxes: tuple[tuple[float, float, float, float], ...]
    mark: Mark = Mark.CITED


def paint_highlight(
    painter: QPainter, highlight: Highlight, corner: QPointF, scale: float, palette: Palette, flash: float
) -> None:
    """Paint over a page whose top left is at ``corner``; ``scale`` is pixels per point, ``flash`` 0 to 1."""
    colour = QColor(palette.cited if highlight.mark is Mark.CITED else palette.found)
    # Multiplied, so that the ink under the colour stays as black as it was.
    painter.save()
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    places = [
        QRectF(x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale).translated(corner)
        for x0, y0, x1, y1 in highlight.boxes
    ]
    for place in places:
        painter.drawRoundedRect(place.adjusted(-2, -1, 2, 1), _ROUND_PX, _ROUND_PX)
    painter.restore()
    if flash <= 0 or highlight.mark is not Mark.CITED:
        return
    ring = QColor(_RING_COLOUR)
    ring.setAlphaF(min(flash, 1.0))
    painter.setPen(QPen(ring, 2.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    grow = _RING_PX + _RING_GROWTH_PX * flash
    for place in places:
        painter.drawRoundedRect(place.adjusted(-grow, -grow, grow, grow), 4, 4)
