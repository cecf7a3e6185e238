"""How far the chosen dossier is read, and the button that pauses or goes on."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.services.views import ReadingCard, ReadingState
from app.ui import wording
from app.ui.actions import Actions
from app.ui.buttons import tool_button
from app.ui.labels import label
from app.ui.look import Look
from app.ui.ring import Ring

_CAN_GO_ON = (ReadingState.WAITING, ReadingState.PAUSED, ReadingState.FAILED)


class ReadingStrip(QFrame):
    """A ring, a line and one button. Hidden while there is nothing to read."""

    def __init__(self, look: Look, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._actions = actions
        self._ring = Ring(look)
        self.title = label(self.tr("Reading"), "strong")
        self.line = label("", "small", wrap=True)
        self._button = tool_button(actions.read)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self.title)
        words.addWidget(self.line)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 10, 10, 10)
        row.setSpacing(12)
        row.addWidget(self._ring)
        row.addLayout(words, 1)
        row.addWidget(self._button)
        self.hide()

    def show_reading(self, card: ReadingCard) -> None:
        self.setVisible(card.pages_total > 0 or card.state is ReadingState.READING)
        self._ring.show_reading(card)
        self.line.setText(wording.reading_line(card))
        going = card.state is ReadingState.READING
        read = self._actions.read
        read.setText(self.tr("Pause the reading") if going else self.tr("Go on reading"))
        read.setEnabled(going or card.state in _CAN_GO_ON)
        self._button.setVisible(read.isEnabled())
        self._button.setAccessibleName(read.text())
        self._look.dress(read, "pause" if going else "play", "muted")
        self.setAccessibleName(f"{self.title.text()}: {self.line.text()}")
