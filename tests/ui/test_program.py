"""One run of the program: first start, unlocking, locking, and what can be wrong with a vault."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.core.paths import Paths
from app.core.resources import resource
from app.core.settings import SettingsFile
from app.services.schema import MIGRATIONS, REFERENCES
from app.store import CHEAP_FOR_TESTS, Vault
from app.ui.application import Program
from app.ui.start.first_start import FirstStart
from app.ui.start.language_page import LanguagePage
from app.ui.start.model_page import ModelPage
from app.ui.start.passphrase_page import PassphrasePage
from app.ui.start.recovery_page import RecoveryPage
from app.ui.start.samples_page import SamplesPage
from app.ui.start.unlock_page import UnlockPage
from engine.cage import Guarantee
from tests.ui.conftest import OFFLINE, WAIT_MS

PASSPHRASE = "un vieux marronnier au bord"


@dataclass
class Runs:
    """Starts programs over one home, and ends what a test left running."""

    qtbot: QtBot
    application: QApplication
    home: Path
    restarts: list[tuple[str, ...]] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)

    def start(self, guarantee: Guarantee = OFFLINE) -> Program:
        program = Program(
            self.application,
            Paths.find(self.home),
            guarantee,
            ["--vault", "x"],
            restart=lambda arguments: self.restarts.append(tuple(arguments)),
            kdf=CHEAP_FOR_TESTS,
            testing=True,
        )
        self.programs.append(program)
        program.look.choose("light")
        program.start()
        return program

    @property
    def vault(self) -> Path:
        return Paths.find(self.home).default_vault

    def until(self, ready: object) -> None:
        self.qtbot.waitUntil(lambda: bool(ready()), timeout=WAIT_MS)  # type: ignore[operator]

    def page(self, program: Program) -> QWidget:
        """The page of the first start, or the unlocking page."""
        assert program.shell is not None
        page = program.shell.centralWidget()
        return page.pages.currentWidget() if isinstance(page, FirstStart) else page

    def put_vault(self) -> None:
        """An empty vault as a first start in English leaves it."""
        paths = Paths.find(self.home)
        paths.create()
        SettingsFile(paths.settings_file).change(language="en", first_start_done=True)
        Vault.create(
            self.vault, PASSPHRASE, MIGRATIONS, kdf=CHEAP_FOR_TESTS, references=REFERENCES, testing=True
        ).close()

    def make_vault(self) -> Program:
        """Go through the first start with an empty library."""
        program = self.start()
        language = self.page(program)
        assert isinstance(language, LanguagePage)
        language.choices["en"].click()
        self.page(program).go.click()  # type: ignore[attr-defined]
        passphrase = self.page(program)
        assert isinstance(passphrase, PassphrasePage)
        QTest.keyClicks(passphrase.first.edit, PASSPHRASE)
        QTest.keyClicks(passphrase.again.edit, PASSPHRASE)
        passphrase.go.click()
        self.until(lambda: isinstance(self.page(program), RecoveryPage))
        self.page(program).done.emit()  # type: ignore[attr-defined]
        self.page(program).done.emit()  # type: ignore[attr-defined]
        self.page(program).done.emit(())  # type: ignore[attr-defined]
        self.until(lambda: program.window is not None)
        return program

    def unlock(self, program: Program, secret: str = PASSPHRASE) -> None:
        page = self.page(program)
        assert isinstance(page, UnlockPage)
        QTest.keyClicks(page.field.edit, secret)
        QTest.keyClick(page.field.edit, Qt.Key.Key_Return)

    def end(self, program: Program) -> None:
        program.leave()
        for window in (program.window, program.shell):
            if window is not None:
                window.deleteLater()
        self.application.removeEventFilter(program._idle)
        program.speaker.close()
        program.deleteLater()
        self.programs.remove(program)

    def close(self) -> None:
        for program in list(self.programs):
            self.end(program)
        self.qtbot.wait(10)


@pytest.fixture
def runs(qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    monkeypatch.setattr("app.services.models.resource", lambda *parts: tmp_path / "no-models")
    with contextlib.closing(Runs(qtbot, qapp, tmp_path / "home with a space")) as runs:
        yield runs


def test_the_first_start_leads_from_the_language_to_the_window(runs: Runs) -> None:
    program = runs.start()
    assert program.shell is not None
    assert program.shell.isVisible()
    language = runs.page(program)
    assert isinstance(language, LanguagePage)
    language.choices["fr"].click()
    assert runs.page(program).go.text() == "Continuer"  # type: ignore[attr-defined]
    runs.page(program).choices["en"].click()  # type: ignore[attr-defined]
    runs.page(program).go.click()  # type: ignore[attr-defined]
    passphrase = runs.page(program)
    assert isinstance(passphrase, PassphrasePage)
    QTest.keyClicks(passphrase.first.edit, "too short")
    QTest.keyClicks(passphrase.again.edit, "too short")
    assert not passphrase.go.isEnabled()
    passphrase.forget()
    QTest.keyClicks(passphrase.first.edit, PASSPHRASE)
    QTest.keyClicks(passphrase.again.edit, PASSPHRASE + "x")
    passphrase.go.click()
    assert "not the same" in passphrase._says.text()
    assert not Vault.exists(runs.vault)
    QTest.keyClick(passphrase.again.edit, Qt.Key.Key_Backspace)
    passphrase.go.click()
    runs.until(lambda: isinstance(runs.page(program), RecoveryPage))
    recovery = runs.page(program)
    assert isinstance(recovery, RecoveryPage)
    assert not recovery.go.isEnabled()
    recovery.kept.setChecked(True)
    code = recovery._code
    recovery.go.click()
    model = runs.page(program)
    assert isinstance(model, ModelPage)
    model.go.click()
    samples = runs.page(program)
    assert isinstance(samples, SamplesPage)
    samples.boxes["case"].setChecked(False)
    samples.go.click()
    runs.until(lambda: program.window is not None and program.window.isVisible())
    window = program.window
    assert window is not None
    count = sum(1 for path in resource("samples", "en", "patient").iterdir() if path.is_file())
    runs.until(lambda: len([c for c in window.library.documents.rows if c.pages]) >= count)
    runs.until(lambda: not window.session.importing)
    assert not window.library.exceptions.cards
    runs.end(program)
    assert program.settings.current.language == "en"
    again = runs.start()
    runs.unlock(again, code)
    runs.until(lambda: again.window is not None)


def test_a_recovery_code_can_be_saved_to_a_file_for_its_owner_alone(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = RecoveryPage("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG")
    runs.qtbot.addWidget(page)
    path = tmp_path / "code.txt"
    monkeypatch.setattr("app.ui.start.recovery_page.choose_file_to_save", lambda *_: path)
    page._save()
    assert "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG" in path.read_text("utf-8")
    assert path.stat().st_mode & 0o077 == 0
    assert page.go.isEnabled()
    monkeypatch.setattr(
        "app.ui.start.recovery_page.choose_file_to_save", lambda *_: tmp_path / "no" / "code.txt"
    )
    page._save()
    assert "could not be written" in page._says.text()


def test_a_wrong_passphrase_is_told_and_the_right_one_opens(runs: Runs) -> None:
    runs.put_vault()
    program = runs.start()
    runs.unlock(program, "not the passphrase")
    page = runs.page(program)
    assert isinstance(page, UnlockPage)
    runs.until(lambda: page.said)
    assert page.said == "The passphrase is not right. Nothing was changed."
    assert page.field.text == ""
    runs.until(page.field.isEnabled)
    runs.unlock(program)
    runs.until(lambda: program.window is not None and program.window.isVisible())


def test_a_vault_open_elsewhere_is_told(runs: Runs) -> None:
    first = runs.make_vault()
    second = runs.start()
    runs.unlock(second)
    page = runs.page(second)
    assert isinstance(page, UnlockPage)
    runs.until(lambda: page.said)
    assert "already open in another window" in page.said
    assert first.session is not None


def test_a_damaged_vault_is_told_and_left_as_it_is(runs: Runs) -> None:
    runs.put_vault()
    database = runs.vault / "library.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    program = runs.start()
    runs.unlock(program)
    page = runs.page(program)
    assert isinstance(page, UnlockPage)
    runs.until(lambda: page.said)
    assert "The vault is damaged" in page.said
    assert page.go.isEnabled()


def test_a_vault_that_is_gone_begins_anew(runs: Runs) -> None:
    runs.put_vault()
    shutil.rmtree(runs.vault)
    program = runs.start()
    assert isinstance(runs.page(program), LanguagePage)


def test_locking_blanks_the_window_clears_the_clipboard_and_ends_everything(runs: Runs) -> None:
    program = runs.make_vault()
    window = program.window
    assert window is not None
    QGuiApplication.clipboard().setText("words of a dossier")
    workspace = window.session.workspace
    window.actions_.lock.trigger()
    assert window.centralWidget().findChildren(QWidget) == []
    assert QGuiApplication.clipboard().text() == ""
    assert workspace.closing
    assert runs.restarts == [("--vault", "x")]
    assert program.session is None


def test_it_locks_by_itself_when_nobody_touches_it(runs: Runs) -> None:
    program = runs.make_vault()
    program._idle.watch(0.002)
    runs.until(lambda: runs.restarts)
    assert program.session is None


def test_touching_it_keeps_it_open(runs: Runs) -> None:
    program = runs.make_vault()
    assert program.window is not None
    idle, now_s = program._idle, [1_000_000.0]
    idle._clock = lambda: now_s[0]
    idle.watch(0.5)
    for _ in range(8):
        now_s[0] += 20
        QTest.keyClick(program.window.chat.composer.field, Qt.Key.Key_A)
        idle._tick()
    assert not runs.restarts
    for _ in range(2):
        now_s[0] += 20
        idle._tick()
    runs.until(lambda: runs.restarts)


def test_another_language_builds_the_window_again_in_place(runs: Runs) -> None:
    program = runs.make_vault()
    first = program.window
    assert first is not None
    first.deeds.take_in([_file(runs, "lettre.txt")])
    runs.until(lambda: first.library.documents.rows and not first.session.importing)
    first.language_chosen.emit("fr")
    second = program.window
    assert second is not None
    assert second is not first
    assert second.chat.composer.field.placeholderText() == "Posez une question sur ce dossier…"
    assert second.library.dossier is not None
    second.deeds.take_in([_file(runs, "autre.txt")])
    runs.until(lambda: len(second.library.documents.rows) == 2 and not second.session.importing)


def test_a_network_that_is_not_blocked_is_said_as_such(runs: Runs) -> None:
    runs.put_vault()
    bare = Guarantee("elsewhere", broken=frozenset({"internet"}), reason="no filter here")
    program = runs.start(bare)
    runs.unlock(program)
    runs.until(lambda: program.window is not None)
    assert program.window is not None
    assert program.window.status.network.text() == "Network not blocked by the system"
    assert "no filter here" in program.window.status.network.toolTip()


def _file(runs: Runs, name: str) -> Path:
    path = runs.home.parent / "files" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"Le texte de {name}.\n", "utf-8")
    return path
