"""Draws one dossier of the list: its name, what is in it, how far it is read."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QFont, QPainter
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem

from app.bridge.rows import ROW
from app.services.views import DossierCard
from app.ui import wording
from app.ui.look import Look
from app.ui.plain import one_line
from app.ui.ring import paint_ring, ring_colour, share_read
from app.ui.row_delegate import RowDelegate, paint_row_ground

HEIGHT_PX = 50
_RING_PX = 17


class DossierDelegate(RowDelegate):
    """Two lines, an icon before and a ring behind."""

    def __init__(self, look: Look) -> None:
        super().__init__(look, HEIGHT_PX)

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
        self.paint_sign(painter, room.left(), option, "dossier", palette.accent if chosen else palette.muted)
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold if chosen else QFont.Weight.Medium)
        left, right = room.left() + 30, room.right() - (26 if card.pages else 0)
        self.paint_words(
            painter,
            QRectF(left, room.top(), right - left, room.height()),
            (card.name, font, palette.text),
            (content_line(card), palette.muted),
            Qt.TextElideMode.ElideRight,
        )
        if card.pages:
            ring = QRectF(room.right() - _RING_PX, room.center().y() - 8, _RING_PX, _RING_PX)
            colour = ring_colour(card.reading, palette)
            paint_ring(painter, ring, share_read(card.reading), palette, colour=colour)
        painter.restore()


def content_line(card: DossierCard) -> str:
    """What is in a dossier, in a few words."""
    if not card.documents:
        return wording.no_documents()
    return f"{wording.documents(card.documents)} · {wording.pages(card.pages)}"


def describe(card: DossierCard) -> str:
    """What a screen reader says about a dossier: all that the row shows, the ring's colour included."""
    reading = wording.reading_line(card.reading) if card.pages else ""
    return ", ".join(part for part in (one_line(card.name, 120), content_line(card), reading) if part)
