"""A field for a secret: dots, no memory of what was typed, an eye to look, a word when Caps Lock may
be on.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.ui.buttons import icon_button
from app.ui.labels import label
from app.ui.look import Look


class PassphraseField(QWidget):
    """A labelled field. ``entered`` comes with Enter."""

    changed = Signal()
    entered = Signal()

    def __init__(self, look: Look, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.edit = QLineEdit()
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setInputMethodHints(
            Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhNoPredictiveText
            | Qt.InputMethodHint.ImhHiddenText
            | Qt.InputMethodHint.ImhNoAutoUppercase
        )
        self.edit.setMaxLength(1024)
        self.edit.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.edit.setAcceptDrops(False)
        self.edit.setAccessibleName(title)
        self.edit.textChanged.connect(lambda _: self.changed.emit())
        self.edit.returnPressed.connect(self.entered)
        name = label(title, "section")
        name.setBuddy(self.edit)
        self._eye = icon_button(self.tr("Show what is typed"), self._look_at)
        self._eye.setCheckable(True)
        self._eye.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        look.dress(self._eye, "eye", "muted")
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.edit, 1)
        row.addWidget(self._eye)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(5)
        box.addWidget(name)
        box.addLayout(row)
        self.setFocusProxy(self.edit)

    @property
    def text(self) -> str:
        return self.edit.text()

    def clear(self) -> None:
        self.edit.clear()

    def show_plain(self, text: str) -> None:
        """Fill in a proposed passphrase, readable, to be written down."""
        self.edit.setText(text)
        self._eye.setChecked(True)
        self._look_at()

    def _look_at(self) -> None:
        shown = self._eye.isChecked()
        self.edit.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)
        self._look.dress(self._eye, "eye-off" if shown else "eye", "muted")
