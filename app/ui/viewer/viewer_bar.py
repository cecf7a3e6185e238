"""The tools above the pages: where one is, how large, the citations, what the model sees."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QWidget

from app.ui import wording
from app.ui.actions import Actions
from app.ui.buttons import tool_button
from app.ui.labels import label


class ViewerBar(QFrame):
    """``page_typed`` carries the number that was entered."""

    page_typed = Signal(int)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "bar")
        self.setFixedHeight(42)
        self.number = QLineEdit()
        self.number.setProperty("role", "number")
        self.number.setFixedWidth(44)
        self.number.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.number.setAccessibleName(self.tr("Page number"))
        self.number.setValidator(QIntValidator(1, 99999, self))
        self.number.returnPressed.connect(self._typed)
        self.count = label("", "muted")
        self.zoom = label("", "muted")
        self.zoom.setMinimumWidth(50)
        self.zoom.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 10, 0)
        row.setSpacing(3)
        for part in (
            tool_button(actions.previous_page),
            self.number,
            self.count,
            tool_button(actions.next_page),
        ):
            row.addWidget(part)
        row.addStretch(1)
        for part in (
            tool_button(actions.zoom_out),
            self.zoom,
            tool_button(actions.zoom_in),
            tool_button(actions.fit_width),
        ):
            row.addWidget(part)
        row.addStretch(1)
        for action in (actions.previous_citation, actions.next_citation, actions.text_strip):
            row.addWidget(tool_button(action))

    def show_place(self, page: int, pages: int, zoom: float) -> None:
        if not self.number.hasFocus():
            self.number.setText(str(page) if pages else "")
        self.count.setText(f"/ {pages}" if pages else "")
        self.zoom.setText(wording.percent(round(zoom * 100)) if pages else "")
        self.number.setEnabled(bool(pages))

    def _typed(self) -> None:
        if self.number.text().isdigit():
            self.page_typed.emit(int(self.number.text()))
        self.number.clearFocus()
