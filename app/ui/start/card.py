"""The calm ground before the main window: one card in the middle, title above, steps below."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.ui.labels import label
from app.ui.look import Look

CARD_WIDTH_PX = 560


class Card(QWidget):
    """A title in the book face, a subtitle, a body made by the caller, and a row of buttons."""

    def __init__(self, title: str, subtitle: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        frame = QFrame()
        frame.setProperty("role", "card")
        frame.setFixedWidth(CARD_WIDTH_PX)
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(44, 38, 44, 32)
        inside.setSpacing(0)
        heading = label(title, "title", wrap=True)
        inside.addWidget(heading)
        inside.addSpacing(8)
        under = label(subtitle, "muted", wrap=True)
        inside.addWidget(under)
        inside.addSpacing(24)
        self.body = QVBoxLayout()
        self.body.setSpacing(12)
        inside.addLayout(self.body)
        inside.addSpacing(26)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(10)
        inside.addLayout(self.buttons)
        outside = QVBoxLayout(self)
        # Stretches on both sides rather than an alignment: aligned, the frame would not get the height that
        # its wrapped lines need at this width.
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(frame)
        middle.addStretch(1)
        outside.addStretch(5)
        outside.addLayout(middle)
        outside.addStretch(6)
        self.heading = heading
        self.setAccessibleName(title)


def claim_row(look: Look, sign: str, text: str, colour: str) -> QHBoxLayout:
    """A sign and a sentence beside it, the sign level with the first line."""
    mark = QLabel()
    look.dress(mark, sign, colour, 19)
    mark.setFixedWidth(24)
    row = QHBoxLayout()
    row.setSpacing(12)
    row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(label(text, "muted", wrap=True), 1)
    return row
