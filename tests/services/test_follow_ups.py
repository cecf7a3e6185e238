"""A question that only says what has changed is searched and read with the one it leans on."""

from __future__ import annotations

import msgspec
import pytest

from app import services
from app.chat import prompt
from app.chat.values import AnswerMode

PEOPLE = (
    ("Anna Roy", "Dr Emil Hall", "01 44 00 11 22"),
    ("Berthe Morin", "Dr Lucie Vidal", "02 55 00 33 44"),
    ("Carl Weiss", "Dr Omar Sefi", "03 66 00 55 66"),
    ("Dora Blanc", "Dr Nils Aubin", "04 77 00 77 88"),
)


FILLER = "Nothing else is known of this person. " * 30


@pytest.fixture
def people(scripted):
    """A reader, and a letter on each of several people, all in the same words."""
    scripted.client.info = msgspec.structs.replace(scripted.client.info, reader=True, evidence_tok=1)
    letters = {
        f"letter{n}_txt": f"{name} is treated by {doctor}.\n\n{FILLER}\n\n"
        f"The phone number of {doctor}, for {name}, is {phone}.\n"
        for n, (name, doctor, phone) in enumerate(PEOPLE)
    }
    with scripted.open() as ws:
        yield scripted, ws, scripted.dossier(ws, **letters)


def said(scripted, words):
    scripted.client.answer = lambda messages: words


def ask(ws, dossier_id, question, chat_id=None):
    return services.ask(ws, dossier_id, question, chat_id=chat_id).result(60)


def test_what_a_follow_up_leans_on_leads_to_its_passage(people):
    scripted, ws, dossier_id = people
    for name, doctor, phone in PEOPLE[1:3]:
        said(scripted, f"«{doctor}» [1]")
        first = ask(ws, dossier_id, f"Who treats {name}?")
        said(scripted, f"«{phone}» [1]")
        second = ask(ws, dossier_id, "And the phone number?", first.chat_id)
        assert phone in second.evidence[0].text
        assert second.question == "And the phone number?"
        content = scripted.client.prompts[-1][0].content
        assert content.startswith(f"? Who treats {name}? « {doctor} » And the phone number?\n[1] ")
        third = ask(ws, dossier_id, "And when?", first.chat_id)
        assert name in third.evidence[0].text, "it leans on a question that leans on the first"


def test_a_question_that_only_seems_to_lean_finds_its_own_passages_too(people):
    scripted, ws, dossier_id = people
    scripted.client.info = msgspec.structs.replace(scripted.client.info, evidence_tok=400)
    scripted.client.load(None)
    said(scripted, "«Dr Emil Hall» [1]")
    first = ask(ws, dossier_id, "Who treats Anna Roy?")
    bare = ask(ws, dossier_id, "What is known of her?")
    leaning = ask(ws, dossier_id, "What is known of her?", first.chat_id)
    assert "Anna Roy" in leaning.evidence[0].text
    assert bare.evidence[0].text in [item.text for item in leaning.evidence[:2]]
    places = [(e.document_id, e.start) for e in leaning.evidence]
    assert len(set(places)) == len(places)


def test_an_answer_made_again_knows_only_what_was_asked_before_it(people):
    scripted, ws, dossier_id = people
    said(scripted, "«Dr Emil Hall» [1]")
    first = ask(ws, dossier_id, "Who treats her?")
    ask(ws, dossier_id, "Who treats Dora Blanc?", first.chat_id)
    services.regenerate(ws, first.message_id).result(60)
    assert scripted.client.prompts[-1][0].content.startswith("? Who treats her?\n")


def test_passages_that_were_quoted_are_no_words_to_lean_on(people):
    scripted, ws, dossier_id = people
    said(scripted, "no form at all")
    first = ask(ws, dossier_id, "Who treats Carl Weiss?")
    assert first.mode is AnswerMode.PASSAGES
    ask(ws, dossier_id, "And his phone number?", first.chat_id)
    assert scripted.client.prompts[-1][0].content.startswith(
        "? Who treats Carl Weiss? And his phone number?\n"
    )


def test_a_question_that_stands_alone_is_searched_alone():
    history = [("Who treats Anna Roy?", "«Dr Hall» [1]"), ("And her phone?", "«01 44» [1]")]
    assert prompt.looked_for("Who treats Carl Weiss?", history) == "Who treats Carl Weiss?"
    assert (
        prompt.looked_for("And her phone?", history[:1]) == "Who treats Anna Roy? « Dr Hall » And her phone?"
    )
    assert prompt.looked_for("And her address?", history) == (
        "Who treats Anna Roy? « Dr Hall » And her phone? « 01 44 » And her address?"
    )
    judged = [("Does Anna Roy work?", "Yes.\n«\u202fteacher\u202f» [2]")]
    assert prompt.looked_for("And where?", judged) == "Does Anna Roy work? « teacher » And where?"
    assert prompt.looked_for("And her address?", []) == "And her address?"
