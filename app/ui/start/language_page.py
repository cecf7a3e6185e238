"""First page: who we are, and which language to go on in."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from app.ui.buttons import button
from app.ui.labels import label
from app.ui.language import Speech
from app.ui.look import Look
from app.ui.start.card import Card, claim_row


class LanguagePage(Card):
    """``chosen`` comes at once with every choice; ``done`` with the button."""

    chosen = Signal(str)
    done = Signal()

    def __init__(self, look: Look, language: Speech, parent: QWidget | None = None) -> None:
        super().__init__(
            "Huis Clos",
            self.tr(
                "Ask your confidential dossiers questions on this computer, and see the page behind "
                "every answer."
            ),
            parent,
        )
        self.body.addWidget(label("Language · Langue", "section"))
        row = QHBoxLayout()
        row.setSpacing(12)
        self._group = QButtonGroup(self)
        self.choices: dict[str, QPushButton] = {}
        for code, name in (("en", "English"), ("fr", "Français")):
            choice = button(name, "choice")
            choice.setCheckable(True)
            choice.setChecked(code == language)
            choice.setCursor(Qt.CursorShape.PointingHandCursor)
            choice.clicked.connect(lambda _=False, code=code: self.chosen.emit(code))
            self._group.addButton(choice)
            self.choices[code] = choice
            row.addWidget(choice, 1)
        self.body.addLayout(row)
        self.body.addSpacing(6)
        for sign, claim in (
            (
                "offline",
                self.tr("Everything stays on this computer. The network is blocked for this program."),
            ),
            ("lock", self.tr("Everything it keeps is encrypted with your passphrase.")),
            (
                "book",
                self.tr("Every answer is tied to words on a page, checked by the program, not by the model."),
            ),
        ):
            self.body.addLayout(claim_row(look, sign, claim, "accent"))
        self.buttons.addStretch(1)
        self.go = button(self.tr("Continue"), "primary", self.done.emit)
        self.go.setDefault(True)
        self.buttons.addWidget(self.go)
