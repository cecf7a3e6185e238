"""The locked screen: one field, and plain words when it does not open."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.store.passphrase import delay_s
from app.ui.buttons import button
from app.ui.labels import label
from app.ui.look import Look
from app.ui.start.card import Card
from app.ui.start.passphrase_field import PassphraseField


class UnlockPage(Card):
    """``tried`` carries what was typed: the passphrase or the recovery code."""

    tried = Signal(str)
    left = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(
            "Huis Clos",
            self.tr("The vault is locked. Enter your passphrase, or the recovery code in its place."),
            parent,
        )
        self.field = PassphraseField(look, self.tr("Passphrase"))
        self.field.entered.connect(self._try)
        self.body.addWidget(self.field)
        self._says = label("", "error", wrap=True)
        self._says.setAccessibleName("")
        self._says.hide()
        self.body.addWidget(self._says)
        self.go = button(self.tr("Unlock"), "primary", self._try)
        self.buttons.addWidget(button(self.tr("Quit"), "quiet", self.left.emit))
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.go)
        self._failures = 0
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.timeout.connect(lambda: self.set_busy(False))
        self.setFocusProxy(self.field)

    @property
    def said(self) -> str:
        """What the page says went wrong; empty when nothing did."""
        return self._says.text()

    def set_busy(self, busy: bool) -> None:
        self.field.setEnabled(not busy)
        self.go.setEnabled(not busy)
        self.go.setText(self.tr("Unlocking…") if busy and not self._wait.isActive() else self.tr("Unlock"))
        if not busy:
            self.field.setFocus()

    def refuse(self, sentence: str, *, wrong: bool) -> None:
        """Say why it did not open. Wrong passphrases have to wait a little longer each time."""
        self.field.clear()
        self._says.setText(sentence)
        self._says.setAccessibleName(sentence)
        self._says.show()
        self._failures += wrong
        wait_s = delay_s(self._failures - 1) if wrong else 0.0
        if wait_s > 0:
            self._wait.start(int(wait_s * 1000))
            self.set_busy(True)
        else:
            self.set_busy(False)

    def _try(self) -> None:
        if not self.field.isEnabled() or not self.field.text:
            return
        self._says.hide()
        self.set_busy(True)
        self.tried.emit(self.field.text)
