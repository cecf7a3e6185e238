"""Draws one document of the list: check box, kind, name, pages or progress, a warning when it was not
taken in.
"""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionViewItem

from app.bridge.rows import DEPTH, ROW
from app.services.views import DocumentCard, DocumentStatus
from app.ui import wording
from app.ui.look import Look
from app.ui.plain import elide_middle
from app.ui.row_delegate import RowDelegate, paint_row_ground

HEIGHT_PX = 46
BOX_PX = 17
INDENT_PX = 18
_BROKEN = (DocumentStatus.FAILED, DocumentStatus.REFUSED)
_MOVING = (DocumentStatus.QUEUED, DocumentStatus.PARSING)


class DocumentDelegate(RowDelegate):
    """Attachments stand a little to the right, under the mail they came with."""

    def __init__(self, look: Look) -> None:
        super().__init__(look, HEIGHT_PX)
        self.took_click = False  # the last press went to a check box, and is nothing for the row

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        card = index.data(ROW)
        if not isinstance(card, DocumentCard):
            return
        palette = self._look.palette
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_row_ground(painter, option, self._look)
        box = self.box_place(option.rect, index)
        checked = index.data(Qt.ItemDataRole.CheckStateRole)
        if checked is not None:
            self._paint_box(painter, box, checked == Qt.CheckState.Checked)
        broken = card.status in _BROKEN
        quiet = card.status in _MOVING or (checked is not None and checked != Qt.CheckState.Checked)
        line_colour = palette.danger if broken else palette.muted
        sign = "warning" if broken else wording.kind_icon(card)
        self.paint_sign(painter, box.right() + 9, option, sign, line_colour)
        place = QRectF(option.rect.adjusted(0, -2, -10, -2))
        place.setLeft(box.right() + 36)
        self.paint_words(
            painter,
            place,
            (card.name, QFont(option.font), palette.muted if quiet else palette.text),
            (wording.document_line(card), line_colour),
            Qt.TextElideMode.ElideMiddle,
        )
        if card.status is DocumentStatus.PARSING and card.pages:
            under = QRectF(place.left(), option.rect.bottom() - 5, place.width(), 3)
            self._paint_progress(painter, under, card)
        painter.restore()

    def box_place(self, row: QRect, index: QModelIndex | QPersistentModelIndex) -> QRect:
        """Where the check box of a row is."""
        depth = index.data(DEPTH) or 0
        return QRect(row.left() + 10 + depth * INDENT_PX, row.center().y() - BOX_PX // 2, BOX_PX, BOX_PX)

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        state = index.data(Qt.ItemDataRole.CheckStateRole)
        if isinstance(event, QMouseEvent) and state is not None:
            inside = (
                self.box_place(option.rect, index)
                .adjusted(-8, -12, 6, 12)
                .contains(event.position().toPoint())
            )
            self.took_click = inside
            if inside and event.type() == QEvent.Type.MouseButtonRelease:
                other = Qt.CheckState.Unchecked if state == Qt.CheckState.Checked else Qt.CheckState.Checked
                return bool(
                    model.setData(
                        model.index(index.row(), index.column()), other, Qt.ItemDataRole.CheckStateRole
                    )
                )
            # A press on the box must not choose the row, and the base class must not toggle a second time.
            return inside
        return super().editorEvent(event, model, option, index)

    def _paint_box(self, painter: QPainter, place: QRect, checked: bool) -> None:
        palette = self._look.palette
        square = QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5)
        if checked:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(palette.accent))
            painter.drawRoundedRect(square, 4.5, 4.5)
            painter.setPen(
                QPen(QColor(palette.accent_text), 1.9, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
            )
            x, y = square.left(), square.top()
            painter.drawLine(int(x + 4), int(y + 9), int(x + 7), int(y + 12))
            painter.drawLine(int(x + 7), int(y + 12), int(x + 12), int(y + 5))
        else:
            painter.setPen(QPen(QColor(palette.faint), 1.3))
            painter.setBrush(QColor(palette.raised))
            painter.drawRoundedRect(square, 4.5, 4.5)

    def _paint_progress(self, painter: QPainter, place: QRectF, card: DocumentCard) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._look.palette.line))
        painter.drawRoundedRect(place, 1.5, 1.5)
        share = min(card.pages_done / card.pages, 1.0)
        if share > 0:
            painter.setBrush(QColor(self._look.palette.accent))
            painter.drawRoundedRect(QRectF(place.left(), place.top(), place.width() * share, 3), 1.5, 1.5)


def describe(card: DocumentCard) -> str:
    """What a screen reader says about a document."""
    return f"{elide_middle(card.name, 120)}, {wording.document_line(card)}"
