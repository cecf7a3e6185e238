"""Drives the real application through its main journey and leaves a picture of every stage.

``python -m tests.ui.shots DIR [--language fr|en] [--model PATH]``, on a screen (``dev.py shots`` makes a
virtual one). With a model's file or folder, the journey is another: it is added, asked, and looked into.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.core.paths import Paths
from app.services.lanes import Lane
from app.services.operation import Operation, Progress
from app.services.spike_choice import SpikeChoice
from app.services.views import EngineState
from app.store.kdf import CHEAP_FOR_TESTS
from app.ui.application import Program
from app.ui.dialogs.settings_dialog import SettingsDialog
from app.ui.inside.inside_dialog import InsideDialog
from app.ui.main_window import MainWindow
from engine import cage
from engine.models.random_checkpoint import write_random_checkpoint

PASSPHRASE = "un vieux marronnier au bord du canal"
WAIT_S = 90.0
LONG_S = 1800.0  # for a large model
QUESTIONS = {
    "fr": ("Quelle est la valeur de la TSH ultrasensible ?", "nodule"),
    "en": ("Who performed the operation?", "scan"),
}


class Journey:
    """Waits for what it sees, never for a time; every picture is the whole window."""

    def __init__(self, application: QApplication, folder: Path, home: Path, language: str) -> None:
        self.application = application
        self.folder = folder
        self.home = home
        self.language = language
        self.number = 0
        self.restarted = False

    def program(self) -> Program:
        made = Program(
            self.application,
            Paths.find(self.home),
            cage.forbid_internet(),
            restart=lambda _: setattr(self, "restarted", True),
            kdf=CHEAP_FOR_TESTS,
            testing=True,
        )
        made.settings.change(theme="light")
        made.look.choose("light")
        return made

    def until(self, what: str, ready: Callable[[], object], wait_s: float = WAIT_S) -> None:
        end = time.monotonic() + wait_s
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError(f"waited in vain for {what}")
            QTest.qWait(20)

    def shot(self, window: QWidget, name: str, settle_ms: int = 250) -> None:
        QTest.qWait(settle_ms)
        self.number += 1
        path = self.folder / f"{self.number:02d}-{name}.png"
        window.grab().save(str(path))
        print(path.name, flush=True)

    # -- the journey ----------------------------------------------------------------------------------------

    def run(self) -> None:
        program = self.program()
        self.first_start(program)
        window = program.window
        assert window is not None
        self.work(program, window)
        self.locked(program, window)

    def run_with_model(self, source: Path) -> None:
        program = self.program()
        self.first_start(program)
        window = program.window
        assert window is not None
        window.resize(1440, 900)
        self.until(
            "the samples", lambda: window.library.documents.rows and not window.session.importing, LONG_S
        )
        settings = self.settings(window)
        settings.names.setCurrentRow(2)
        settings.show()
        self.shot_adding(window, settings, source, use=True)
        settings.close()
        self.shot_question(window)
        window.actions_.inside.trigger()
        dialog = window.findChild(InsideDialog)
        assert dialog is not None
        self.until("the inside of the model", lambda: dialog.card is not None)
        self.shot(dialog, "inside", 500)
        dialog.close()
        window.close()

    def first_start(self, program: Program) -> None:
        program.start()
        shell = program.shell
        assert shell is not None
        shell.resize(1440, 900)
        first = shell.centralWidget()
        first._speak(self.language)  # type: ignore[attr-defined]
        self.shot(shell, "language")
        first.pages.currentWidget().done.emit()  # type: ignore[attr-defined]
        page = first.pages.currentWidget()  # type: ignore[attr-defined]
        QTest.keyClicks(page.first.edit, PASSPHRASE)
        QTest.keyClicks(page.again.edit, PASSPHRASE)
        self.shot(shell, "passphrase")
        page.go.click()
        self.until("the recovery code", lambda: hasattr(first.pages.currentWidget(), "kept"))  # type: ignore[attr-defined]
        page = first.pages.currentWidget()  # type: ignore[attr-defined]
        self.shot(shell, "recovery-code")
        page.kept.setChecked(True)
        page.go.click()
        self.shot(shell, "model")
        first.pages.currentWidget().go.click()  # type: ignore[attr-defined]
        self.shot(shell, "samples")
        first.pages.currentWidget().go.click()  # type: ignore[attr-defined]
        self.until("the main window", lambda: program.window is not None and program.window.isVisible())

    def work(self, program: Program, window: MainWindow) -> None:
        window.resize(1440, 900)
        session = window.session
        self.until("the import to begin", lambda: window.library.documents.rows)
        self.shot(window, "importing", 60)
        self.until("the samples", lambda: not session.importing)
        self.shot(window, "main-window", 900)
        self.shot_question(window)
        self.shot_inside(program, window)
        self.shot_search(window)
        self.shot_exceptions(window)
        self.shot_dialogs(window)
        program.look.choose("dark")
        self.shot(window, "dark", 400)
        program.look.choose("light")
        window.resize(1000, 760)
        self.shot(window, "narrow", 400)
        window.panes.tabs.setCurrentIndex(1)
        self.shot(window, "narrow-pages", 600)
        window.resize(1440, 900)
        QTest.qWait(200)
        self.shot_veil(program, window)

    def shot_question(self, window: MainWindow) -> None:
        chat = window.chat
        question = QUESTIONS[self.language][0]
        if window.session.engine().state is not EngineState.OFF:
            self.until(
                "the model", lambda: window.session.engine().state in (EngineState.READY, EngineState.FAILED)
            )
        chat.composer.field.insertPlainText(question)
        self.shot(window, "question-typed")
        QTest.keyClick(chat.composer.field, Qt.Key.Key_Return)
        self.until(
            "words to stream",
            lambda: not chat.is_answering or chat.cards[-1].answer is not None or chat.cards[-1]._streamed,
            LONG_S,
        )
        self.shot(window, "streaming", 0)
        self.until("the answer", lambda: not chat.is_answering, LONG_S)
        self.shot(window, "answer")
        card = chat.cards[-1]
        if card.citations:
            card.cited.emit(card.citations[0], card)
            self.shot(window, "citation-open", 1200)
            window.actions_.text_strip.trigger()
            self.shot(window, "what-the-model-sees", 600)
            window.actions_.text_strip.trigger()
        for question in chat.welcome.questions[:2]:
            chat.ask(question)
            self.until("another answer", lambda: not chat.is_answering, LONG_S)
        self.shot(window, "more-answers", 500)
        self.shot_fold(window)
        self.shot(window, "reading", 300)

    def shot_fold(self, window: MainWindow) -> None:
        """An answer that quotes passages: two of them, then all, in the light and in the dark."""
        chat = window.chat
        card = next((card for card in reversed(chat.cards) if card.more is not None), None)
        if card is None or card.more is None:
            return
        column = chat._column
        for theme in ("light", "dark"):
            window._look.choose(theme)  # type: ignore[arg-type]
            column.ensureWidgetVisible(card.more.line, 0, 200)
            self.shot(window, f"folded-{theme}", 300)
            card.more.toggle()
            QTest.qWait(100)
            column.verticalScrollBar().setValue(card.y() + card.more.y())
            self.shot(window, f"unfolded-{theme}", 300)
            card.more.toggle()
        window._look.choose("light")

    def shot_veil(self, program: Program, window: MainWindow) -> None:
        """The idle time is up during a reading, which is held where it is for the picture."""
        release = threading.Event()

        def read(op: Operation[None]) -> None:
            op.report_only(Progress(157, 412, "page"))
            release.wait(WAIT_S)

        reading = window.session.workspace.lanes.run(Lane.READ, "read-dossier", read)
        try:
            self.until("the reading", lambda: reading.progress is not None)
            program.leave_alone()
            page = window.veiling.page
            assert page is not None
            self.shot(window, "veil", 400)
            QTest.keyClicks(page.field.edit, "not the passphrase")
            page.go.click()
            self.until("the refusal", lambda: page.said)
            program.look.choose("dark")
            self.shot(window, "veil-dark", 400)
            program.look.choose("light")
            QTest.keyClicks(page.field.edit, PASSPHRASE)
            page.go.click()
            self.until("the veil to lift", lambda: not window.veiling.is_drawn)
            self.shot(window, "veil-lifted", 300)
        finally:
            release.set()
        self.until("the end of the reading", lambda: reading.done)

    def shot_inside(self, program: Program, window: MainWindow) -> None:
        """The model without spikes and with them, in the light and in the dark; then as it was."""
        if window.session.engine().state is not EngineState.READY:
            return
        window.actions_.inside.trigger()
        dialog = window.findChild(InsideDialog)
        assert dialog is not None
        self.until("the inside of the model", lambda: dialog.card is not None)
        before = window._settings.current.model_spikes
        self.choose_spikes(window, SpikeChoice(0.0))
        self.until("no spikes", lambda: dialog.card is not None and not dialog.card.engine.spikes.k)
        self.shot(dialog, "inside-without-spikes", 500)
        self.choose_spikes(window, SpikeChoice(3.0))
        window.chat.ask(QUESTIONS[self.language][0])
        self.until("an answer with spikes", lambda: not window.chat.is_answering)
        self.until("its spikes", lambda: dialog.card is not None and dialog.card.answer is not None)
        self.shot(dialog, "inside-bitwise", 500)
        for name in ("ternary", "binary"):
            dialog.raster.show_coding(name)
            self.shot(dialog, f"inside-{name}", 300)
        program.look.choose("dark")
        dialog.raster.show_coding("bitwise")
        self.shot(dialog, "inside-dark", 400)
        program.look.choose("light")
        dialog.close()
        self.choose_spikes(window, SpikeChoice.parse(before.get("default", "")))

    def choose_spikes(self, window: MainWindow, choice: SpikeChoice) -> None:
        task = window.session.choose_spikes(choice)
        self.until("the choice of spikes", lambda: not task.running)
        self.until("the model", lambda: window.session.engine().state is EngineState.READY)

    def shot_search(self, window: MainWindow) -> None:
        window.actions_.search.trigger()
        QTest.keyClicks(window.top.search, QUESTIONS[self.language][1])
        self.until("results", lambda: window.search.rows.rows)
        window.search.first()
        self.shot(window, "search", 1000)
        window.actions_.stop.trigger()

    def shot_exceptions(self, window: MainWindow) -> None:
        folder = Path(tempfile.mkdtemp(prefix="huisclos-shots-"))
        try:
            (folder / "scan-vide.pdf").write_bytes(b"")
            (folder / "rapport.pdf").write_bytes(b"this is no PDF at all")
            (folder / "photo.heic").write_bytes(bytes(range(256)) * 8)
            (folder / "notes.txt").write_text("Rendez-vous le 12 mars 2025 avec Mme Aubertin.\n", "utf-8")
            window.deeds.take_in([folder])
            self.until("the exceptions", lambda: len(window.library.exceptions.cards) >= 3)
            self.until("the import to end", lambda: not window.session.importing)
            window.library.exceptions.open()
            self.shot(window, "exceptions", 600)
        finally:
            shutil.rmtree(folder)
        window.toast.hide()
        window.library.exceptions.head.setChecked(False)

    def shot_dialogs(self, window: MainWindow) -> None:
        from app.ui.dialogs.command_palette import CommandPalette
        from app.ui.dialogs.diagnostics import Diagnostics
        from app.ui.dialogs.guarantees import Guarantees
        from app.ui.dialogs.shortcuts import Shortcuts

        settings = self.settings(window)
        dialogs = [
            (settings, "settings"),
            (Guarantees(window._look, window._guarantee, window), "guarantees"),
            (Shortcuts(window.actions_, window), "shortcuts"),
            (CommandPalette(window.actions_, window), "commands"),
            (Diagnostics(window.session.diagnose(), window._guarantee, window), "diagnostics"),
        ]
        for dialog, name in dialogs:
            dialog.show()
            self.shot(dialog, name)
            if dialog is settings:
                for row, part in ((1, "security"), (2, "models")):
                    settings.names.setCurrentRow(row)
                    self.shot(dialog, f"{name}-{part}")
                source = Path(tempfile.mkdtemp(prefix="huisclos-shots-")) / "Random-1B"
                write_random_checkpoint(source, "base", "tiny")
                self.shot_adding(window, settings, source, use=False)
                shutil.rmtree(source.parent)
            dialog.close()
            dialog.deleteLater()

    def settings(self, window: MainWindow) -> SettingsDialog:
        return SettingsDialog(window._look, window._settings, window.session, window)

    def shot_adding(self, window: MainWindow, settings: QWidget, source: Path, *, use: bool) -> None:
        """What is taken in, with the way there; ``use`` has it answer from then on."""
        from app.ui.dialogs.model_adding import ModelAdding
        from app.ui.dialogs.models_page import ModelsPage

        adding = ModelAdding(window.session, source, settings)
        adding.show()
        try:
            self.until("what it is", lambda: adding.add.isVisible(), LONG_S)
            adding.use.setChecked(use)
            self.shot(adding, "model-seen")
            adding.add.click()
            self.until("the conversion", lambda: adding.says.text())
            self.shot(adding, "model-converting", 60)
            self.until("the measured speed", lambda: not adding.busy, LONG_S)
            self.shot(adding, "model-added")
        finally:
            adding.close()
            adding.deleteLater()
        for page in settings.findChildren(ModelsPage):
            page.refresh()
        self.shot(settings, "settings-models-two")

    def locked(self, program: Program, window: MainWindow) -> None:
        program.lock()
        assert self.restarted
        window.hide()
        window.deleteLater()
        again = self.program()
        again.start()
        shell = again.shell
        assert shell is not None
        shell.resize(1440, 900)
        self.shot(shell, "locked")
        page = shell.centralWidget()
        QTest.keyClicks(page.field.edit, "not the passphrase")  # type: ignore[attr-defined]
        page.go.click()  # type: ignore[attr-defined]
        self.until("the refusal", lambda: page.said)  # type: ignore[attr-defined]
        self.shot(shell, "wrong-passphrase")
        shell.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", choices=("fr", "en"), default="fr")
    parser.add_argument("--model", type=Path, metavar="PATH", help="add this one and ask it")
    given = parser.parse_args()
    folder: Path = given.folder
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication(["huisclos"])
    application.setQuitOnLastWindowClosed(False)
    home = Path(tempfile.mkdtemp(prefix="huisclos-shots-home-"))
    try:
        journey = Journey(application, folder, home, given.language)
        if given.model is None:
            journey.run()
        else:
            journey.run_with_model(given.model)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
