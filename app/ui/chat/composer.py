"""Where a question is typed. Enter asks, Shift+Enter begins a new line; while an answer comes, the
button stops it.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QWidget

from app.ui.actions import Actions
from app.ui.buttons import icon_button
from app.ui.look import Look
from app.ui.plain import tooltip

MAX_CHARS = 4000
_LEAST_LINES, _MOST_LINES = 1, 6


class _Field(QPlainTextEdit):
    sent = Signal()
    focus_moved = Signal(bool)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.textCursor().insertText("\n")
            else:
                self.sent.emit()
            event.accept()
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_moved.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_moved.emit(False)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        # Files dropped on the field are for the dossier; the window takes them.
        return source.hasText() and not source.hasUrls()

    def insertFromMimeData(self, source: QMimeData) -> None:
        if not source.hasUrls():
            self.textCursor().insertText(source.text()[:MAX_CHARS])


class Composer(QFrame):
    """``asked`` carries the question, trimmed; ``stopped`` comes from the button while an answer is
    on its way.
    """

    asked = Signal(str)
    stopped = Signal()

    def __init__(self, look: Look, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "composer")
        self._look = look
        self._busy = False
        self.field = _Field()
        self.field.setProperty("role", "bare")
        self.field.setPlaceholderText(self.tr("Ask about this dossier…"))
        self.field.setAccessibleName(self.tr("Question"))
        self.field.setTabChangesFocus(True)
        self.field.setAcceptDrops(False)
        self.field.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.field.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.field.textChanged.connect(self._grow)
        self.field.sent.connect(self._send)
        self.field.focus_moved.connect(self._ring)
        self._button = icon_button(self.tr("Ask"), self._press)
        self._button.setProperty("role", "send")
        self._button.setIconSize(QSize(18, 18))
        self._button.setFixedSize(36, 36)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 7, 6)
        row.setSpacing(6)
        row.addWidget(self.field, 1)
        row.addWidget(self._button, 0, Qt.AlignmentFlag.AlignBottom)
        actions.ask.triggered.connect(self._send)
        self.setFocusProxy(self.field)
        self.set_busy(False)
        self._grow()

    def set_busy(self, busy: bool) -> None:
        """While an answer comes, the button stops it and Enter does nothing."""
        self._busy = busy
        words = self.tr("Stop") if busy else self.tr("Ask")
        self._look.dress(self._button, "stop" if busy else "send", "accent_text", 18)
        self._button.setAccessibleName(words)
        self._button.setToolTip(tooltip(words))
        self._may_send()

    def set_ready(self, ready: bool, hint: str) -> None:
        """Without documents there is nothing to ask about; ``hint`` says so in the field."""
        self.field.setEnabled(ready)
        self.field.setPlaceholderText(hint)
        self._may_send()

    def put(self, question: str) -> None:
        """Fill in a question and leave the cursor behind it."""
        self.field.setPlainText(question)
        cursor = self.field.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.field.setTextCursor(cursor)
        self.field.setFocus()

    def _may_send(self) -> None:
        self._button.setEnabled(
            self._busy or (self.field.isEnabled() and bool(self.field.toPlainText().strip()))
        )

    def _press(self) -> None:
        if self._busy:
            self.stopped.emit()
        else:
            self._send()

    def _send(self) -> None:
        question = self.field.toPlainText().strip()[:MAX_CHARS]
        if question and not self._busy and self.field.isEnabled():
            self.field.clear()
            self.asked.emit(question)

    def _grow(self) -> None:
        line = self.field.fontMetrics().lineSpacing()
        lines = min(max(int(self.field.document().size().height()), _LEAST_LINES), _MOST_LINES)
        margins = self.field.contentsMargins()
        self.field.setFixedHeight(lines * line + margins.top() + margins.bottom() + 12)
        self._may_send()

    def _ring(self, focused: bool) -> None:
        self.setProperty("focused", focused)
        self.style().unpolish(self)
        self.style().polish(self)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._grow()
