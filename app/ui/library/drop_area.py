"""Where files can be dropped, said in words; also what an empty library or dossier shows."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app.ui.labels import label
from app.ui.look import Look


class DropArea(QFrame):
    """A dashed frame with a sign, a line and a hint; ``buttons`` takes what can be pressed instead."""

    def __init__(self, look: Look, title: str, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "drop")
        sign = QLabel()
        sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        look.dress(sign, "add", "accent", 26)
        self.title = label(title, "strong", wrap=True)
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint = label(hint, "small", wrap=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 24, 20, 24)
        box.setSpacing(8)
        box.addStretch(1)
        box.addWidget(sign)
        box.addWidget(self.title)
        box.addWidget(self.hint)
        self.buttons = QVBoxLayout()
        self.buttons.setSpacing(6)
        box.addSpacing(4)
        box.addLayout(self.buttons)
        box.addStretch(1)

    def set_active(self, active: bool) -> None:
        """Light up while files hang over it."""
        self.setProperty("active", active)
        self.style().unpolish(self)
        self.style().polish(self)
