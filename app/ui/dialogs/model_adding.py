"""Adding a model: what a folder or file is, in which form to keep it, its conversion, its speed here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLayout,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.bridge.session import Session
from app.bridge.tasks import Task, while_alive
from app.services.operation import Progress
from app.services.views import ModelCard, ModelLook
from app.ui import model_words, wording
from app.ui.buttons import button
from app.ui.failures import sentence
from app.ui.labels import label
from app.ui.plain import one_line

WIDTH_PX = 560
_INDENT_PX = 27  # under the words of a radio button


@dataclass(slots=True)
class RunningConversion:
    """A conversion that went on when its dialog was hidden. ``failure`` is set when it did not end well."""

    path: Path
    use: bool
    task: Task
    failure: Exception | None = None


class ModelAdding(QDialog):
    """Looks at ``path`` at once; nothing is taken in before the person says so. Closing stops what runs, and
    then nothing of it stays. ``running`` is followed instead, where a conversion was handed over."""

    def __init__(
        self, session: Session, path: Path, parent: QWidget, running: RunningConversion | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Add a model"))
        self.setFixedWidth(WIDTH_PX)
        self._session = session
        self._path = path
        self._task: Task | None = None
        self._converting = False
        self._stopping = False
        self._forms = QButtonGroup(self)
        self.title = label(one_line(path.name, 80), "heading", wrap=True)
        self.facts = label("", "muted", wrap=True)
        self.note = label("", "small", wrap=True)
        self.choices = QFrame()
        self.choices.setProperty("role", "card")
        self._rows = QVBoxLayout(self.choices)
        self._rows.setContentsMargins(16, 12, 16, 12)
        self._rows.setSpacing(8)
        self.use = QCheckBox(self.tr("Answer with it from now on"))
        self.use.setChecked(True)
        self.says = label("", "", wrap=True)
        self.more = label("", "small", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 0)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.add = button(self.tr("Add this model"), "primary", self._add)
        self.stop = button(self.tr("Cancel"), "", self.reject)
        self._lay_out()
        self._show_choices(False)
        if running is not None:
            self.use.setChecked(running.use)
            self._convert(running.task)
            return
        self._say(self.tr("Looking at it…"))
        self._follow(session.look_at_model(path), self._seen)

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # see ``_fit``
        box.setContentsMargins(28, 24, 28, 20)
        box.setSpacing(10)
        for part in (
            self.title,
            self.facts,
            self.note,
            self.choices,
            self.use,
            self.bar,
            self.says,
            self.more,
        ):
            box.addWidget(part)
        box.addStretch(1)
        row = QHBoxLayout()
        row.setContentsMargins(0, 6, 0, 0)
        row.setSpacing(10)
        row.addStretch(1)
        row.addWidget(self.stop)
        row.addWidget(self.add)
        box.addLayout(row)
        self.add.setDefault(True)

    @property
    def busy(self) -> bool:
        return self._task is not None and self._task.running

    @property
    def form(self) -> str:
        """The form that is chosen."""
        checked = self._forms.checkedButton()
        return str(checked.property("form")) if checked is not None else "auto"

    # -- what it is -----------------------------------------------------------------------------------------

    def _seen(self, look: ModelLook) -> None:
        if self._stopping:
            super().reject()
            return
        self.title.setText(one_line(look.name, 80))
        facts = [model_words.parameters(look.parameters), model_words.kind(look)]
        facts += [wording.size(look.source_bytes), model_words.licence(look.licence)]
        self.facts.setText(" · ".join(facts))
        self.note.setText(model_words.note(look.note))
        for offer in look.offers:
            fits = model_words.fit(offer.size_bytes, look.memory_bytes)
            if look.is_checkpoint:
                choice = QRadioButton(model_words.offer(offer).replace("&", "&&"))
                choice.setProperty("form", offer.format)
                choice.setChecked(offer.format == look.recommended)
                choice.setAccessibleDescription(fits)
                self._forms.addButton(choice)
                self._rows.addWidget(choice)
            words = label(fits, "small", wrap=True)
            words.setContentsMargins(_INDENT_PX if look.is_checkpoint else 0, 0, 0, 0)
            self._rows.addWidget(words)
        least = min(offer.size_bytes for offer in look.offers)
        room = self.tr("The original stays where it is. {free} are free on the disk.").format(
            free=wording.size(look.disk_free_bytes)
        )
        if look.disk_free_bytes < least:
            self.add.setEnabled(False)
            room = self.tr("There is not enough room: {needed} are needed, {free} are free.").format(
                needed=wording.size(least), free=wording.size(look.disk_free_bytes)
            )
        self._show_choices(True)
        self._say("", room)
        (self._forms.checkedButton() or self.add).setFocus()

    def _say(self, text: str, more: str = "") -> None:
        for part, words in ((self.says, text), (self.more, more)):
            part.setText(words)
            part.setVisible(bool(words))
        self._fit()

    def _show_choices(self, shown: bool) -> None:
        for part in (self.choices, self.use, self.add):
            part.setVisible(shown)
        self.note.setVisible(bool(self.note.text()))
        self.bar.setVisible(not shown)
        self._fit()

    def _fit(self) -> None:
        """As high as its words need at this width; their sizes alone would leave gaps."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            self.resize(WIDTH_PX, layout.totalHeightForWidth(WIDTH_PX))

    # -- taking it in ---------------------------------------------------------------------------------------

    def _add(self) -> None:
        self._show_choices(False)
        self._convert(self._session.add_model(self._path, format_name=self.form, choose=self.use.isChecked()))

    def _convert(self, task: Task) -> None:
        self._say(self.tr("Converting…"), self.tr("This can take a while. Cancelling leaves nothing behind."))
        self._converting = True
        task.progressed.connect(while_alive(self, self._progress))
        if task.operation.progress is not None:
            self._progress(task.operation.progress)
        self._follow(task, self._added)

    def _progress(self, progress: Progress) -> None:
        if self._stopping:
            return
        if progress.detail == "measure":
            self.bar.setRange(0, 0)
            self.says.setText(self.tr("Trying it out and measuring its speed…"))
        elif progress.total:
            self.bar.setRange(0, progress.total)
            self.bar.setValue(progress.done)
            self.says.setText(
                self.tr("Converting: {percent}%").format(percent=100 * progress.done // progress.total)
            )

    def _added(self, card: ModelCard) -> None:
        dossier = self._session.opened_dossier()
        characters = 0 if dossier is None else self._session.characters(dossier.id)
        told = [model_words.length(card), model_words.speed(card)]
        told.append(model_words.dossier_time(card, dossier, characters))
        done = (
            self.tr("It is installed and answers from now on.")
            if self.use.isChecked()
            else self.tr("It is installed. Choose it in the list when you want it.")
        )
        self._finish(done, "\n".join(line for line in told if line))

    def _failed(self, failure: Exception) -> None:
        self._finish(sentence(failure), self.tr("Nothing was installed."))

    def _finish(self, text: str, more: str) -> None:
        self.bar.hide()
        self._say(text, more)
        self.stop.setText(self.tr("Close"))
        self.stop.setAccessibleName(self.tr("Close"))
        self.stop.setEnabled(True)  # also when it ended before it could be stopped
        self.stop.setFocus()

    def _follow(self, task: Task, then: object) -> None:
        self._task = task
        task.then(self, then)  # type: ignore[arg-type]
        task.failed.connect(while_alive(self, self._failed))
        task.cancelled.connect(while_alive(self, super().reject))

    def hand_over(self) -> RunningConversion | None:
        """Let go of a conversion that goes on without this dialog; a look at a model ends with it."""
        task = self._task
        if task is None or not task.running:
            return None
        if not self._converting or self._stopping:
            task.cancel()
            return None
        handed = RunningConversion(self._path, self.use.isChecked(), task)
        task.failed.connect(lambda failure: setattr(handed, "failure", failure))
        return handed

    # -- leaving --------------------------------------------------------------------------------------------

    def reject(self) -> None:
        """The first wish to leave stops what runs; the dialog goes when that has cleared up behind itself."""
        if self.busy and self._task is not None:
            self._stopping = True
            self.says.setText(self.tr("Stopping…"))
            self.stop.setEnabled(False)
            self._task.cancel()
            return
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.busy:
            event.ignore()
            self.reject()
        else:
            super().closeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.reject()
            return
        super().keyPressEvent(event)
