"""Adding, choosing, checking and removing models in the window, with the keyboard and by a drop."""

from __future__ import annotations

import re
import shutil

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QRadioButton, QToolButton
from shiboken6 import isValid

from app.services.views import EngineState
from app.ui.dialogs import models_page
from app.ui.dialogs.model_adding import ModelAdding
from app.ui.dialogs.models_page import ModelsPage
from engine.models.random_checkpoint import write_random_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "V1-7B-base"
    write_random_checkpoint(folder, "base", "tiny")
    return folder


@pytest.fixture
def page(stage):
    window = stage.open()
    stage.take_in(window, lettre_txt=stage.desk.LETTER)
    page = ModelsPage(stage.look, window.session, window)
    page.show()
    return page


def names(page):
    return [choice.text() for choice in page._area.findChildren(QRadioButton)]


def settle(stage, over):
    """Wait for a process or two to start and end, on a busy machine."""
    stage.qtbot.waitUntil(lambda: bool(over()), timeout=100_000)


def adding(page, path):
    dialog = ModelAdding(page._session, path, page)
    dialog.show()
    return dialog


def test_a_checkpoint_is_shown_converted_measured_and_answers(stage, page, checkpoint):
    dialog = adding(page, checkpoint)
    settle(stage, lambda: not dialog.busy)
    assert "4.8 million parameters · a checkpoint, 15 files" in dialog.facts.text()
    assert "licence: none: random numbers" in dialog.facts.text()
    forms = {str(b.property("form")): b for b in dialog._forms.buttons()}
    assert list(forms) == ["q8", "q4", "bf16"]
    assert forms["q8"].isChecked()
    assert forms["q8"].accessibleDescription().startswith("Fits this computer: 5.0 MB of ")
    assert dialog.focusWidget() is forms["q8"]
    QTest.keyClick(forms["q4"], Qt.Key.Key_Space)
    assert dialog.form == "q4"
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    settle(stage, lambda: not dialog.busy)
    assert dialog.says.text() == "It is installed and answers from now on."
    assert "Measured here: reads " in dialog.more.text()
    assert re.search("1 page: about [0-9]+\N{NO-BREAK SPACE}(s|min) to read here", dialog.more.text())
    assert dialog.focusWidget() is dialog.stop
    assert dialog.stop.isEnabled()
    dialog.close()
    page.refresh()
    assert names(page) == ["Random base"]
    assert page._session.engine().state is EngineState.READY
    assert checkpoint.is_dir()


def test_what_is_no_model_is_refused_by_name_and_leaves_nothing(stage, page, tmp_path):
    dialog = adding(page, stage.desk.file("report.pdf", "%PDF-1.7"))
    settle(stage, lambda: not dialog.busy)
    assert "report.pdf" in dialog.says.text()
    assert dialog.more.text() == "Nothing was installed."
    assert not dialog.add.isVisible()
    dialog.close()
    assert names(page) == []


def test_escape_stops_a_conversion_and_leaves_nothing(stage, page, checkpoint):
    dialog = adding(page, checkpoint)
    settle(stage, lambda: not dialog.busy)
    QTest.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    assert dialog.busy
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.says.text() == "Stopping…"
    settle(stage, lambda: not dialog.isVisible())
    folder = page._session.workspace.host.catalogue.folder
    assert not folder.exists() or not list(folder.iterdir())


def test_what_ends_before_it_could_be_stopped_can_still_be_closed(stage, page, checkpoint):
    dialog = adding(page, checkpoint)
    stage.until(lambda: not dialog.busy)
    dialog._add()
    dialog._task.operation.cancel = lambda: None  # it comes too late
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.stop.isEnabled()
    stage.until(lambda: not dialog.busy)
    assert dialog.says.text() == "It is installed and answers from now on."
    assert dialog.stop.isEnabled()
    QTest.mouseClick(dialog.stop, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()


def test_a_drop_offers_the_folder_that_was_dropped(page, checkpoint, monkeypatch):
    offered = []
    monkeypatch.setattr(
        models_page, "ModelAdding", lambda session, path, parent: offered.append(path) or Stub()
    )

    class Stub:
        def exec(self):
            return 0

        def deleteLater(self):
            pass

    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(checkpoint))])
    copy = Qt.DropAction.CopyAction
    page.dropEvent(
        QDropEvent(QPoint(5, 5), copy, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    )
    assert offered == [checkpoint]


def test_a_dossier_has_its_own_model_and_removing_it_says_what_goes(stage, page, checkpoint, monkeypatch):
    session = page._session
    for form in ("q8", "bf16"):
        copied = stage.desk.root / form
        shutil.copytree(checkpoint, copied)
        (copied / "huisclos.json").unlink()
        task = session.add_model(copied, format_name=form, choose=form == "q8")
        settle(stage, lambda task=task: not task.running)
    page.refresh()
    assert names(page) == ["bf16", "q8"]
    second = page._area.findChildren(QRadioButton)[1]
    second.setFocus()
    page.refresh()
    assert not isValid(second)
    assert page.focusWidget().accessibleName() == "q8", "the keyboard stays where it was"
    assert page.own.isVisible()
    assert page.own.accessibleName() == "“lettre” is answered by"
    dossier = session.opened_dossier()
    page.own.setCurrentIndex(page.own.findText("bf16"))
    page.own.activated.emit(page.own.currentIndex())
    settle(stage, page.says.text)
    own = session.dossier_model(dossier.id)
    assert session.engine().model.id == own
    read = session.read_dossier(dossier.id)
    settle(stage, lambda: not read.running)
    assert session.kept_readings(own) == 1
    asked = []

    class Yes:
        def __init__(self, parent, title, text, deed, keep, *, danger):
            asked.append((title, text))

        def agreed(self):
            return True

    monkeypatch.setattr(models_page, "Question", Yes)
    buttons = {b.accessibleName(): b for b in page.findChildren(QToolButton)}
    assert {"Check bf16", "Remove bf16", "Check q8", "Remove q8"} <= set(buttons)
    buttons["Check bf16"].click()
    settle(stage, lambda: "to the last byte" in page.says.text())
    buttons = {b.accessibleName(): b for b in page.findChildren(QToolButton)}
    buttons["Remove bf16"].click()
    settle(stage, lambda: page.says.text() == "The model is removed.")
    assert asked[0][0] == "Remove “bf16”?"
    assert "1 reading that it made of your dossiers is deleted with it." in asked[0][1]
    assert names(page) == ["q8"]
    assert session.dossier_model(dossier.id) == ""
    settle(stage, lambda: session.engine().state is EngineState.READY)
    assert list(session.workspace.vault.sealed_files.ids()) == []
