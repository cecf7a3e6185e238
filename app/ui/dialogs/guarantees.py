"""About: the version, and what is guaranteed here, by whom, said without hope."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app import __version__
from app.ui.buttons import button
from app.ui.labels import label
from app.ui.look import Look
from app.ui.veil_page import meaning_of_veil
from engine.cage import Guarantee


class Guarantees(QDialog):
    """A list of promises, each kept (with how) or not."""

    def __init__(self, look: Look, guarantee: Guarantee, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About and guarantees"))
        self.resize(640, 720)
        self._look = look
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(14)
        for kept, title, text in self._promises(guarantee):
            column.addLayout(self._row(kept, title, text))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        box = QVBoxLayout(self)
        box.setContentsMargins(32, 28, 32, 20)
        box.setSpacing(6)
        box.addWidget(label("Huis Clos", "title"))
        box.addWidget(
            label(
                self.tr("Version {version} · free software under the AGPL 3.0 or later").format(
                    version=__version__
                ),
                "muted",
            )
        )
        box.addSpacing(14)
        box.addWidget(area, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(self.tr("Close"), "primary", self.accept))
        box.addLayout(row)

    def _promises(self, guarantee: Guarantee) -> list[tuple[bool, str, str]]:
        held = guarantee.keeps("internet")
        network = (
            self.tr(
                "The operating system refuses every internet connection to this window and to everything "
                "it starts. "
                "This was tried out at the start: a connection was asked for and refused."
            )
            if held
            else self.tr(
                "This program contains no code that opens a connection, but on this system nothing "
                "enforces it: "
                "{reason}"
            ).format(reason=guarantee.reason)
        )
        return [
            (held, self.tr("No network"), network),
            (
                True,
                self.tr("Encrypted on disk"),
                self.tr(
                    "Documents, their text, the index, chats and readings are encrypted with a key that "
                    "only your "
                    "passphrase or the recovery code opens. Settings and models are not: they hold "
                    "nothing of a dossier."
                ),
            ),
            (
                True,
                self.tr("Files are opened in a cage"),
                self.tr(
                    "Every file is read in a process of its own that holds no key and is ended "
                    "afterwards. On Linux it "
                    "can open no file, no connection and no program, and its memory and time are bounded."
                ),
            ),
            (
                True,
                self.tr("The model has no key"),
                self.tr(
                    "The engine is a separate process. It gets the passages of a question, never the "
                    "vault's key, "
                    "and can open no connection."
                ),
            ),
            (
                True,
                self.tr("Quotes are checked by code"),
                self.tr(
                    "● means that the quoted words were found on the cited page by comparing them, not "
                    "by asking the model."
                ),
            ),
            (
                True,
                self.tr("Locked when left alone"),
                self.tr(
                    "Without a key or a click for a while the program ends and starts again locked, so that "
                    "no key stays in memory. While a reading, an answer or an import is under way it first "
                    "hides everything behind a veil and locks when the work has ended."
                )
                + " "
                + meaning_of_veil(),
            ),
            (
                False,
                self.tr("Not promised"),
                self.tr(
                    "Nothing protects an unlocked vault from someone who sits at this computer or "
                    "controls its system. "
                    "Answers can miss what is there: they replace no reading and are no medical or legal "
                    "advice."
                ),
            ),
        ]

    def _row(self, kept: bool, title: str, text: str) -> QHBoxLayout:
        sign = QLabel()
        self._look.dress(sign, "check" if kept else "warning", "checked" if kept else "reading", 20)
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addWidget(label(title, "strong"))
        words.addWidget(label(text, "muted", wrap=True))
        row = QHBoxLayout()
        row.setSpacing(14)
        column = QVBoxLayout()
        column.addWidget(sign)
        column.addStretch(1)
        row.addLayout(column)
        row.addLayout(words, 1)
        return row
