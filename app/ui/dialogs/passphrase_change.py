"""Another passphrase, or a new recovery code; and whether there is one."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.bridge.session import Session
from app.bridge.tasks import while_alive
from app.ui.buttons import button
from app.ui.failures import sentence
from app.ui.labels import label, set_role
from app.ui.look import Look
from app.ui.start.passphrase_field import PassphraseField
from app.ui.start.strength_meter import StrengthMeter


class PassphraseChange(QWidget):
    """``code_wanted``: make a recovery code and show it. ``changed``: there is a new passphrase."""

    code_wanted = Signal()
    changed = Signal()

    def __init__(self, look: Look, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.old = PassphraseField(look, self.tr("Present passphrase, or the recovery code"))
        self.new = PassphraseField(look, self.tr("New passphrase"))
        self.again = PassphraseField(look, self.tr("The same once more"))
        self._meter = StrengthMeter(look)
        self.says = label("", "small", wrap=True)
        self.go = button(self.tr("Change the passphrase"), "", self._change)
        self._code = button(self.tr("New recovery code…"), "", self._want_code)
        self.recovery = label("", "small", wrap=True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 14, 0, 0)
        box.setSpacing(8)
        box.addWidget(label(self.tr("Passphrase"), "strong"))
        for part in (self.old, self.new, self._meter, self.again, self.says):
            box.addWidget(part)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.go)
        row.addWidget(self._code)
        row.addStretch(1)
        box.addLayout(row)
        box.addWidget(self.recovery)
        self.show_recovery()
        for field in (self.old, self.new, self.again):
            field.changed.connect(self._typed)
        self._typed()

    def _typed(self) -> None:
        self._meter.show_for(self.new.text)
        self.go.setEnabled(bool(self.old.text and self.again.text) and self._meter.accepted)

    def _change(self) -> None:
        if self.new.text != self.again.text:
            self._say(self.tr("The two passphrases are not the same."), bad=True)
            return
        self.go.setEnabled(False)
        task = self._session.change_passphrase(self.old.text, self.new.text)
        task.then(self, lambda _: self._done())
        task.failed.connect(while_alive(self, lambda failure: self._say(sentence(failure), bad=True)))
        task.ended.connect(self._typed)

    def _done(self) -> None:
        for field in (self.old, self.new, self.again):
            field.clear()
        self._say(self.tr("The passphrase is changed. The old one opens nothing any more."), bad=False)
        self.changed.emit()

    def show_recovery(self) -> None:
        """Say whether a recovery code exists."""
        self.recovery.setText(
            self.tr("A recovery code opens this vault too. A new one replaces it.")
            if self._session.vault().has_recovery_code
            else self.tr("This vault has no recovery code: if the passphrase is lost, nothing can open it.")
        )
        self._code.setEnabled(True)

    def _want_code(self) -> None:
        self._code.setEnabled(False)
        self.code_wanted.emit()

    def _say(self, text: str, *, bad: bool) -> None:
        self.says.setText(text)
        set_role(self.says, "error" if bad else "small")
