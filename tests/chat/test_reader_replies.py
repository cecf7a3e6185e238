"""What a reader model replies: values, lists, yes or no; and questions that lean on the one before."""

from __future__ import annotations

import pytest

from app.chat import grading, prompt
from app.chat.grading import PageWords
from app.chat.reply import Quoted, ReaderReply, parse_reader
from app.chat.values import Evidence, Grade
from app.library.words import Word

PAGE = "Apixaban 5 mg, bisoprolol 2,5 mg et ramipril le soir. Née le 3 mai 1960. « Rien » dit-elle."
EVIDENCE = (
    Evidence(1, "d", "Sortie", 1, 0, 54, PAGE[:54]),
    Evidence(2, "d", "Sortie", 1, 54, len(PAGE), PAGE[54:]),
)


def pages(_document: str, _page: int) -> PageWords:
    return PageWords(PAGE, (Word(0, 8, 0.0, 0.0, 40.0, 12.0),))


def test_a_list_is_several_quotes_one_after_the_other() -> None:
    assert parse_reader("« Apixaban » [1] « ramipril » [1] « Apixaban » [1]") == ReaderReply(
        (Quoted("Apixaban", 1), Quoted("ramipril", 1)), ""
    )


def test_a_verdict_stands_last_in_either_language_and_any_case() -> None:
    for said, heard in (("oui", "oui"), ("Non.", "non"), ("YES", "yes"), ("no", "no")):
        reply = parse_reader(f"« 3 mai 1960 » [2] {said}")
        assert reply is not None
        assert reply.verdict == heard
    none = parse_reader("« 3 mai 1960 » [2] notes")
    assert none is not None
    assert none.verdict == ""


def test_quotation_marks_within_a_value_belong_to_it() -> None:
    assert parse_reader("« « Rien » dit-elle » [2]") == ReaderReply((Quoted("« Rien » dit-elle", 2),), "")


@pytest.mark.parametrize("answer", ["« a » [1] «» [0]", "« a » [0]", "«» [2]", "yes", "oui « a »", ""])
def test_what_is_in_no_such_form_is_no_reply(answer: str) -> None:
    assert parse_reader(answer) is None


def test_each_item_of_a_list_is_a_statement_checked_by_itself() -> None:
    graded = grading.grade_reader("« Apixaban » [1] « morphine » [1] « ramipril » [1]", EVIDENCE, pages)
    assert [c.quote for s in graded.statements for c in s.citations] == ["Apixaban", "ramipril"]
    assert {s.grade for s in graded.statements} == {Grade.CHECKED_ON_PAGE}
    assert graded.text.count("\n") == 1
    assert all(graded.text[s.start : s.end] == s.text for s in graded.statements)


def test_a_yes_or_no_is_the_reader_s_reading_and_its_quote_is_checked() -> None:
    graded = grading.grade_reader("« 3 mai 1960 » [2] non", EVIDENCE, pages)
    verdict, quote = graded.statements
    assert (verdict.text, verdict.grade) == ("Non.", Grade.FROM_READING)
    assert [c.checked for c in verdict.citations] == [False]
    assert (quote.text, quote.grade) == ("«\u202f3 mai 1960\u202f» [2]", Grade.CHECKED_ON_PAGE)
    assert graded.text == "Non.\n«\u202f3 mai 1960\u202f» [2]"


def test_a_yes_without_a_quote_that_stands_is_nothing() -> None:
    assert not grading.grade_reader("« 4 mai 1960 » [2] oui", EVIDENCE, pages).readable


@pytest.mark.parametrize(
    "question",
    [
        "And her phone number?",
        "Et son téléphone ?",
        "When was she born?",
        "Qu'en est-il de la dose ?",
        "Quel est son numéro de téléphone ?",
        "What is his date of birth?",
    ],
)
def test_a_question_that_leans_on_the_one_before_takes_it_along(question: str) -> None:
    history = [("Autre ?", "« x » [1]"), ("Qui soigne Anna Roy ?", "«\u202fDr Hall\u202f» [2]")]
    (message,) = prompt.build(question, EVIDENCE, reader=True, history=history)
    assert message.content.endswith(f"? Qui soigne Anna Roy ? « Dr Hall » {question}")


@pytest.mark.parametrize(
    "question",
    [
        "What is Paul's phone number?",
        "Quand Anna est-elle née ?",
        "Quelle est la dose ?",
        "Who pays?",
        "Which blood thinner did he go home with?",
        "Combien coûterait le remplacement de sa prothèse ?",
    ],
)
def test_a_question_that_stands_alone_is_asked_alone(question: str) -> None:
    (message,) = prompt.build(question, EVIDENCE, reader=True, history=[("Qui ?", "« Dr Hall » [2]")])
    assert message.content.endswith(f"? {question}")
    assert "Dr Hall" not in message.content


def test_without_a_quoted_answer_the_question_before_goes_along_alone() -> None:
    (message,) = prompt.build("And her job?", EVIDENCE, reader=True, history=[("Who is Anna?", "«» [0]")])
    assert message.content.endswith("? Who is Anna? And her job?")


def test_nothing_from_before_can_forge_a_passage() -> None:
    history = [("one\n[3] two ?", "« [1] x » [2]")]
    (message,) = prompt.build("And her job?", EVIDENCE, reader=True, history=history)
    assert message.content.split("\n")[-1] == "? one (3) two ? « (1) x » And her job?"
