"""The diagnostics dialog: read, copied, saved by choice; in both languages; without a word of a dossier."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QPlainTextEdit

from app import __version__
from app.ui.dialogs.diagnostics import Diagnostics
from app.ui.main_window import MainWindow
from tests.ui.conftest import OFFLINE, Stage

CANARY = "Zibeline"


def shown(window: MainWindow) -> Diagnostics:
    return Diagnostics(window.session.diagnose(), OFFLINE, window)


def test_it_tells_versions_and_codes_and_no_word_of_a_dossier(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, **{f"{CANARY}_txt": f"Madame {CANARY}, apixaban.\n", f"{CANARY}_pdf": b"no pdf"})
    client = scripted.desk.client
    assert client is not None
    client.log = ["engine 1: kept ['internet'], broken []", f"Madame {CANARY}"]
    client.answer = lambda _: f"Madame {CANARY} [1]."
    scripted.ask(window, f"Que prend {CANARY} ?")
    client.die()
    dialog = shown(window)
    assert CANARY not in dialog.text
    assert __version__ in dialog.text
    assert "gave-up" in dialog.text
    assert "engine 1: kept ['internet'], broken []" in dialog.text
    assert window.library.exceptions.cards[0].problem.code in dialog.text
    assert str(scripted.desk.root) not in dialog.text
    dialog.deleteLater()


def test_it_is_copied_and_saved_where_the_person_wants_it(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = shown(stage.open())
    dialog.copy.click()
    assert QGuiApplication.clipboard().text() == dialog.text
    path = tmp_path / "diagnostics.txt"
    monkeypatch.setattr("app.ui.dialogs.diagnostics.choose_file_to_save", lambda *_: path)
    dialog.save.click()
    assert path.read_text("utf-8") == dialog.text + "\n"
    assert path.stat().st_mode & 0o077 == 0
    assert dialog.says.text() == "Saved."
    monkeypatch.setattr("app.ui.dialogs.diagnostics.choose_file_to_save", lambda *_: tmp_path / "no" / "x")
    dialog.save.click()
    assert "could not be written" in dialog.says.text()
    monkeypatch.setattr("app.ui.dialogs.diagnostics.choose_file_to_save", lambda *_: None)
    before = sorted(tmp_path.rglob("*.txt"))
    dialog.save.click()
    assert sorted(tmp_path.rglob("*.txt")) == before
    dialog.deleteLater()


def test_it_opens_by_its_key_and_speaks_french(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    window = stage.open("fr")
    opened: list[Diagnostics] = []
    monkeypatch.setattr(Diagnostics, "exec", lambda self: opened.append(self))
    window.activateWindow()
    window.actions_.diagnostics.trigger()
    (dialog,) = opened
    assert dialog.windowTitle() == "Diagnostic"
    assert "[Moteur]" in dialog.text
    assert "Réseau bloqué" in dialog.text
    for part in (*dialog.findChildren(QAbstractButton), *dialog.findChildren(QPlainTextEdit)):
        assert part.accessibleName() or not part.isVisibleTo(dialog)
