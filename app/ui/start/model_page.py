"""Fourth page: the model that comes with the program, and what it is and is not."""

from __future__ import annotations

from PySide6.QtCore import QLocale, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.services.views import ModelCard
from app.ui import wording
from app.ui.buttons import button
from app.ui.labels import label
from app.ui.look import Look
from app.ui.start.card import Card, claim_row


class ModelPage(Card):
    """``done`` goes on; adding a model is for later, in the settings."""

    done = Signal()

    def __init__(self, look: Look, model: ModelCard | None, parent: QWidget | None = None) -> None:
        super().__init__(
            self.tr("The model that answers"),
            self.tr("It runs inside this computer, in a process of its own that can open no connection."),
            parent,
        )
        frame = QFrame()
        frame.setProperty("role", "notice")
        inside = QHBoxLayout(frame)
        inside.setContentsMargins(18, 16, 18, 16)
        inside.setSpacing(14)
        picture = QLabel()
        look.dress(picture, "model", "accent", 26)
        words = QVBoxLayout()
        words.setSpacing(4)
        if model is None:
            words.addWidget(label(self.tr("No model is installed"), "strong", wrap=True))
            words.addWidget(
                label(
                    self.tr(
                        "Search and the page viewer work without one. Answers are then the best "
                        "passages, quoted."
                    ),
                    "muted",
                    wrap=True,
                )
            )
        else:
            words.addWidget(label(wording.model_label(model), "strong", wrap=True))
            facts = [self.tr("comes with Huis Clos"), wording.size(model.size_bytes)]
            if model.parameters:
                facts.append(
                    self.tr("{count} million parameters").format(
                        count=QLocale().toString(model.parameters / 1e6, "f", 1)
                    )
                )
            words.addWidget(label(" · ".join(facts), "small", wrap=True))
        inside.addWidget(picture, 0)
        inside.addLayout(words, 1)
        self.body.addWidget(frame)
        if model is not None and model.reader:
            self.body.addWidget(label(wording.reader_sentence(), "", wrap=True))
            small = self.tr("It comes with the program and needs no download.")
            self.body.addLayout(claim_row(look, "check", small, "checked"))
        self.body.addWidget(
            label(self.tr("A larger model can be added at any time in the settings."), "muted", wrap=True)
        )
        self.buttons.addStretch(1)
        self.go = button(self.tr("Continue"), "primary", self.done.emit)
        self.buttons.addWidget(self.go)
        self.setFocusProxy(self.go)
