"""Passages beyond the first ones, folded behind one quiet line that says how many there are."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from app.ui import wording
from app.ui.chat.statement_view import StatementView
from app.ui.look import Look


class MorePassages(QWidget):
    """``unfolded`` tells whether the person opened or closed it. The line stays where it is: the keyboard
    does not move away from it.
    """

    unfolded = Signal(bool)

    def __init__(
        self, look: Look, views: Sequence[StatementView], *, open_: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        documents = {c.document_id for view in views for c in view.statement.citations}
        self._closed_words = self.tr("%n more passage(s) from {documents}", "", len(views)).format(
            documents=wording.documents(len(documents))
        )
        self.line = QToolButton()
        self.line.setProperty("role", "fold")
        self.line.setCheckable(True)
        self.line.setIconSize(QSize(16, 16))
        self.line.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.line.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.line.setAccessibleName(self._closed_words)
        self._inside = QWidget()
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        for view in views:
            column.addWidget(view)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(12)
        box.addWidget(self.line, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self._inside)
        self.line.setChecked(open_)
        self._draw(open_)
        self.line.toggled.connect(self._toggled)

    @property
    def is_open(self) -> bool:
        return self.line.isChecked()

    def toggle(self) -> None:
        self.line.toggle()

    def _toggled(self, open_: bool) -> None:
        self.unfolded.emit(open_)
        self._draw(open_)

    def _draw(self, open_: bool) -> None:
        self._inside.setVisible(open_)
        self.line.setText(self.tr("Show the first passages only") if open_ else self._closed_words)
        self.line.setAccessibleDescription(self.tr("Unfolded") if open_ else self.tr("Folded"))
        self._look.dress(self.line, "down" if open_ else "forward", "muted", 16)
