"""Second page: the passphrase everything will be encrypted with."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.store.passphrase import LEAST_CHARS, propose
from app.ui.buttons import button
from app.ui.labels import label
from app.ui.look import Look
from app.ui.start.card import Card
from app.ui.start.passphrase_field import PassphraseField
from app.ui.start.strength_meter import StrengthMeter


class PassphrasePage(Card):
    """``chosen`` carries an accepted, repeated passphrase; ``back`` returns to the language."""

    chosen = Signal(str)
    back = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(
            self.tr("Choose a passphrase"),
            self.tr(
                "It is the only key to what you keep here. Nobody can reset it, us included. "
                "A short sentence is easier to remember than a word with signs in it."
            ),
            parent,
        )
        self.first = PassphraseField(look, self.tr("Passphrase"))
        self.meter = StrengthMeter(look)
        self.again = PassphraseField(look, self.tr("The same once more"))
        self._says = label("", "error", wrap=True)
        self._says.hide()
        self._propose = button(self.tr("Propose one"), "link", self._fill_in)
        row = QHBoxLayout()
        row.addWidget(self._propose)
        row.addStretch(1)
        self.body.addWidget(self.first)
        self.body.addWidget(self.meter)
        self.body.addLayout(row)
        self.body.addWidget(self.again)
        self.body.addWidget(self._says)
        self._back = button(self.tr("Back"), "quiet", self.back.emit)
        self.go = button(self.tr("Create the vault"), "primary", self._try)
        self.buttons.addWidget(self._back)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.go)
        self.first.changed.connect(self._typed)
        self.again.changed.connect(self._typed)
        self.first.entered.connect(self.again.setFocus)
        self.again.entered.connect(self._try)
        self.setFocusProxy(self.first)
        self._typed()

    def set_busy(self, busy: bool) -> None:
        """While the vault is being made (deriving the key takes a second) nothing can be pressed."""
        for part in (self.first, self.again, self._propose, self._back, self.go):
            part.setEnabled(not busy)
        self.go.setText(self.tr("Creating the vault…") if busy else self.tr("Create the vault"))
        if not busy:
            self._typed()

    def say(self, sentence: str) -> None:
        self._says.setText(sentence)
        self._says.setVisible(bool(sentence))

    def forget(self) -> None:
        """Leave no passphrase in the fields."""
        self.first.clear()
        self.again.clear()

    def _fill_in(self) -> None:
        proposal = propose()
        self.first.show_plain(proposal)
        self.again.clear()
        self.again.setFocus()
        self.say(self.tr("Write it down now, then type it below."))

    def _typed(self) -> None:
        self.meter.show_for(self.first.text)
        if self.sender() is not None:
            self.say("")
        self.go.setEnabled(self.meter.accepted and bool(self.again.text))

    def _try(self) -> None:
        if not self.meter.accepted:
            self.say(
                self.tr("The passphrase needs {count} characters or more, not all alike.").format(
                    count=LEAST_CHARS
                )
            )
            self.first.setFocus()
        elif self.first.text != self.again.text:
            self.say(self.tr("The two passphrases are not the same."))
            self.again.setFocus()
        else:
            self.say("")
            self.chosen.emit(self.first.text)
