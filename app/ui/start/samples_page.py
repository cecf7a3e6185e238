"""Last page: look around with invented dossiers, or begin with one's own."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.ui.buttons import button
from app.ui.labels import label
from app.ui.look import Look
from app.ui.start.card import Card


class SamplesPage(Card):
    """``done`` carries the kinds of sample to take in: any of "patient" and "case"."""

    done = Signal(tuple)

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(
            self.tr("Something to try it on"),
            self.tr(
                "Two invented dossiers are included. Nobody in them exists. You can delete them at any time."
            ),
            parent,
        )
        self.boxes: dict[str, QCheckBox] = {}
        for kind, picture, name, what in (
            (
                "patient",
                "dossier",
                self.tr("A patient"),
                self.tr("Letters, laboratory results, an operation report, a discharge letter, mails"),
            ),
            (
                "case",
                "dossier",
                self.tr("A case"),
                self.tr("A contract, letters, an expert's report, pleadings, a judgment, mails"),
            ),
        ):
            frame = QFrame()
            frame.setProperty("role", "notice")
            inside = QHBoxLayout(frame)
            inside.setContentsMargins(18, 14, 18, 14)
            inside.setSpacing(14)
            sign = QLabel()
            look.dress(sign, picture, "accent", 24)
            box = QCheckBox(name)
            box.setChecked(True)
            box.setProperty("role", "strong")
            self.boxes[kind] = box
            words = QVBoxLayout()
            words.setSpacing(2)
            words.addWidget(box)
            words.addWidget(label(what, "small", wrap=True))
            inside.addWidget(sign)
            inside.addLayout(words, 1)
            self.body.addWidget(frame)
        self.buttons.addWidget(button(self.tr("Begin empty"), "quiet", lambda: self.done.emit(())))
        self.buttons.addStretch(1)
        self.go = button(self.tr("Open Huis Clos"), "primary", self._go)
        self.buttons.addWidget(self.go)
        self.setFocusProxy(self.go)

    def _go(self) -> None:
        self.done.emit(tuple(kind for kind, box in self.boxes.items() if box.isChecked()))
