"""Text of an answer with its citation chips; as tall as its words, and unable to load anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QHelpEvent,
    QPainter,
    QPixmap,
    QTextDocument,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QToolTip, QWidget

from app.chat.values import Citation
from app.ui.look import Look
from app.ui.plain import html, one_line, tooltip

_ANCHOR = re.compile(r"\s*\[([\d\s,;]{1,40})\]")
CHIP_PX = 17
LEAST_PX, WISH_PX = 80, 460


class AnswerText(QTextBrowser):
    """``cited`` carries the number of a chip that was pressed. Links other than ours do nothing."""

    cited = Signal(int)

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._tips: dict[int, str] = {}
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("role", "answer")
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._measured: QTextDocument | None = None
        self._heights: dict[int, int] = {}
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAcceptDrops(False)
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.anchorClicked.connect(self._pressed)

    def say(self, text: str) -> None:
        """Plain words, while they are still coming."""
        self._tips = {}
        self.setHtml(f'<div style="line-height:135%">{html(text)}</div>')
        self._fit()

    def say_cited(
        self, text: str, citations: Sequence[Citation], tips: Mapping[int, str], *, large: bool = False
    ) -> None:
        """``text`` with its ``[n]`` anchors turned into chips where ``citations`` knows n, and left
        out elsewhere.
        """
        known = {citation.anchor for citation in citations}
        self._tips = dict(tips)
        parts: list[str] = []
        at = 0
        for match in _ANCHOR.finditer(text):
            parts.append(html(text[at : match.start()]))
            numbers = [int(n) for n in re.findall(r"\d{1,6}", match.group(1))]
            parts.extend(self._chip(n) for n in dict.fromkeys(numbers) if n in known)
            at = match.end()
        parts.append(html(text[at:]))
        size = "font-size:17px;" if large else ""
        self.setHtml(f'<div style="line-height:135%;{size}">{"".join(parts)}</div>')
        self._fit()

    def say_excerpt(self, before: str, quoted: str, after: str) -> None:
        """Words of a page with the cited ones marked."""
        self._tips = {}
        palette = self._look.palette
        mark = f"background-color:{palette.cited};color:#1d2126" if quoted else ""
        self.setHtml(
            f'<div style="line-height:130%;font-size:13px;color:{palette.muted}">{html(before)}'
            f'<span style="{mark}">{html(quoted)}</span>{html(after)}</div>'
        )
        self._fit()

    def _chip(self, number: int) -> str:
        size = self._chip_size(number)
        return (
            f'&nbsp;<a href="cite:{number}"><img src="chip:{number}" width="{size.width()}" '
            f'height="{size.height()}" style="vertical-align:middle" alt="{escape(str(number))}"></a>'
        )

    def _chip_font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(11)
        font.setWeight(QFont.Weight.DemiBold)
        return font

    def _chip_size(self, number: int) -> QSize:
        return QSize(
            max(CHIP_PX + 3, QFontMetrics(self._chip_font()).horizontalAdvance(str(number)) + 12), CHIP_PX
        )

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing from outside: the only pictures an answer has are the chips drawn here."""
        url = name if isinstance(name, QUrl) else QUrl(name)
        if (
            kind == QTextDocument.ResourceType.ImageResource.value
            and url.scheme() == "chip"
            and url.path().isdigit()
        ):
            return self._draw_chip(int(url.path()))
        return None

    def _draw_chip(self, number: int) -> QPixmap:
        ratio = max(self.devicePixelRatioF(), 1.0)
        size = self._chip_size(number)
        image = QPixmap(size * ratio)
        image.setDevicePixelRatio(ratio)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._look.palette.accent))
        painter.drawRoundedRect(
            QRectF(0, 0, size.width(), size.height()), size.height() / 2, size.height() / 2
        )
        painter.setPen(QColor(self._look.palette.accent_text))
        painter.setFont(self._chip_font())
        painter.drawText(
            QRectF(0, 0, size.width(), size.height()), int(Qt.AlignmentFlag.AlignCenter), str(number)
        )
        painter.end()
        return image

    def _pressed(self, url: QUrl) -> None:
        if url.scheme() == "cite" and url.path().isdigit():
            self.cited.emit(int(url.path()))

    def _fit(self) -> None:
        self._measured = None
        self._heights = {}
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        """Asked by the layouts before they give it a width, so that nothing is drawn over its last line."""
        if width not in self._heights:
            if self._measured is None:
                self._measured = self.document().clone(self)
            self._measured.setTextWidth(max(width, 40))
            self._heights[width] = int(self._measured.size().height()) + 2
        return self._heights[width]

    def sizeHint(self) -> QSize:
        return QSize(WISH_PX, self.heightForWidth(WISH_PX))

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_PX, self.fontMetrics().height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            url = QUrl(self.anchorAt(self.viewport().mapFromGlobal(event.globalPos())))
            number = int(url.path()) if url.scheme() == "cite" and url.path().isdigit() else -1
            tip = self._tips.get(number, "")
            QToolTip.showText(event.globalPos(), tooltip(one_line(tip, 500)) if tip else "", self)
            return True
        return super().event(event)

    def createMimeDataFromSelection(self) -> QMimeData:
        data = QMimeData()
        data.setText(self.textCursor().selection().toPlainText().replace("\ufffc", ""))
        return data
