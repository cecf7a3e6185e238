"""Passages quoted without a model's words: the first two on show, the others one line away and all there."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app.chat.values import AnswerMode
from app.ui.chat.answer_card import AnswerCard
from app.ui.chat.statement_view import StatementView
from app.ui.highlight import Mark
from app.ui.main_window import MainWindow
from tests.ui.conftest import Stage

QUESTION = "Quel est le traitement de sortie ?"
FILES = {f"lettre{n}_txt": f"Traitement de sortie numéro {n} : apixaban {n} mg.\n" for n in range(1, 7)}


def quoted(stage: Stage, language: str = "en") -> tuple[MainWindow, AnswerCard]:
    """Six passages from six documents, quoted because no model is there."""
    window = stage.open(language)  # type: ignore[arg-type]
    stage.take_in(window, **FILES)
    stage.ask(window, QUESTION)
    card = window.chat.cards[-1]
    assert card.answer is not None
    assert card.answer.mode is AnswerMode.PASSAGES
    assert len(card.citations) == 6
    return window, card


def shown(card: AnswerCard) -> int:
    return sum(view.isVisible() for view in card.findChildren(StatementView))


@pytest.mark.parametrize(
    ("language", "line"),
    [("en", "4 more passages from 4 documents"), ("fr", "4\u00a0autres passages, de 4\u00a0documents")],
)
def test_two_are_on_show_and_a_line_says_how_many_more_there_are(
    stage: Stage, language: str, line: str
) -> None:
    window, card = quoted(stage, language)
    stage.until(lambda: shown(card) == 2)
    assert card.more is not None
    assert card.more.line.text() == card.more.line.accessibleName() == line
    height = card.height()
    QTest.mouseClick(card.more.line, Qt.MouseButton.LeftButton)
    stage.until(lambda: shown(card) == 6)
    stage.until(lambda: card.height() > height)
    QTest.mouseClick(card.more.line, Qt.MouseButton.LeftButton)
    stage.until(lambda: shown(card) == 2)
    assert window.chat.cards == [card]


def test_the_keyboard_unfolds_them_and_stays_on_the_line(stage: Stage) -> None:
    window, card = quoted(stage)
    assert card.more is not None
    card.more.line.setFocus(Qt.FocusReason.TabFocusReason)
    assert card.more.line.accessibleDescription() == "Folded"
    QTest.keyClick(card.more.line, Qt.Key.Key_Space)
    stage.until(lambda: shown(card) == 6)
    assert window.focusWidget() is card.more.line
    assert card.more.line.accessibleDescription() == "Unfolded"
    window.actions_.more_passages.trigger()
    stage.until(lambda: shown(card) == 2)


def test_a_folded_passage_keeps_its_number_its_page_and_its_highlight(stage: Stage) -> None:
    window, card = quoted(stage)
    assert card.more is not None
    card.more.toggle()
    last = card.findChildren(StatementView)[-1]
    assert last.sources[0].text().startswith("6 ")
    QTest.mouseClick(last.sources[0], Qt.MouseButton.LeftButton)
    view = window.viewer.view
    assert view is not None
    assert view.card.name == card.citations[5].document
    (mark,) = view.pages._highlights
    assert mark.mark is Mark.CITED
    assert mark.boxes


def test_citations_are_walked_through_the_folded_ones_too(stage: Stage) -> None:
    window, card = quoted(stage)
    stage.until(lambda: shown(card) == 2)
    card.cited.emit(card.citations[0], card)
    names = []
    for _ in range(6):
        assert window.viewer.view is not None
        names.append(window.viewer.view.card.name)
        window.actions_.next_citation.trigger()
    assert names == [citation.document for citation in card.citations]
    assert len(set(names)) == 6


def test_copying_takes_them_all(stage: Stage) -> None:
    window, card = quoted(stage)
    stage.until(lambda: shown(card) == 2)
    window.actions_.copy_answer.trigger()
    text = QGuiApplication.clipboard().text()
    for number in range(1, 7):
        assert f"apixaban {number} mg" in text
        assert f"[{number}] lettre" in text


def test_what_was_unfolded_stays_so_while_the_chat_is_open(stage: Stage) -> None:
    window, card = quoted(stage)
    assert card.more is not None
    card.more.toggle()
    stage.ask(window, QUESTION)
    stage.until(lambda: [shown(each) for each in window.chat.cards] == [6, 2])
    window.chat._turn_to(window.chat.chat_id)  # as after a change of the chat: its cards are made anew
    stage.until(lambda: [shown(each) for each in window.chat.cards] == [6, 2])
    first = window.chat.chat_id
    window.actions_.new_chat.trigger()
    window.chat.head.turned.emit(first)
    stage.until(lambda: [shown(each) for each in window.chat.cards] == [2, 2])


def test_asked_again_they_are_folded_again(stage: Stage) -> None:
    window, card = quoted(stage)
    assert card.more is not None
    card.more.toggle()
    window.actions_.ask_again.trigger()
    stage.until(lambda: not window.chat.is_answering)
    stage.until(lambda: shown(window.chat.cards[-1]) == 2)


def test_two_passages_need_no_fold(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, **dict(list(FILES.items())[:2]))
    stage.ask(window, QUESTION)
    card = window.chat.cards[-1]
    assert len(card.citations) == 2
    assert card.more is None
    stage.until(lambda: shown(card) == 2)
