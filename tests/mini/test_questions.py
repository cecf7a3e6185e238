"""What is asked of composed dossiers: each task's answer is true, and absent answers are absent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from engine.mini.data import Generator
from engine.mini.describe import count_forms, count_wordings, describe, shares_word
from engine.mini.dossiers import Dossier
from engine.mini.drawing import SIDES
from engine.mini.examples import Example, Question
from engine.mini.outcomes import take_apart
from engine.mini.questions import TASKS, VERDICTS, Asker, follow_up

Asked = list[tuple[Example, Question]]


@pytest.fixture(scope="module")
def asked() -> Asked:
    return [(e, q) for e in islice(Generator(31).stream(110, 4), 700) for q in e.questions]


def of_kind(asked: Asked, kind: str) -> Asked:
    found = [(e, q) for e, q in asked if q.kind == kind and q.anchor]
    assert len(found) >= 8, kind
    return found


def test_looking_up_a_value_is_most_of_the_work_and_a_fifth_is_absent(asked: Asked) -> None:
    shares = Counter(q.kind if q.anchor else "absent" for _, q in asked)
    assert 0.55 < shares["value"] / len(asked) < 0.75
    assert 0.15 < shares["absent"] / len(asked) < 0.27
    assert {name for name, _ in TASKS} <= set(shares)


def test_a_third_of_the_questions_have_no_word_of_their_passage_but_names(asked: Asked) -> None:
    present = [(e, q) for e, q in asked if q.anchor]
    lone = sum(not shares_word(e, q, names_too=False) for e, q in present)
    assert lone / len(present) > 0.3


def test_every_quoted_value_of_every_answer_stands_in_its_passage(asked: Asked) -> None:
    for example, question in asked:
        parts = take_apart(question.answer)
        assert parts
        for part in parts:
            assert (part.value == "") == (part.anchor == 0)
            assert part.anchor == 0 or part.value in example.passages[part.anchor - 1]


def test_lists_have_two_to_eight_items_in_the_order_of_the_passages(asked: Asked) -> None:
    for _, question in of_kind(asked, "list"):
        parts = take_apart(question.answer)
        assert 2 <= len(parts) <= 8
        assert [p.anchor for p in parts] == sorted(p.anchor for p in parts)
        assert len({p.value for p in parts}) == len(parts)


def test_a_yes_quotes_what_was_asked_and_a_no_quotes_something_else(asked: Asked) -> None:
    heard = set()
    for example, question in of_kind(asked, "yes or no"):
        yes, no = VERDICTS[example.language]
        assert question.verdict in (yes, no)
        assert (question.value.lower() in question.text.lower()) == (question.verdict == yes)
        assert question.answer.endswith(f"] {question.verdict}")
        heard.add(question.verdict)
    assert heard == {"yes", "no", "oui", "non"}


def test_a_quoted_sentence_is_more_than_a_value(asked: Asked) -> None:
    words = [len(q.value.split()) for _, q in of_kind(asked, "sentence")]
    assert max(words) <= 27
    assert sum(words) / len(words) > 6


def test_a_follow_up_carries_the_question_before_and_its_answer(asked: Asked) -> None:
    for example, question in of_kind(asked, "follow-up"):
        before, _, now = question.text.rpartition(" » ")
        first, _, told = before.partition(" « ")
        assert first
        assert now
        assert any(told in passage for passage in example.passages)
    assert follow_up("Who?", "Dr Hall", "And when?") == "Who? « Dr Hall » And when?"


def test_rows_of_facts_give_a_date_a_thing_and_somebody_for_each_event() -> None:
    generator = Generator(3)
    found = [(e, q) for e in islice(generator.stream(70, 3), 900) for q in e.questions if q.kind == "facts"]
    assert len(found) > 5
    for example, question in found:
        parts = take_apart(question.answer)
        assert len(parts) in (3, 6)
        assert all(p.value in example.passages[p.anchor - 1] for p in parts)
        assert all(re.search(r"\d", p.value) for p in parts[::3])


def plots(count: int, language: str = "en") -> Iterator[tuple[Asker, Dossier]]:
    composer, asker = Generator(77).composers[language]
    for _ in range(count):
        asker.dossier = composer.compose(130)
        yield asker, asker.dossier


def test_the_first_and_the_last_of_a_series_are_chosen_by_their_dates() -> None:
    chosen = 0
    for asker, dossier in plots(120):
        question = asker.ask_extreme()
        if question is None:
            continue
        places = {
            f.order: (f.value, f.passage)
            for f in dossier.facts
            if f.date
            and any(
                g.value == question.value and g.relation is f.relation and g.entity is f.entity
                for g in dossier.facts
            )
        }
        assert (question.value, question.anchor) in (places[min(places)], places[max(places)])
        chosen += 1
    assert chosen > 8


def test_who_said_it_is_answered_by_a_speaker_or_by_that_speaker_s_words() -> None:
    checked = 0
    for asker, dossier in plots(160, "fr"):
        question = asker.ask_said()
        if question is None:
            continue
        said = [f for f in dossier.facts if f.speaker and f.passage == question.anchor]
        assert any(
            question.value == f.speaker
            or (question.value == f.value and f.speaker.lower() in question.text.lower())
            for f in said
        )
        checked += 1
    assert checked > 15


def test_what_changed_is_asked_for_now_and_before() -> None:
    values = set()
    for asker, dossier in plots(200):
        for fact in dossier.facts:
            if fact.before and (question := asker.ask_change(fact)):
                assert question.value in (fact.value, fact.before)
                values.add(question.value == fact.value)
    assert values == {True, False}


def test_nobody_in_the_dossier_has_what_an_absent_question_asks_for() -> None:
    absent = 0
    for asker, dossier in plots(150):
        question = asker.ask_absent()
        if question is None:
            continue
        absent += 1
        assert question.answer == "«» [0]"
        # asked in the same words of somebody who has it, it would not be absent
        text = question.text.lower()
        for fact in dossier.facts:
            own = [w.lower() for w in fact.relation.questions if "{" not in w]
            assert not any(text.startswith(w) for w in own) or fact.relation.deed
    assert absent > 60


def test_forms_are_counted_with_their_choices() -> None:
    assert count_wordings("(a|b) c (d|e|f)") == 6
    assert count_wordings("{n}: {v}") == 1
    rows = {(language, side): (stated, asked) for language, side, stated, asked in count_forms()}
    for language in ("en", "fr"):
        assert rows[language, "train"][0] > 1000
        assert rows[language, "train"][1] > 1000
        assert all(min(rows[language, side]) > 100 for side in SIDES)


def test_the_description_says_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    describe(60)
    told = capsys.readouterr().out
    assert "forms of statements" in told
    assert "no telling word" in told
    assert "dossiers/s" in told
