"""Dossiers and files in the window: dropping, importing, what is refused, closing meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from app import services
from app.services.operation import Operation
from app.ui.dialogs.question import NameDialog, Question
from app.ui.library.document_delegate import DocumentDelegate
from app.ui.main_window import MainWindow
from tests.ui.conftest import Stage

LETTER = "Madame Le Goff est sortie le 9 mars 2024.\n"


def drop(window: MainWindow, at: QPoint, *paths: Path) -> None:
    """What Qt sends when files are let go over the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(at), Qt.DropAction.CopyAction, data, buttons, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert window.veil.isVisible()
    event = QDropEvent(QPointF(at), Qt.DropAction.CopyAction, data, buttons, none)
    QApplication.sendEvent(window, event)
    assert not window.veil.isVisible()


def answer_dialog(kind: type, deed: bool, text: str = "") -> None:
    """Press a button of the next dialog, as soon as it is open."""

    def press() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, kind):
            QTimer.singleShot(20, press)
            return
        if isinstance(dialog, NameDialog):
            dialog.field.setText(text)
            dialog.deed.click()
        elif isinstance(dialog, Question):
            (dialog.deed if deed else dialog.keep).click()

    QTimer.singleShot(20, press)


def test_files_dropped_on_an_empty_library_become_a_dossier_named_after_their_folder(stage: Stage) -> None:
    window = stage.open()
    paths = [
        stage.desk.file("Succession Arnaud/bail.txt", LETTER),
        stage.desk.file("Succession Arnaud/b.txt", "B c\n"),
    ]
    drop(window, QPoint(700, 400), *paths)
    stage.until(lambda: len(window.library.documents.rows) == 2)
    assert window.library.dossier is not None
    assert window.library.dossier.name == "Succession Arnaud"
    stage.until(lambda: not window.session.importing)


def test_files_dropped_over_the_dossiers_make_a_new_one(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER)
    place = window.library.dossier_list.mapTo(window, QPoint(40, 20))
    drop(window, place, stage.desk.file("Autre/autre.txt", "Autre chose.\n"))
    stage.until(lambda: len(window.library.dossiers.rows) == 2 and not window.session.importing)


def test_a_bad_file_lands_in_the_list_with_its_reason_and_stops_no_other(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, vide_txt=b"", faux_pdf=b"no pdf at all", lettre_txt=LETTER)
    stage.until(lambda: len(window.library.exceptions.cards) == 2)
    assert window.library.exceptions.isVisible()
    assert window.library.exceptions.head.text() == "2 files not taken in"
    shown = " ".join(found.text() for found in window.library.exceptions.findChildren(QLabel))
    assert "The file is empty (0 bytes)." in shown
    assert "The name says PDF" in shown
    stage.until(lambda: [card.name for card in window.library.documents.rows if card.pages] == ["lettre.txt"])


def test_a_file_that_is_gone_is_told_and_can_be_retried(stage: Stage) -> None:
    window = stage.open()
    path = stage.desk.file("perdu.txt", LETTER)
    path.unlink()
    window.deeds.take_in([path])
    stage.until(lambda: len(window.library.exceptions.cards) == 1)
    stage.until(lambda: not window.session.importing)
    path.write_text(LETTER, "utf-8")
    window.library.exceptions.open()
    retry = next(b for b in window.library.exceptions.findChildren(QPushButton) if b.text() == "Retry")
    assert retry.isVisible()
    retry.click()
    stage.until(lambda: not window.library.exceptions.cards and len(window.library.documents.rows) == 1)


def test_an_exception_can_be_dismissed(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, vide_txt=b"")
    stage.until(lambda: window.library.exceptions.cards)
    window.library.exceptions.dismissed.emit(window.library.exceptions.cards[0].id)
    stage.until(lambda: not window.library.exceptions.cards)
    assert not window.library.exceptions.isVisible()


def test_the_same_file_twice_is_said_and_kept_once(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER)
    window.deeds.take_in([stage.desk.file("copie.txt", LETTER)])
    stage.until(lambda: "here already" in window.toast.words)
    assert len(window.library.documents.rows) == 1


@pytest.mark.parametrize(
    "name",
    [
        "retour\nligne.txt",
        "patient \U0001f600.txt",
        "\u202etxt.exe.txt",
        "<b>gras<img>.txt",
        "é" * 120 + ".txt",
    ],
)
def test_strange_names_are_shown_safely(stage: Stage, name: str) -> None:
    window = stage.open()
    path = stage.desk.file("x.txt", LETTER).with_name(name)
    path.write_text(LETTER, "utf-8")
    window.deeds.take_in([path])
    stage.until(lambda: any(card.pages for card in window.library.documents.rows))
    stage.until(lambda: not window.session.importing)
    window.viewer.open_document(window.library.documents.rows[0])
    shown = window.viewer.tabs.tabText(0)
    assert "\n" not in shown
    assert "\u202e" not in shown
    assert len(shown) <= 30


