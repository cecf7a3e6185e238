"""A short message in the window's lower right corner; it goes by itself and never takes the keyboard."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app.ui.buttons import icon_button
from app.ui.labels import label
from app.ui.look import Look

SHOWN_MS = 5000
WIDTH_PX = 440
EDGE_PX = 16
SMALL_PX = 1100
ABOVE_QUESTION_PX = 110


class Toast(QFrame):
    """``say`` shows words, ``warn`` shows them as something that went wrong (and for longer)."""

    def __init__(self, look: Look, over: QWidget) -> None:
        super().__init__(over)
        self.setProperty("role", "toast")
        self._look = look
        self._hushed = False
        self._held: tuple[str, str, str, int] | None = None
        self._sign = QLabel()
        self._words = label("", "", wrap=True)
        close = icon_button(self.tr("Close this message"), self.hide)
        look.dress(close, "close", "muted", 14)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 10, 12)
        row.setSpacing(12)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        over.installEventFilter(self)
        self.hide()

    @property
    def words(self) -> str:
        """What is said now; empty while hidden."""
        return self._words.text() if self.isVisible() else ""

    def say(self, text: str) -> None:
        self._show(text, "check", "checked", SHOWN_MS)

    def warn(self, text: str) -> None:
        self._show(text, "warning", "danger", 2 * SHOWN_MS)

    def hush(self, hushed: bool) -> None:
        """Say nothing, and keep the last message for when it may be said again."""
        self._hushed = hushed
        if hushed:
            self._timer.stop()
            self.hide()
            self._words.setText("")
            self.setAccessibleName("")
        elif self._held is not None:
            held, self._held = self._held, None
            self._show(*held)

    def _show(self, text: str, sign: str, colour: str, shown_ms: int) -> None:
        if self._hushed:
            self._held = text, sign, colour, shown_ms
            return
        self._look.dress(self._sign, sign, colour, 20)
        self._words.setText(text)
        self.setAccessibleName(text)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))
        self.show()
        self._place()
        self.raise_()
        self._timer.start(shown_ms)

    def _place(self) -> None:
        over = self.parentWidget()
        if over is None:
            return
        width = min(WIDTH_PX, over.width() - 40)
        self.setFixedWidth(width)
        height = self.heightForWidth(width)
        self.setFixedHeight(max(height, self.minimumSizeHint().height()))
        # In a small window it would lie over the question that is being typed.
        under = ABOVE_QUESTION_PX if over.width() < SMALL_PX else EDGE_PX
        self.move(over.width() - width - EDGE_PX, over.height() - self.height() - under - 32)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)
