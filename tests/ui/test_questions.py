"""Asking in the window: streaming, grades, citations, stopping, engines that die, hostile words."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app.chat.values import Grade, Reason
from app.ui.chat.answer_card import AnswerCard
from app.ui.chat.answer_column import EDGE_PX
from app.ui.chat.answer_text import AnswerText
from app.ui.chat.statement_view import StatementView
from app.ui.highlight import Mark
from engine.protocol import ChatMessage
from tests.ui.conftest import Stage

LETTER = (
    "Madame Le Goff est sortie de l'hôpital le 9 mars 2024.\n\n"
    "Traitement de sortie : apixaban 5 mg matin et soir.\n\nTension artérielle 145/90 mmHg.\n"
)


def quoting(words: str, sentence: str = "The treatment is") -> object:
    """An answerer that quotes ``words`` from the passage that holds them."""

    def answer(messages: Sequence[ChatMessage]) -> str:
        passage = next(line for line in messages[-1].content.splitlines() if words in line)
        match = re.match(r"\[(\d+)\]", passage)
        assert match is not None
        return f"{sentence} « {words} » [{match.group(1)}]."

    return answer


def statements(card: AnswerCard) -> list[StatementView]:
    return card.findChildren(StatementView)


def words_of(card: AnswerCard) -> str:
    return "\n".join(found.text() for found in card.findChildren(QLabel))


def test_an_answer_shows_its_grade_and_opens_the_page_with_the_words_marked(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.desk.client.answer = quoting("apixaban 5 mg matin et soir")  # type: ignore[union-attr,assignment]
    scripted.ask(window, "Quel est le traitement de sortie ?")
    card = window.chat.cards[-1]
    assert card.answer is not None
    assert [s.grade for s in card.answer.statements] == [Grade.CHECKED_ON_PAGE]
    assert statements(card)[0].grade.text() == "Checked on the page"
    source = statements(card)[0].sources[0]
    assert "lettre.txt" in source.text()
    assert "page 1" in source.accessibleName()
    QTest.mouseClick(source, Qt.MouseButton.LeftButton)
    view = window.viewer.view
    assert view is not None
    assert view.card.name == "lettre.txt"
    (shown,) = view.pages._highlights
    assert shown.page == 1
    assert shown.boxes
    assert shown.mark is Mark.CITED
    scripted.until(lambda: 1 in view.pages._images)


def test_a_chip_in_the_sentence_opens_its_citation_too(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.desk.client.answer = quoting("145/90 mmHg")  # type: ignore[union-attr,assignment]
    scripted.ask(window, "Quelle est la tension artérielle ?")
    text = statements(window.chat.cards[-1])[0].text
    assert "cite:" in text.toHtml()
    text.cited.emit(window.chat.cards[-1].citations[0].anchor)
    assert window.viewer.view is not None


def test_citations_are_walked_with_a_key(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER, autre_txt="Traitement de sortie refusé par la patiente.\n")
    scripted.desk.client.answer = lambda _: "«Traitement de sortie» [1] «Traitement de sortie» [2]."  # type: ignore[union-attr]
    scripted.ask(window, "Quel traitement de sortie ?")
    card = window.chat.cards[-1]
    card.cited.emit(card.citations[0], card)
    first = window.viewer.view
    window.actions_.next_citation.trigger()
    assert window.viewer.view is not first
    window.actions_.next_citation.trigger()
    assert window.viewer.view is first


def test_a_card_says_how_much_is_read_before_the_first_word(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    client = scripted.desk.client
    assert client is not None
    client.answer = quoting("145/90 mmHg")  # type: ignore[assignment]
    client.reading = threading.Event()
    scripted.until(window.chat.composer.field.isEnabled)
    window.chat.ask("Quelle est la tension artérielle ?")
    card = window.chat.cards[-1]
    scripted.until(lambda: "Reading the passages: 50%" in card._text.toPlainText())
    client.reading.set()
    scripted.until(lambda: not window.chat.is_answering)
    assert card.answer is not None
    assert not card._text.isVisible()


def test_words_stream_and_stopping_keeps_them(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    client = scripted.desk.client
    assert client is not None
    client.hold = threading.Event()
    client.answer = lambda _: "The treatment goes on for a long time and so does this sentence [1]."
    scripted.until(window.chat.composer.field.isEnabled)
    window.chat.ask("Quel traitement de sortie ?")
    scripted.until(lambda: "treatment" in window.chat.cards[-1]._text.toPlainText())
    assert window.chat.is_answering
    window.actions_.stop.trigger()
    scripted.until(lambda: not window.chat.is_answering)
    answer = window.chat.cards[-1].answer
    assert answer is not None
    assert answer.stopped
    assert "treatment" in answer.text
    assert "was stopped" in words_of(window.chat.cards[-1])


def test_without_a_model_the_passages_are_quoted_and_the_reason_is_said(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER)
    stage.ask(window, "Quel est le traitement de sortie ?")
    card = window.chat.cards[-1]
    assert card.answer is not None
    assert card.answer.reason is Reason.NO_MODEL
    assert "No model is installed" in words_of(card)
    assert card.citations


def test_an_engine_that_dies_while_answering_leaves_the_window_alive(scripted: Stage) -> None:
    from engine.client import EngineDied

    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    client = scripted.desk.client
    assert client is not None
    client.answer = lambda _: EngineDied("ended")
    scripted.ask(window, "Quel est le traitement de sortie ?")
    client.die()
    scripted.until(lambda: "Engine stopped" in window.status.engine.text())
    assert window.chat.cards[-1].answer is not None
    assert "engine was not running" in words_of(window.chat.cards[-1])
    assert "Search works" in window.toast.words
    scripted.ask(window, "Et la tension artérielle ?")
    assert window.chat.cards[-1].citations


def test_an_answer_that_is_not_there_says_so_in_words(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.desk.client.answer = lambda _: "The passages do not say it."  # type: ignore[union-attr]
    scripted.ask(window, "Quel est le traitement de sortie ?")
    (view,) = statements(window.chat.cards[-1])
    assert view.statement.grade is Grade.NOT_IN_DOSSIER
    assert view.grade.text() == "Not in the dossier"
    assert "Closest passages" in words_of(window.chat.cards[-1])


def test_the_same_question_can_be_asked_again_in_place(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    client = scripted.desk.client
    assert client is not None
    client.answer = lambda _: "First words [1]."
    scripted.ask(window, "Quel est le traitement de sortie ?")
    client.answer = lambda _: "Second words [1]."
    window.actions_.ask_again.trigger()
    scripted.until(lambda: not window.chat.is_answering)
    assert len(window.chat.cards) == 1
    answer = window.chat.cards[0].answer
    assert answer is not None
    assert answer.text == "Second words [1]."


def test_copying_an_answer_takes_its_sources_along(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.desk.client.answer = quoting("apixaban 5 mg matin et soir")  # type: ignore[union-attr,assignment]
    scripted.ask(window, "Quel est le traitement de sortie ?")
    window.actions_.copy_answer.trigger()
    text = QGuiApplication.clipboard().text()
    assert "Quel est le traitement de sortie ?" in text
    assert "lettre.txt, p. 1" in text.replace("\u00a0", " ")
    assert "apixaban 5 mg matin et soir" in text.split("[1] lettre.txt")[-1]


def test_chosen_documents_bound_the_question(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER, bail_txt="Le traitement de sortie du bail.\n")
    rows = window.library.documents
    bail = next(n for n, card in enumerate(rows.rows) if card.name == "bail.txt")
    rows.setData(rows.index(bail), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert window.chat.scope.some.isVisible()
    assert "lettre.txt" in window.chat.scope.some.text()
    scripted.desk.client.answer = lambda _: "Words [1]."  # type: ignore[union-attr]
    scripted.ask(window, "Quel traitement de sortie ?")
    answer = window.chat.cards[-1].answer
    assert answer is not None
    assert {item.document for item in answer.evidence} == {"lettre.txt"}
    window.chat.scope.whole.click()
    assert rows.scope is None


def test_chats_are_kept_per_dossier_and_can_be_turned_to(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.desk.client.answer = lambda _: "Words [1]."  # type: ignore[union-attr]
    scripted.ask(window, "Quel est le traitement de sortie ?")
    first = window.chat.chat_id
    window.actions_.new_chat.trigger()
    assert window.chat.cards == []
    scripted.ask(window, "Quelle est la tension artérielle ?")
    assert window.chat.chat_id != first
    window.chat.head.turned.emit(first)
    assert [card.question for card in window.chat.cards] == ["Quel est le traitement de sortie ?"]


def test_words_of_an_answer_are_never_markup(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER + "<img src='file:///etc/passwd'><b>gras</b>\n")
    hostile = "<img src='file:///etc/passwd'> <a href='http://x'>here</a> <b>bold</b> [1]."
    scripted.desk.client.answer = lambda _: hostile  # type: ignore[union-attr]
    scripted.ask(window, "Quel est le <b>traitement</b> de sortie ?")
    card = window.chat.cards[-1]
    (view,) = statements(card)
    assert "<img src='file:///etc/passwd'>" in view.text.toPlainText()
    assert "http://x" in view.text.toPlainText()
    assert 'href="http' not in view.text.toHtml()
    assert card._asked.text() == "Quel est le <b>traitement</b> de sortie ?"
    assert card._asked.textFormat() == Qt.TextFormat.PlainText


def test_the_empty_state_offers_questions_and_pressing_one_asks_it(scripted: Stage) -> None:
    window = scripted.open()
    assert "Begin with a dossier" in window.chat.welcome._title.text()
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.until(lambda: window.chat.welcome.questions)
    scripted.desk.client.answer = lambda _: "Words [1]."  # type: ignore[union-attr]
    question = window.chat.welcome.questions[0]
    window.chat.welcome.chosen.emit(question)
    scripted.until(lambda: not window.chat.is_answering)
    assert window.chat.cards[-1].question == question


def test_an_answer_left_on_its_way_is_there_when_one_comes_back(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    first = window.library.dossier
    assert first is not None
    client = scripted.desk.client
    assert client is not None
    client.hold = threading.Event()
    client.answer = lambda _: "The treatment goes on for a long time and so does this sentence [1]."
    scripted.until(window.chat.composer.field.isEnabled)
    window.chat.ask("Quel traitement de sortie ?")
    scripted.until(lambda: "treatment" in window.chat.cards[-1]._text.toPlainText())
    window.session.create_dossier("Autre").then(window, lambda card: window.library.choose(card.id))
    scripted.until(lambda: window.library.dossier is not None and window.library.dossier.id != first.id)
    assert window.chat.cards == []
    assert not window.chat.is_answering
    client.hold.set()
    window.library.choose(first.id)
    scripted.until(lambda: window.chat.cards and window.chat.cards[-1].answer is not None)
    assert window.chat.cards[-1].question == "Quel traitement de sortie ?"


def test_no_line_of_an_answer_is_covered_at_any_width(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.desk.client.answer = quoting("apixaban 5 mg matin et soir")  # type: ignore[union-attr]
    for _ in range(3):
        scripted.ask(window, "Quel est le traitement de sortie, dans toute sa longueur et son détail ?")
    for width, height in ((1440, 900), (1024, 700), (720, 520), (1200, 760)):
        window.resize(width, height)

        def is_whole() -> bool:
            texts = [text for card in window.chat.cards for text in card.findChildren(AnswerText)]
            shown = [text for text in texts if text.isVisible()]
            return len(shown) >= 3 and all(
                text.document().size().height() <= text.viewport().height() + 1 for text in shown
            )

        scripted.qtbot.wait(20)  # so that what is looked at is laid out for this width
        scripted.until(is_whole)


def test_the_newest_question_comes_into_view_unless_the_person_scrolls(scripted: Stage) -> None:
    window = scripted.open()
    window.resize(720, 520)
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.desk.client.answer = quoting("apixaban 5 mg matin et soir")  # type: ignore[union-attr]
    for _ in range(4):
        scripted.ask(window, "Quel est le traitement de sortie ?")
    column = window.chat._column
    bar = column.verticalScrollBar()

    def in_view() -> bool:
        return bar.value() in (min(window.chat.cards[-1].y() - EDGE_PX, bar.maximum()), bar.maximum())

    scripted.until(lambda: bar.maximum() > 0 and in_view())
    window.resize(760, 520)
    scripted.until(in_view)
    bar.triggerAction(bar.SliderAction.SliderToMinimum)
    window.resize(720, 520)
    scripted.qtbot.wait(50)
    assert bar.value() == 0
