"""What a person does to dossiers and files: each deed asks what it must, then hands the verb to the
session.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QWidget

from app.bridge.session import Session
from app.core.resources import resource
from app.services.views import DossierCard, ImportReport, ReadingState
from app.ui import wording
from app.ui.actions import Actions
from app.ui.dialogs.files import choose_files, choose_folder
from app.ui.dialogs.question import NameDialog, Question
from app.ui.language import Speech
from app.ui.library.library_pane import LibraryPane, name_for
from app.ui.plain import one_line


class Deeds(QObject):
    """``said`` carries a short report; ``import_ended`` comes when no file is being taken in any more."""

    said = Signal(str)
    import_began = Signal()
    import_ended = Signal()

    def __init__(
        self, actions: Actions, session: Session, library: LibraryPane, language: Speech, window: QWidget
    ) -> None:
        super().__init__(window)
        self._session = session
        self._library = library
        self._language = language
        self._window = window
        actions.new_dossier.triggered.connect(self.new_dossier)
        actions.rename_dossier.triggered.connect(self.rename_dossier)
        actions.delete_dossier.triggered.connect(self.delete_dossier)
        actions.add_files.triggered.connect(lambda: self.take_in(choose_files(window)))
        actions.add_folder.triggered.connect(lambda: self.take_in(choose_folder(window)))
        actions.remove_document.triggered.connect(self.remove_document)
        actions.read.triggered.connect(self.read_or_pause)
        actions.cancel_work.triggered.connect(session.cancel_imports)
        library.samples_wanted.connect(lambda: self.take_in_samples(("patient", "case")))

    def new_dossier(self) -> None:
        dialog = NameDialog(
            self._window, self.tr("New dossier"), self.tr("Name of the dossier"), "", self.tr("Create")
        )
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self._session.create_dossier(dialog.name).then(self, lambda card: self._library.choose(card.id))
        dialog.deleteLater()

    def rename_dossier(self) -> None:
        card = self._library.dossier
        if card is None:
            return
        dialog = NameDialog(
            self._window,
            self.tr("Rename the dossier"),
            self.tr("Name of the dossier"),
            card.name,
            self.tr("Rename"),
        )
        if dialog.exec() == QDialog.DialogCode.Accepted and dialog.name != card.name:
            self._session.rename_dossier(card.id, dialog.name)
        dialog.deleteLater()

    def delete_dossier(self) -> None:
        card = self._library.dossier
        if card is None:
            return
        what = self.tr(
            "Its documents, chats and readings are destroyed in the vault. The files they came from stay "
            "where they are."
        )
        question = Question(
            self._window,
            self.tr("Delete “{name}”?").format(name=one_line(card.name, 60)),
            what,
            self.tr("Delete"),
            self.tr("Keep"),
            danger=True,
        )
        if question.agreed():
            self._session.delete_dossier(card.id)

    def remove_document(self) -> None:
        card = self._library.document
        if card is None:
            return
        question = Question(
            self._window,
            self.tr("Remove “{name}”?").format(name=one_line(card.name, 60)),
            self.tr(
                "It is destroyed in the vault. The file it came from stays where it is. The dossier is "
                "read again without it."
            ),
            self.tr("Remove"),
            self.tr("Keep"),
            danger=True,
        )
        if question.agreed():
            self._session.remove_document(card.id)

    def read_or_pause(self) -> None:
        card = self._library.dossier
        if card is None:
            return
        if self._session.reading(card.id).state is ReadingState.READING:
            self._session.pause_reading(card.id)
        else:
            self._session.read_dossier(card.id)

    # -- taking in ------------------------------------------------------------------------------------------

    def take_in(self, paths: Sequence[Path], *, into_new: bool = False) -> None:
        """Into the dossier in hand; into a new one named after the files when there is none."""
        if not paths:
            return
        card = None if into_new else self._library.dossier
        if card is not None:
            self._import(card.id, paths)
            return
        name = self._free_name(name_for(list(paths)))
        self._session.create_dossier(name).then(self, lambda made: self._begin(made, paths))

    def take_in_samples(self, kinds: Sequence[str]) -> None:
        """The invented dossiers of the window's language; the first of them is opened."""
        names = {"patient": self.tr("Sample: a patient"), "case": self.tr("Sample: a case")}
        for number, kind in enumerate(kinds):
            folder = resource("samples", self._language, kind)

            def begin(card: DossierCard, folder: Path = folder, first: bool = number == 0) -> None:
                self._begin(card, [folder], choose=first)

            self._session.create_dossier(self._free_name(names[kind])).then(self, begin)

    def resume(self) -> None:
        """Go on with what a shutdown or a crash left."""
        task = self._session.resume_imports()
        task.succeeded.connect(self._report)
        task.ended.connect(self._ended)

    def may_close(self) -> bool:
        """True when nothing is being taken in, or when the person agrees to pause it."""
        if not self._session.importing:
            return True
        return Question(
            self._window,
            self.tr("Files are still being taken in"),
            self.tr(
                "If you close now, taking in pauses and goes on at the same page when you unlock again. "
                "Nothing is lost."
            ),
            self.tr("Close"),
            self.tr("Stay"),
        ).agreed()

    def _begin(self, card: DossierCard, paths: Sequence[Path], *, choose: bool = True) -> None:
        if choose:
            self._library.choose(card.id)
        self._import(card.id, paths)

    def _import(self, dossier_id: str, paths: Sequence[Path]) -> None:
        self.import_began.emit()
        task = self._session.import_paths(dossier_id, paths)
        task.succeeded.connect(self._report)
        task.ended.connect(self._ended)

    def _ended(self) -> None:
        if not self._session.importing:
            self.import_ended.emit()

    def _report(self, report: ImportReport) -> None:
        parts = []
        if report.added:
            parts.append(
                self.tr("%n document(s) taken in ({pages}).", "", len(report.added)).format(
                    pages=wording.pages(report.pages)
                )
            )
        if report.duplicates:
            parts.append(self.tr("%n file(s) were here already.", "", len(report.duplicates)))
        if report.exceptions:
            parts.append(
                self.tr(
                    "%n file(s) could not be taken in; the reasons are on the left.",
                    "",
                    len(report.exceptions),
                )
            )
            self._library.exceptions.open()
        if parts:
            self.said.emit(" ".join(parts))

    def _free_name(self, wanted: str) -> str:
        wanted = one_line(wanted, 120) or self.tr("New dossier")
        taken = {card.name.casefold() for card in self._session.dossiers()}
        name, number = wanted, 2
        while name.casefold() in taken:
            name, number = f"{wanted} {number}", number + 1
        return name
