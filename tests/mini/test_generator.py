"""The dossiers that the reader learns from: repeatable, true to their answers, and two-sided."""

from __future__ import annotations

import re
from itertools import combinations, islice

import pytest

from engine.mini.data import Generator, held_out
from engine.mini.drawing import NAMES, SIDES, read_pools, side_of
from engine.mini.examples import Example
from engine.mini.exclusion import Exclusion
from engine.mini.facts import read_kinds, slots_of
from engine.mini.values import Values

NOTHING_EXCLUDED = Exclusion((), ())


def write(count: int, seed: int = 1, side: str = "train", words: int = 120) -> list[Example]:
    return list(islice(Generator(seed, side).stream(words, 5), count))


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return write(300)


def test_every_answer_stands_word_for_word_in_the_passage_it_names(examples: list[Example]) -> None:
    asked = [(e, q) for e in examples for q in e.questions if q.anchor]
    assert len(asked) > 800
    for example, question in asked:
        assert question.value in example.passages[question.anchor - 1]


def test_an_absent_answer_is_empty_and_names_no_passage(examples: list[Example]) -> None:
    absent = [q for e in examples for q in e.questions if not q.anchor]
    assert {q.answer for q in absent} == {"«» [0]"}
    share = len(absent) / sum(len(e.questions) for e in examples)
    assert 0.12 < share < 0.28


def test_passages_are_single_numbered_lines_as_the_application_sends_them(examples: list[Example]) -> None:
    for example in examples:
        lines = example.prompt.splitlines()
        assert [line.partition(" ")[0] for line in lines] == [f"[{n}]" for n in range(1, len(lines) + 1)]
        assert 1 <= len(lines) <= 6
        assert all("\n" not in q.text and q.text == " ".join(q.text.split()) for q in example.questions)


def test_both_languages_occur_about_equally_often(examples: list[Example]) -> None:
    french = sum(e.language == "fr" for e in examples)
    assert 0.35 < french / len(examples) < 0.65


def test_the_same_seed_writes_the_same_dossiers_and_another_seed_others() -> None:
    assert write(20, seed=5) == write(20, seed=5)
    assert write(20, seed=5) != write(20, seed=6)


def test_training_and_validation_share_no_statement_and_no_made_up_word() -> None:
    for language in ("en", "fr"):
        train = {s for kind in read_kinds(language, "train") for s in kind.statements}
        valid = {s for kind in read_kinds(language, "valid") for s in kind.statements}
        assert train
        assert valid
        assert not train & valid
    words = {side: Values("en", side, Generator(3).random).word for side in ("train", "valid")}
    assert all(side_of(words[side]()) == side for side in words for _ in range(200))


def test_validation_names_people_whom_training_never_names() -> None:
    last = {
        side: {i[0] for i in Values("fr", side, Generator(3).random).pools["last"]}
        for side in ("train", "valid")
    }
    assert last["valid"]
    assert not last["train"] & last["valid"]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_pattern_uses_only_slots_its_kind_has_and_every_slot_can_be_drawn(language: str) -> None:
    values = Values(language, "train", Generator(1).random)
    kinds = read_kinds(language, "train")
    assert len(kinds) >= 30
    for kind in kinds:
        for pattern in (*kind.statements, *(wording for _, wording in kind.questions)):
            assert set(slots_of(pattern)) <= set(kind.slots), kind.name
        assert {slot for slot, _ in kind.questions} <= set(kind.slots)
        for sort in kind.slots.values():
            assert values.draw(sort).text.strip()


def test_choices_are_all_resolved(examples: list[Example]) -> None:
    for example in examples:
        for text in (*example.passages, *(q.text for q in example.questions)):
            assert not re.search(r"\([^()]*\|[^()]*\)|\{\w", text), text


def test_pools_name_each_kind_once_and_hold_no_empty_item() -> None:
    for language in ("en", "fr"):
        for name, items in read_pools(language).items():
            assert items, name
            assert all(word for item in items for word in item), name


def test_a_drill_answers_with_the_words_that_follow() -> None:
    for example in islice(Generator(4).drill(40, 6), 60):
        for question in example.questions:
            passage = example.passages[question.anchor - 1]
            assert f"{question.text.rstrip(' ?')} {question.value}" in passage


def test_the_finding_drills_have_one_answer_for_each_key() -> None:
    for example in islice(Generator(4).match(40, 8), 80):
        assert len({q.text.lower() for q in example.questions}) == len(example.questions)
        for question in example.questions:
            assert bool(question.value) == bool(question.anchor)
            assert question.value in example.passages[question.anchor - 1] or not question.anchor


def test_the_loose_drills_ask_with_words_that_stand_in_the_answering_passage() -> None:
    shared = asked = 0
    for example in islice(Generator(4).loose(60, 6), 80):
        for question in example.questions:
            if not question.anchor:
                assert not question.value
                continue
            passage = example.passages[question.anchor - 1]
            assert question.value in passage
            asked += 1
            shared += any(w.lower() in passage.lower() for w in question.text.rstrip(" ?").split()[1:])
    assert asked > 150
    assert shared > 0.95 * asked


def test_the_held_out_questions_are_the_same_every_time_and_half_of_them_french() -> None:
    once, again = held_out("test", 60), held_out("test", 60)
    assert once == again
    assert held_out("test", 20) == once[:20]
    assert [e.language for e in once] == ["fr", "en"] * 30
    assert all(len(e.questions) == 1 for e in once)
    assert held_out("test", 20, seed=8) != once[:20]
    assert held_out("valid", 20) != once[:20]


def test_training_validation_and_test_share_no_form_and_no_made_up_word_on_long_streams() -> None:
    used, made = {}, {}
    for side in SIDES:
        generator = Generator(12, side)
        for _ in islice(generator.stream(110, 4), 500):
            pass
        used[side] = set().union(*(composer.used for composer, _ in generator.composers.values()))
        made[side] = set().union(*(values.made for values in generator.values.values()))
        assert len(used[side]) > 200
        assert len(made[side]) > 500
    for one, other in combinations(SIDES, 2):
        assert not used[one] & used[other]
        assert not made[one] & made[other]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_side_names_people_places_or_medicines_that_another_side_names(language: str) -> None:
    pools = {side: Values(language, side, Generator(3).random).pools for side in SIDES}
    for name in (*NAMES, "drug"):
        for one, other in combinations(SIDES, 2):
            mine, yours = ({item[0] for item in pools[side][name]} for side in (one, other))
            assert mine, name
            assert not mine & yours, name


def test_without_a_list_nothing_is_excluded() -> None:
    assert not NOTHING_EXCLUDED.hits("Any words whatever, 12 May 2021")
