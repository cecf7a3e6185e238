"""A defect of ours: said as such, with what a report needs and nothing of a dossier."""

from __future__ import annotations

import traceback
from types import TracebackType

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.core.errors import HuisClosError
from app.ui.buttons import button
from app.ui.labels import label


def report(kind: type[BaseException], failure: BaseException, trace: TracebackType | None) -> str:
    """Where it happened, without any value: messages of errors can hold a person's words."""
    code = failure.code if isinstance(failure, HuisClosError) else kind.__name__
    places = [
        f"{frame.filename.rsplit('/app/', 1)[-1]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)
    ]
    return "\n".join((code, *places[-12:]))


class CrashDialog(QDialog):
    """Closing it goes on working; everything saved is whole, since nothing is saved in parts."""

    def __init__(self, details: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Something went wrong"))
        self.setFixedWidth(540)
        box = QVBoxLayout(self)
        box.setContentsMargins(28, 24, 28, 20)
        box.setSpacing(12)
        box.addWidget(label(self.tr("Something went wrong in Huis Clos"), "heading", wrap=True))
        box.addWidget(
            label(
                self.tr(
                    "It is our mistake. Nothing that was saved is lost, and you can go on. If it happens "
                    "again, "
                    "lock and unlock. These lines help to find the mistake; they hold nothing of your "
                    "dossiers."
                ),
                "muted",
                wrap=True,
            )
        )
        self.details = QPlainTextEdit(details)
        self.details.setReadOnly(True)
        self.details.setFixedHeight(150)
        self.details.setAccessibleName(self.tr("Details"))
        box.addWidget(self.details)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(
            button(self.tr("Copy the lines"), "", lambda: QGuiApplication.clipboard().setText(details))
        )
        row.addStretch(1)
        row.addWidget(button(self.tr("Go on"), "primary", self.accept))
        box.addLayout(row)
