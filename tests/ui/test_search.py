"""The search box works with no model at all, and shows the page with what was found."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.ui.highlight import Mark
from tests.ui.conftest import Stage

LETTER = "Madame Le Goff est sortie le 9 mars 2024.\n\nTension artérielle 145/90 mmHg.\n"


def test_words_are_found_whatever_their_accents_and_shown_on_the_page(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER, autre_txt="Rien ici.\n")
    window.actions_.search.trigger()
    assert window.focusWidget() is window.top.search
    QTest.keyClicks(window.top.search, "arterielle")
    stage.until(lambda: window.search.rows.rows)
    assert window.panes.centre.currentWidget() is window.search
    hit = window.search.rows.rows[0]
    assert (hit.document, hit.page) == ("lettre.txt", 1)
    QTest.keyClick(window.top.search, Qt.Key.Key_Return)
    stage.until(lambda: window.viewer.view is not None and window.viewer.view.pages._highlights)
    assert window.viewer.view is not None
    (shown,) = window.viewer.view.pages._highlights
    assert shown.mark is Mark.FOUND
    assert len(shown.boxes) == 1


def test_nothing_found_says_what_to_try(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER)
    window.actions_.search.trigger()
    QTest.keyClicks(window.top.search, "zirconium")
    stage.until(lambda: window.search.summary.text() == "Nothing found")
    assert "another spelling" in window.search.empty._hint.text()


def test_escape_goes_back_to_the_chat(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER)
    window.actions_.search.trigger()
    QTest.keyClicks(window.top.search, "tension")
    stage.until(lambda: window.search.rows.rows)
    QTest.keyClick(window.top.search, Qt.Key.Key_Escape)
    assert window.panes.centre.currentWidget() is window.chat
    assert window.top.search.text() == ""


def test_the_strip_shows_the_page_as_the_model_sees_it(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER)
    window.viewer.open_document(window.library.documents.rows[0])
    window.actions_.text_strip.trigger()
    view = window.viewer.view
    assert view is not None
    stage.until(lambda: "145/90 mmHg" in view.strip.text.toPlainText())
    assert view.strip.isVisible()
    window.actions_.text_strip.trigger()
    assert not view.strip.isVisible()
