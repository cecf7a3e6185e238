"""The locked screen: one field, and plain words when it does not open."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QWidget

from app.ui.buttons import button
from app.ui.look import Look
from app.ui.start.passphrase_trial import PassphraseTrial


class UnlockPage(PassphraseTrial):
    """``left`` comes from the button that ends the program."""

    left = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        subtitle = QCoreApplication.translate(
            "UnlockPage", "The vault is locked. Enter your passphrase, or the recovery code in its place."
        )
        quit_ = button(QCoreApplication.translate("UnlockPage", "Quit"), "quiet", self._leave)
        super().__init__(look, subtitle, quit_, parent)

    def _leave(self) -> None:
        self.left.emit()
