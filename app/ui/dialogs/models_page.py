"""The models of this computer: which one answers, for all dossiers or one; adding, checking, removing."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
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
from app.services.views import DossierCard, ModelCard, ModelCheck
from app.ui import model_words, wording
from app.ui.buttons import button, icon_button
from app.ui.dialogs.files import choose_model, choose_model_folder
from app.ui.dialogs.model_adding import ModelAdding
from app.ui.dialogs.question import Question
from app.ui.drop_veil import dropped_paths
from app.ui.failures import sentence
from app.ui.labels import label
from app.ui.look import Look
from app.ui.plain import one_line


class ModelsPage(QWidget):
    """A radio button per model for the common one, a list for the dossier that is open. Folders and files can
    be dropped on it."""

    def __init__(self, look: Look, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._look = look
        self._session = session
        self._group = QButtonGroup(self)
        self._running: set[Task] = set()
        self._counted: tuple[DossierCard | None, int] = (None, 0)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.says = label("", "small", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._bar.hide()
        self.own = QComboBox()
        self.own.activated.connect(lambda _: self._choose_own(str(self.own.currentData())))
        self._own_words = label("", "", wrap=True)
        self.add_folder = button(self.tr("Add a folder…"), "", lambda: self._offer(choose_model_folder(self)))
        self.add_file = button(self.tr("Add a file…"), "", lambda: self._offer(choose_model(self)))
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(label(self.tr("Models"), "heading"))
        box.addWidget(
            label(
                self.tr(
                    "The folder of a checkpoint or a model file (GGUF) can be added, or dropped here. It is "
                    "converted or copied, hashed and tried out by a process of its own, and never leaves "
                    "this computer."
                ),
                "muted",
                wrap=True,
            )
        )
        box.addWidget(self._area, 1)
        self._own_row = QWidget()
        own = QHBoxLayout(self._own_row)
        own.setContentsMargins(0, 0, 0, 0)
        own.setSpacing(12)
        own.addWidget(self._own_words, 1)
        own.addWidget(self.own, 1)
        box.addWidget(self._own_row)
        box.addWidget(self._bar)
        box.addWidget(self.says)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.add_folder)
        row.addWidget(self.add_file)
        row.addStretch(1)
        box.addLayout(row)
        session.models_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        dossier = self._session.opened_dossier()
        characters = self._count(dossier)
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 8, 8, 8)
        rows.setSpacing(10)
        models = self._session.models()
        for card in models:
            rows.addWidget(self._row(card, dossier, characters))
        if not models:
            rows.addWidget(
                label(
                    self.tr("No model is installed. Search and the page viewer work without one."),
                    "muted",
                    wrap=True,
                )
            )
        rows.addStretch(1)
        self._show_rows(inside)
        self._show_own(dossier, models)

    def _count(self, dossier: DossierCard | None) -> int:
        """Counted once while a dossier stays as it is: in a long one that takes a moment."""
        before, count = self._counted
        if dossier is None:
            return 0
        if before is None or (before.id, before.pages) != (dossier.id, dossier.pages):
            count = self._session.characters(dossier.id)
            self._counted = dossier, count
        return count

    def _show_rows(self, inside: QWidget) -> None:
        """In place of those before, at the same height and with the keyboard on the same button."""
        held, bar = self.focusWidget(), self._area.verticalScrollBar()
        at, within = bar.value(), held is not None and self._area.isAncestorOf(held)
        name = held.accessibleName() if isinstance(held, QAbstractButton) and within else ""
        self._area.setWidget(inside)
        for one in inside.findChildren(QAbstractButton):
            if name and one.accessibleName() == name:
                one.setFocus()
        QTimer.singleShot(0, self._area, lambda: bar.setValue(at))

    def _show_own(self, dossier: DossierCard | None, models: tuple[ModelCard, ...]) -> None:
        self._own_row.setVisible(dossier is not None and len(models) > 1)
        if dossier is None:
            return
        words = self.tr("“{dossier}” is answered by").format(dossier=one_line(dossier.name, 60))
        self._own_words.setText(words)
        self.own.setAccessibleName(words)
        self.own.clear()
        self.own.addItem(self.tr("the model chosen above"), "")
        for card in models:
            self.own.addItem(one_line(wording.model_label(card), 80), card.id)
        self.own.setCurrentIndex(max(0, self.own.findData(self._session.dossier_model(dossier.id))))

    def _row(self, card: ModelCard, dossier: DossierCard | None, characters: int) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "card")
        name = wording.model_label(card)
        choice = QRadioButton(one_line(name, 120).replace("&", "&&"))
        choice.setAccessibleName(one_line(name, 120))
        choice.setChecked(card.chosen)
        choice.setProperty("role", "strong")
        choice.clicked.connect(lambda: self._choose(card))
        self._group.addButton(choice)
        facts = [wording.size(card.size_bytes)]
        if card.parameters:
            facts.insert(0, model_words.parameters(card.parameters))
        if card.format:
            facts.append(card.format.upper())
        if card.licence:
            facts.append(one_line(card.licence, 60))
        facts.append(self.tr("comes with Huis Clos") if card.built_in else self.tr("added by you"))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(choice)
        words.addWidget(label(" · ".join(facts), "small", wrap=True))
        told = [model_words.note(card.note), model_words.length(card), model_words.speed(card)]
        told.append(model_words.dossier_time(card, dossier, characters))
        for line in told:
            if line:
                words.addWidget(label(line, "small", wrap=True))
        if card.sha256:
            words.addWidget(label(f"SHA-256 {card.sha256[:16]}…", "small"))
        if card.reader:
            words.addWidget(label(wording.reader_sentence(), "small", wrap=True))
        row = QHBoxLayout(frame)
        row.setContentsMargins(16, 12, 12, 12)
        row.addLayout(words, 1)
        if not card.built_in:
            check = icon_button(self.tr("Check {name}").format(name=name), lambda: self._check(card))
            self._look.dress(check, "check", "muted", 18)
            row.addWidget(check, 0, Qt.AlignmentFlag.AlignTop)
            remove = icon_button(self.tr("Remove {name}").format(name=name), lambda: self._remove(card))
            self._look.dress(remove, "trash", "muted", 18)
            row.addWidget(remove, 0, Qt.AlignmentFlag.AlignTop)
        return frame

    # -- deeds ----------------------------------------------------------------------------------------------

    def _choose(self, card: ModelCard) -> None:
        self._follow(self._session.choose_model(card.id), self.tr("The model is loaded."))

    def _choose_own(self, model_id: str) -> None:
        dossier = self._session.opened_dossier()
        if dossier is not None and model_id != self._session.dossier_model(dossier.id):
            self._follow(
                self._session.choose_dossier_model(dossier.id, model_id),
                self.tr("This dossier has its model. Its reading by another model is kept."),
            )

    def _check(self, card: ModelCard) -> None:
        task = self._session.check_model(card.id)
        task.then(self, self._checked)
        self._follow(task, "")

    def _checked(self, found: ModelCheck) -> None:
        if found.whole:
            text = self.tr("“{name}” is, to the last byte, what was added.")
        else:
            text = self.tr("“{name}” is damaged: it is not what was added. Remove it and add it again.")
        self.says.setText(text.format(name=one_line(wording.model_label(found.model), 80)))

    def _remove(self, card: ModelCard) -> None:
        readings = self._session.kept_readings(card.id)
        text = self.tr(
            "Its file is deleted from this computer; the original you added it from is not touched."
        )
        if readings:
            text += " " + self.tr(
                "%n reading(s) that it made of your dossiers are deleted with it. The dossiers stay.",
                None,
                readings,
            )
        title = self.tr("Remove “{name}”?").format(name=one_line(wording.model_label(card), 80))
        if Question(self, title, text, self.tr("Remove"), self.tr("Keep it"), danger=True).agreed():
            self._follow(self._session.remove_model(card.id), self.tr("The model is removed."))

    def _offer(self, path: Path | None) -> None:
        if path is None:
            return
        adding = ModelAdding(self._session, path, self)
        adding.exec()
        adding.deleteLater()
        self.refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if len(dropped_paths(event)) == 1:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = dropped_paths(event)
        if len(paths) == 1:
            event.acceptProposedAction()
            self._offer(paths[0])

    def _follow(self, task: Task, done: str) -> None:
        self.says.setText("")
        self._running.add(task)
        self._set_busy(True)
        self._bar.setRange(0, 0)
        task.progressed.connect(self._progress)
        if done:
            task.then(self, lambda _: self.says.setText(done))
        task.failed.connect(while_alive(self, lambda failure: self.says.setText(sentence(failure))))
        task.ended.connect(while_alive(self, lambda: self._over(task)))

    def _set_busy(self, busy: bool) -> None:
        self._bar.setVisible(busy)
        for part in (self.add_folder, self.add_file, self.own):
            part.setEnabled(not busy)

    def _progress(self, progress: Progress) -> None:
        if progress.total:
            self._bar.setRange(0, 1000)
            self._bar.setValue(1000 * progress.done // progress.total)

    def _over(self, task: Task) -> None:
        self._running.discard(task)
        self._set_busy(bool(self._running))
        self.refresh()
