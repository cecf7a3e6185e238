"""The page as the model sees it: its text, beside the picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from app.ui.labels import label
from app.ui.look import Look


class TextStrip(QFrame):
    """Plain text with the cited or found words marked."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "pane")
        self._look = look
        self._spans: list[tuple[int, int]] = []
        self.title = label(self.tr("What the model sees"), "section", wrap=True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setProperty("role", "bare")
        self.text.setAccessibleName(self.tr("Text of the page"))
        self.text.setTabChangesFocus(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 12, 6, 6)
        box.setSpacing(6)
        box.addWidget(self.title)
        box.addWidget(self.text, 1)
        look.changed.connect(self._mark)

    def show_text(self, page: int, text: str, spans: Sequence[tuple[int, int]]) -> None:
        self.title.setText(self.tr("What the model sees on page {page}").format(page=page))
        if self.text.toPlainText() != text:
            self.text.setPlainText(text or self.tr("There is no text on this page."))
        self._spans = list(spans) if text else []
        self._mark()

    def _mark(self) -> None:
        # Positions of a document count UTF-16 units, spans count characters.
        text = self.text.toPlainText()
        selections = []
        for start, end in self._spans:
            look = QTextCharFormat()
            look.setBackground(QColor(self._look.palette.cited))
            look.setForeground(QColor("#1d2126"))
            cursor = QTextCursor(self.text.document())
            cursor.setPosition(_units(text, start))
            cursor.setPosition(_units(text, end), QTextCursor.MoveMode.KeepAnchor)
            selection = QTextEdit.ExtraSelection()
            selection.cursor = cursor
            selection.format = look
            selections.append(selection)
        self.text.setExtraSelections(selections)
        if selections:
            cursor = QTextCursor(self.text.document())
            cursor.setPosition(_units(text, self._spans[0][0]))
            self.text.setTextCursor(cursor)
            self.text.centerCursor()


def _units(text: str, characters: int) -> int:
    return len(text[:characters].encode("utf-16-le")) // 2