def test_dossiers_are_made_renamed_and_deleted_by_their_dialogs(stage: Stage) -> None:
    window = stage.open()
    answer_dialog(NameDialog, True, "  Affaire   Arnaud ")
    window.actions_.new_dossier.trigger()
    stage.until(lambda: window.library.dossier is not None)
    assert window.top.dossier.text() == "Affaire Arnaud"
    answer_dialog(NameDialog, True, "Affaire Le Goff")
    window.actions_.rename_dossier.trigger()
    stage.until(lambda: window.library.dossiers.rows[0].name == "Affaire Le Goff")
    answer_dialog(Question, False)
    window.actions_.delete_dossier.trigger()
    assert window.library.dossiers.rows
    answer_dialog(Question, True)
    window.actions_.delete_dossier.trigger()
    stage.until(lambda: not window.library.dossiers.rows)
    assert window.library.stack.currentIndex() == 1


def test_removing_a_document_closes_its_tab(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER, bail_txt="Un bail.\n")
    window.viewer.open_document(window.library.documents.rows[0])
    window.library.document_list.setCurrentIndex(window.library.documents.index(0))
    answer_dialog(Question, True)
    window.actions_.remove_document.trigger()
    stage.until(lambda: len(window.library.documents.rows) == 1 and window.viewer.tabs.count() == 0)


def test_the_check_box_of_a_row_is_pressed_without_choosing_the_row(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER, bail_txt="Un bail.\n")
    view, rows = window.library.document_list, window.library.documents
    row = view.visualRect(rows.index(1))
    QTest.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(row.left() + 18, row.center().y())
    )
    assert rows.scope == (rows.rows[0].id,)
    view.setFocus()
    view.setCurrentIndex(rows.index(1))
    QTest.keyClick(view, Qt.Key.Key_Space)
    assert rows.scope is None


def test_closing_while_files_are_taken_in_asks_and_loses_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = stage.open()
    answer_dialog(NameDialog, True, "Grand dossier")
    window.actions_.new_dossier.trigger()
    stage.until(lambda: window.library.dossier is not None)
    paths = [stage.desk.file(f"{number:02d}.txt", f"Page numéro {number}.\n") for number in range(8)]
    left: list[int] = []
    window.left.connect(lambda: left.append(1))
    with stage.desk.held_after(2):
        window.deeds.take_in(paths)
        stage.until(lambda: window.library.documents.rows)
        assert window.session.importing
        answer_dialog(Question, False)
        window.close()
        assert not left
        assert window.isVisible()
        answer_dialog(Question, True)
        window.close()
        assert left
        window.session.close()
    again = stage.open()
    again.begin()
    stage.until(lambda: len([c for c in again.library.documents.rows if c.pages]) == 8)
    stage.until(lambda: not again.session.importing)


def test_an_import_can_be_stopped_from_the_status_bar(stage: Stage) -> None:
    window = stage.open()
    paths = [stage.desk.file(f"{number:02d}.txt", f"Page numéro {number}.\n") for number in range(8)]
    with stage.desk.held_after(2):
        window.deeds.take_in(paths)
        stage.until(lambda: window.status.work.isVisible() and window.library.documents.rows)
        window.status.work_cancelled.emit()
        stage.until(lambda: not window.session.importing)
        stage.until(lambda: not window.status.work.isVisible())
    assert len(services.list_documents(window.session.workspace, window.library.dossier.id)) < 8  # type: ignore[union-attr]


def test_a_defect_in_a_verb_is_told_and_the_window_goes_on(stage: Stage) -> None:
    from app.ui.dialogs.crash import CrashDialog

    window = stage.open()
    operation: Operation[None] = Operation("broken")
    seen: list[str] = []

    def press() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, CrashDialog):
            QTimer.singleShot(20, press)
            return
        seen.append(dialog.details.toPlainText())
        dialog.accept()

    QTimer.singleShot(20, press)
    window.session.follow(operation)
    operation.finish(None, ZeroDivisionError("a person's words"))
    stage.until(lambda: seen)
    assert "ZeroDivisionError" in seen[0]
    assert "words" not in seen[0]
    assert window.isVisible()


def test_a_check_box_is_no_way_to_open_a_document(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, a_txt="A letter.", b_txt="Another letter.")
    view = window.library.document_list
    delegate = view.itemDelegate()
    assert isinstance(delegate, DocumentDelegate)
    place = window.library.documents.index(0)
    box = delegate.box_place(view.visualRect(place), place).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=box)
    assert window.library.documents.scope == (window.library.documents.rows[1].id,)
    assert window.viewer.view is None
    beside = view.visualRect(place).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=beside)
    assert window.viewer.view is not None


def test_the_keyboard_stays_on_its_document_while_others_come(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, a_txt="A letter.", b_txt="Another letter.")
    window.library.document_list.setCurrentIndex(window.library.documents.index(1))
    held = window.library.document
    stage.take_in(window, c_txt="A third one.")
    assert window.library.document == held
    assert window.library.document_list.selectionModel().currentIndex().row() == 1
