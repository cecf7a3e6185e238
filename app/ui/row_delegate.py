"""What every row of a list shares: its ground, a sign, a name and a quieter line under it."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.ui import icons
from app.ui.look import Look
from app.ui.plain import one_line

SMALL_PX = 12
_NAME_PX, _LINE_PX = 19, 17  # heights of the two lines
_LEAST_WIDTH_PX = 120


class RowDelegate(QStyledItemDelegate):
    """Rows of one height, painted with the palette in use."""

    def __init__(self, look: Look, height_px: int) -> None:
        super().__init__()
        self._look = look
        self.height_px = height_px

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(_LEAST_WIDTH_PX, self.height_px)

    def paint_sign(
        self, painter: QPainter, x: int, option: QStyleOptionViewItem, name: str, colour: str
    ) -> None:
        ratio = painter.device().devicePixelRatio()
        painter.drawPixmap(x, option.rect.center().y() - 9, icons.pixmap(name, colour, 19, ratio))

    def paint_words(
        self,
        painter: QPainter,
        place: QRectF,
        name: tuple[str, QFont, str],
        line: tuple[str, str],
        elide: Qt.TextElideMode,
    ) -> None:
        """``name`` (with its font and colour) over ``line`` (with its colour), each cut to the width."""
        text, font, colour = name
        top = place.top() + (place.height() - _NAME_PX - _LINE_PX) / 2
        _paint_line(painter, QRectF(place.left(), top, place.width(), _NAME_PX), text, font, colour, elide)
        small = QFont(font)
        small.setWeight(QFont.Weight.Normal)
        small.setPixelSize(SMALL_PX)
        room = QRectF(place.left(), top + _NAME_PX, place.width(), _LINE_PX)
        _paint_line(painter, room, line[0], small, line[1], Qt.TextElideMode.ElideRight)


def _paint_line(
    painter: QPainter, place: QRectF, text: str, font: QFont, colour: str, elide: Qt.TextElideMode
) -> None:
    painter.setFont(font)
    painter.setPen(QColor(colour))
    shown = QFontMetrics(font).elidedText(one_line(text), elide, int(place.width()))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), shown)


def paint_row_ground(painter: QPainter, option: QStyleOptionViewItem, look: Look) -> None:
    """The ground of a row: chosen, pointed at, and a clear ring when the keyboard is on it."""
    palette = look.palette
    place = QRectF(option.rect).adjusted(2, 1, -2, -1)
    state = option.state
    if state & QStyle.StateFlag.State_Selected:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.accent_wash))
        painter.drawRoundedRect(place, 7, 7)
    elif state & QStyle.StateFlag.State_MouseOver:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.raised))
        painter.drawRoundedRect(place, 7, 7)
    if state & QStyle.StateFlag.State_HasFocus and state & QStyle.StateFlag.State_KeyboardFocusChange:
        painter.setPen(QColor(palette.accent))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), 7, 7)
