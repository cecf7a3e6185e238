"""Every command with its keys."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.ui.actions import Actions
from app.ui.buttons import button
from app.ui.labels import label


class Shortcuts(QDialog):
    """A table in two columns, by groups."""

    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        self.resize(940, 760)
        inside = QWidget()
        columns = QHBoxLayout(inside)
        columns.setContentsMargins(0, 0, 14, 0)
        columns.setSpacing(48)
        groups = list(actions.groups.items())
        for half in (groups[:2], groups[2:]):
            column = QVBoxLayout()
            column.setSpacing(8)
            for name, members in half:
                column.addWidget(label(name, "section"))
                grid = QGridLayout()
                grid.setVerticalSpacing(7)
                grid.setColumnStretch(0, 1)
                for row, action in enumerate(members):
                    grid.addWidget(label(action.text(), wrap=True), row, 0)
                    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
                    grid.addWidget(label(keys, "keys"), row, 1, Qt.AlignmentFlag.AlignRight)
                column.addLayout(grid)
                column.addSpacing(14)
            column.addStretch(1)
            columns.addLayout(column, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        box = QVBoxLayout(self)
        box.setContentsMargins(32, 26, 24, 20)
        box.setSpacing(14)
        box.addWidget(label(self.tr("Keyboard shortcuts"), "title"))
        box.addWidget(area, 1)
        row_ = QHBoxLayout()
        row_.addStretch(1)
        row_.addWidget(button(self.tr("Close"), "primary", self.accept))
        box.addLayout(row_)
