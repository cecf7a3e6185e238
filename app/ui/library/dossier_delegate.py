"""Draws one dossier of the list: its name, what is in it, how far it is read."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.bridge.rows import ROW
from app.services.views import DossierCard
from app.ui import icons, wording
from app.ui.look import Look
from app.ui.plain import one_line
from app.ui.ring import paint_ring, ring_colour, share_read

HEIGHT_PX = 50


class DossierDelegate(QStyledItemDelegate):
    """Two lines, an icon before and a ring behind."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(120, HEIGHT_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        card = index.data(ROW)
        if not isinstance(card, DossierCard):
            return
        palette = self._look.palette
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_row_ground(painter, option, self._look)
        room = option.rect.adjusted(10, 0, -10, 0)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        picture = icons.pixmap(
            "dossier", palette.accent if chosen else palette.muted, 20, painter.device().devicePixelRatio()
        )
        painter.drawPixmap(room.left(), room.center().y() - 9, picture)
        left = room.left() + 30
        right = room.right() - (26 if card.pages else 0)
        name_font = QFont(option.font)
        name_font.setWeight(QFont.Weight.DemiBold if chosen else QFont.Weight.Medium)
        painter.setFont(name_font)
        painter.setPen(QColor(palette.text))
        name = QFontMetrics(name_font).elidedText(
            one_line(card.name), Qt.TextElideMode.ElideRight, right - left
        )
        painter.drawText(
            QRectF(left, room.top() + 7, right - left, 19), int(Qt.AlignmentFlag.AlignVCenter), name
        )
        small = QFont(option.font)
        small.setPixelSize(12)
        painter.setFont(small)
        painter.setPen(QColor(palette.muted))
        line = self._line(card)
        line = QFontMetrics(small).elidedText(line, Qt.TextElideMode.ElideRight, right - left)
        painter.drawText(
            QRectF(left, room.top() + 26, right - left, 17), int(Qt.AlignmentFlag.AlignVCenter), line
        )
        if card.pages:
            place = QRectF(room.right() - 17, room.center().y() - 8, 17, 17)
            paint_ring(
                painter, place, share_read(card.reading), palette, colour=ring_colour(card.reading, palette)
            )
        painter.restore()

    def _line(self, card: DossierCard) -> str:
        if not card.documents:
            return self.tr("Empty")
        return f"{wording.documents(card.documents)} · {wording.pages(card.pages)}"


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
