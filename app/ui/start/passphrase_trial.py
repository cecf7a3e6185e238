"""A card with one field that asks for the passphrase, and plain words when it is not the right one."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QTimer, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from app.store.passphrase import delay_s
from app.ui.buttons import button
from app.ui.labels import label
from app.ui.look import Look
from app.ui.start.card import Card
from app.ui.start.passphrase_field import PassphraseField


class PassphraseTrial(Card):
    """``tried`` carries what was typed: the passphrase or the recovery code. Its owner then calls
    ``refuse``, or takes the card away.
    """

    tried = Signal(str)

    def __init__(self, look: Look, subtitle: str, other: QPushButton, parent: QWidget | None = None) -> None:
        """``other`` is what can be done instead."""
        super().__init__("Huis Clos", subtitle, parent)
        self.field = PassphraseField(look, QCoreApplication.translate("PassphraseTrial", "Passphrase"))
        self.field.entered.connect(self._try)
        self.body.addWidget(self.field)
        self._says = label("", "error", wrap=True)
        self._says.setAccessibleName("")
        self._says.hide()
        self.body.addWidget(self._says)
        self.go = button(self._go_words(), "primary", self._try)
        self.buttons.addWidget(other)
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

    @property
    def is_trying(self) -> bool:
        """True while what was typed is being tried."""
        return not self.go.isEnabled() and not self._wait.isActive()

    def set_busy(self, busy: bool) -> None:
        self.field.setEnabled(not busy)
        self.go.setEnabled(not busy)
        self.go.setText(
            QCoreApplication.translate("PassphraseTrial", "Unlocking…")
            if busy and not self._wait.isActive()
            else self._go_words()
        )
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

    def _go_words(self) -> str:
        return QCoreApplication.translate("PassphraseTrial", "Unlock")
