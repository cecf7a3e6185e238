"""Draws one search result: document, page, and the words around what was found, marked."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyleOptionViewItem

from app.bridge.rows import ROW
from app.services.views import Hit
from app.ui.look import Look
from app.ui.plain import one_line
from app.ui.row_delegate import RowDelegate, paint_row_ground

HEIGHT_PX = 82
_LINES = 2


class HitDelegate(RowDelegate):
    """A heading line and up to two lines of the page."""

    def __init__(self, look: Look) -> None:
        super().__init__(look, HEIGHT_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        hit = index.data(ROW)
        if not isinstance(hit, Hit):
            return
        palette = self._look.palette
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_row_ground(painter, option, self._look)
        room = QRectF(option.rect).adjusted(14, 9, -14, -8)
        bold = QFont(option.font)
        bold.setWeight(QFont.Weight.Medium)
        painter.setFont(bold)
        page = QCoreApplication.translate("HitDelegate", "p. {page}").format(page=hit.page)
        page_width = QFontMetrics(bold).horizontalAdvance(page) + 8
        painter.setPen(QColor(palette.text))
        name = QFontMetrics(bold).elidedText(
            one_line(hit.document), Qt.TextElideMode.ElideMiddle, int(room.width() - page_width)
        )
        painter.drawText(
            QRectF(room.left(), room.top(), room.width() - page_width, 19),
            int(Qt.AlignmentFlag.AlignVCenter),
            name,
        )
        painter.setPen(QColor(palette.accent))
        painter.drawText(
            QRectF(room.right() - page_width, room.top(), page_width, 19),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight),
            page,
        )
        self._paint_snippet(painter, QRectF(room.left(), room.top() + 23, room.width(), 42), option.font, hit)
        painter.restore()

    def _paint_snippet(self, painter: QPainter, place: QRectF, font: QFont, hit: Hit) -> None:
        palette = self._look.palette
        small = QFont(font)
        small.setPixelSize(13)
        text = "".join(" " if char in "\r\n\t\u2028\u2029" else char for char in hit.snippet)
        layout = QTextLayout(text, small)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WordWrap)
        layout.setTextOption(option)
        ranges = []
        for start, end in hit.marks:
            mark = QTextLayout.FormatRange()
            look = QTextCharFormat()
            look.setBackground(QColor(palette.found))
            look.setForeground(QColor("#1d2126"))
            mark.start = len(text[:start].encode("utf-16-le")) // 2
            mark.length = len(text[start:end].encode("utf-16-le")) // 2
            mark.format = look
            ranges.append(mark)
        layout.setFormats(ranges)
        layout.beginLayout()
        y = 0.0
        for _ in range(_LINES):
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(place.width())
            line.setPosition(line.position().__class__(0, y))
            y += line.height() + 2
        layout.endLayout()
        painter.setPen(QColor(palette.muted))
        layout.draw(painter, place.topLeft())
