"""The models of this computer: which one answers, adding one, taking one away."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.bridge.session import Session
from app.bridge.tasks import Task, while_alive
from app.services.operation import Progress
from app.services.views import ModelCard
from app.ui import wording
from app.ui.buttons import button, icon_button
from app.ui.dialogs.files import choose_model
from app.ui.failures import sentence
from app.ui.labels import label
from app.ui.look import Look
from app.ui.plain import one_line


class ModelsPage(QWidget):
    """A radio button per model; adding copies the file, hashes it and proves that it loads."""

    def __init__(self, look: Look, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._session = session
        self._group = QButtonGroup(self)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.says = label("", "small", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.hide()
        self._add = button(self.tr("Add a model…"), "", self._choose_file)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(label(self.tr("Models"), "heading"))
        box.addWidget(
            label(
                self.tr(
                    "A model file (GGUF) is copied, hashed and tried out. It never leaves this computer."
                ),
                "muted",
                wrap=True,
            )
        )
        box.addWidget(self._area, 1)
        box.addWidget(self._bar)
        box.addWidget(self.says)
        row = QHBoxLayout()
        row.addWidget(self._add)
        row.addStretch(1)
        box.addLayout(row)
        session.models_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 8, 8, 8)
        rows.setSpacing(10)
        models = self._session.models()
        for card in models:
            rows.addWidget(self._row(card))
        if not models:
            rows.addWidget(
                label(
                    self.tr("No model is installed. Search and the page viewer work without one."),
                    "muted",
                    wrap=True,
                )
            )
        rows.addStretch(1)
        self._area.setWidget(inside)

    def _row(self, card: ModelCard) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "card")
        choice = QRadioButton(wording.model_label(card).replace("&", "&&"))
        choice.setChecked(card.chosen)
        choice.setProperty("role", "strong")
        choice.clicked.connect(lambda: self._choose(card))
        self._group.addButton(choice)
        facts = [wording.size(card.size_bytes)]
        if card.format:
            facts.append(card.format.upper())
        if card.licence:
            facts.append(one_line(card.licence, 60))
        facts.append(self.tr("comes with Huis Clos") if card.built_in else self.tr("added by you"))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(choice)
        words.addWidget(label(" · ".join(facts), "small", wrap=True))
        if card.sha256:
            words.addWidget(label(f"SHA-256 {card.sha256[:16]}…", "small"))
        if card.reader:
            words.addWidget(label(wording.reader_sentence(), "small", wrap=True))
        row = QHBoxLayout(frame)
        row.setContentsMargins(16, 12, 12, 12)
        row.addLayout(words, 1)
        if not card.built_in:
            remove = icon_button(
                self.tr("Remove {name}").format(name=wording.model_label(card)), lambda: self._remove(card)
            )
            self._look.dress(remove, "trash", "muted", 18)
            row.addWidget(remove, 0, Qt.AlignmentFlag.AlignTop)
        return frame

    def _choose(self, card: ModelCard) -> None:
        self._follow(self._session.choose_model(card.id), self.tr("The model is loaded."))

    def _remove(self, card: ModelCard) -> None:
        self._follow(self._session.remove_model(card.id), self.tr("The model is removed."))

    def _choose_file(self) -> None:
        path = choose_model(self)
        if path is not None:
            self._follow(
                self._session.add_model(path), self.tr("The model is added and answers from now on.")
            )

    def _follow(self, task: Task, done: str) -> None:
        self.says.setText("")
        self._add.setEnabled(False)
        self._bar.setRange(0, 0)
        self._bar.show()
        task.progressed.connect(self._progress)
        task.then(self, lambda _: self.says.setText(done))
        task.failed.connect(while_alive(self, lambda failure: self.says.setText(sentence(failure))))
        task.ended.connect(self._over)

    def _progress(self, progress: Progress) -> None:
        if progress.total:
            self._bar.setRange(0, 1000)
            self._bar.setValue(1000 * progress.done // progress.total)

    def _over(self) -> None:
        self._bar.hide()
        self._add.setEnabled(True)
        self.refresh()
