"""What a reader model is stands where it is chosen, and nothing it says stands without grade and source."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from PySide6.QtWidgets import QLabel, QWidget

from app.services.views import ModelCard
from app.ui.chat.statement_view import StatementView
from app.ui.dialogs.models_page import ModelsPage
from app.ui.language import Speech
from app.ui.start.model_page import ModelPage
from tests.ui.conftest import Stage

READER = ModelCard(
    "default", "A reader", "Un lecteur", "q8", 5_000_000, 5_000_000, "", "", "", True, True, True
)
SENTENCES: dict[Speech, tuple[str, str]] = {
    "en": ("quotes them with their page", "does not reason"),
    "fr": ("les cite avec leur page", "ne raisonne pas"),
}


def said(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel)]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("reads", [True, False])
def test_one_sentence_says_what_a_reader_is_and_is_not_wherever_it_is_chosen(
    scripted: Stage, monkeypatch: pytest.MonkeyPatch, language: Speech, reads: bool
) -> None:
    card = replace(READER, reader=reads)
    window = scripted.open(language)
    monkeypatch.setattr(window.session, "models", lambda: (card,))
    pages = [ModelPage(scripted.look, card), ModelsPage(scripted.look, window.session)]
    for page in pages:
        scripted.qtbot.addWidget(page)
        sentences = [text for text in said(page) if all(part in text for part in SENTENCES[language])]
        assert len(sentences) == (1 if reads else 0)
        assert all(sentence.count(".") == 1 and sentence.endswith(".") for sentence in sentences)


@pytest.mark.parametrize("words", ["«apixaban 5 mg» [1]", "«» [0]", "«apixaban 50 mg» [1]", "no form at all"])
def test_every_word_of_a_reader_is_shown_with_its_grade_and_its_source(scripted: Stage, words: str) -> None:
    client = scripted.desk.client
    client.info = msgspec.structs.replace(client.info, reader=True)
    client.answer = lambda messages: words
    window = scripted.open()
    scripted.take_in(window, lettre_txt="Elle prend apixaban 5 mg deux fois par jour.\n")
    scripted.ask(window, "Quel apixaban ?")
    (card,) = window.chat.cards
    views = card.findChildren(StatementView)
    assert views
    assert len(views) == len(card.answer.statements)
    scripted.until(lambda: all(view.grade.isVisibleTo(card) for view in views))  # Qt shows it a turn later
    for view in views:
        assert view.grade.text()
        assert view.sources or card.answer.nearest
