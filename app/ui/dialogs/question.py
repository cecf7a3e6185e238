"""A question with two answers, and a name to be typed; in the window's own look."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.ui.buttons import button
from app.ui.labels import label

WIDTH_PX = 440


class Question(QDialog):
    """``exec`` gives Accepted for the deed. The safe answer has the keyboard."""

    def __init__(
        self, parent: QWidget, title: str, text: str, deed: str, keep: str, *, danger: bool = False
    ) -> None:
        super().__init__(parent)
        # The title goes to the desktop, which may list and log it: no name of a file or dossier in it.
        self.setWindowTitle("Huis Clos")
        self.setAccessibleName(title)
        self.setFixedWidth(WIDTH_PX)
        box = QVBoxLayout(self)
        box.setContentsMargins(28, 24, 28, 20)
        box.setSpacing(10)
        box.addWidget(label(title, "heading", wrap=True))
        box.addWidget(label(text, "muted", wrap=True))
        box.addSpacing(10)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addStretch(1)
        self.keep = button(keep, "", self.reject)
        self.deed = button(deed, "danger" if danger else "primary", self.accept)
        row.addWidget(self.keep)
        row.addWidget(self.deed)
        box.addLayout(row)
        self.keep.setFocus()

    def agreed(self) -> bool:
        """Ask, and tell whether the deed was chosen."""
        accepted = self.exec() == QDialog.DialogCode.Accepted
        self.deleteLater()
        return accepted


class NameDialog(QDialog):
    """Asks for a name; ``name`` is what was typed, trimmed."""

    def __init__(self, parent: QWidget, title: str, hint: str, name: str, deed: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setFixedWidth(WIDTH_PX)
        self.field = QLineEdit(name)
        self.field.setMaxLength(200)
        self.field.setAccessibleName(title)
        self.field.setPlaceholderText(hint)
        self.field.selectAll()
        box = QVBoxLayout(self)
        box.setContentsMargins(28, 24, 28, 20)
        box.setSpacing(12)
        box.addWidget(label(title, "heading", wrap=True))
        box.addWidget(self.field)
        box.addSpacing(6)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addStretch(1)
        row.addWidget(button(self.tr("Cancel"), "", self.reject))
        self.deed = button(deed, "primary", self.accept)
        self.deed.setDefault(True)
        row.addWidget(self.deed)
        box.addLayout(row)
        self.field.textChanged.connect(lambda _: self.deed.setEnabled(bool(self.name)))
        self.deed.setEnabled(bool(self.name))

    @property
    def name(self) -> str:
        return " ".join(self.field.text().split())
