"""Relations and the forms they are stated and asked in: complete, on three sides, grammatical."""

from __future__ import annotations

import re

import pytest

from engine.mini.data import Generator
from engine.mini.dossiers import clash
from engine.mini.drawing import SIDES
from engine.mini.entities import fits, make_entity, of_name, put, to_name
from engine.mini.facts import expand
from engine.mini.relations import (
    forms_for,
    read_frames,
    read_holders,
    read_noun,
    read_relations,
    relations_of,
)
from engine.mini.values import Values

LANGUAGES = ("en", "fr")
GIVEN = {"v": "VALUE", "o": "BEFORE", "t": "DAY", "date": "DATE", "p": "SPEAKER", "c": "CLAUSE"}
DRAWN = ("lead", "tail", "filler", "rows")  # their slots are drawn by name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_has_forms_on_every_side_and_no_form_is_on_two(language: str) -> None:
    frames = {side: read_frames(language, side) for side in SIDES}
    assert len(frames["train"]) >= 20
    for section in frames["train"]:
        forms = [form.text for side in SIDES for form in frames[side][section]]
        assert all(frames[side][section] for side in SIDES), section
        assert len(forms) == len(set(forms)), section


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_takes_every_noun_and_leaves_no_slot_open(language: str) -> None:
    values = Values(language, "train", Generator(1).random)
    holder = next(h for h in read_holders(language) if h.name == "patient")
    entity = make_entity(holder, values)
    nouns = [n for r in read_relations(language, "train") for n in (*r.nouns, *r.asked)][::40]
    for side in SIDES:
        for section, forms in read_frames(language, side).items():
            for form in forms if section not in DRAWN else ():
                for noun in nouns:
                    text = put(
                        expand(form.text, values.random), entity, "Ada Roy", noun, GIVEN, language == "fr"
                    )
                    assert not re.search(r"[{}]", text), form


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_relation_s_own_sentences_hold_the_value_and_its_questions_do_not(language: str) -> None:
    for side in SIDES:
        for relation in read_relations(language, side):
            for sentence in relation.sentences:
                assert "{v}" in sentence
                assert any(slot in sentence for slot in ("{s}", "{ps}", "{ds}", "{as}")), sentence
            assert all("{v}" not in q and not q.endswith(("?", ".")) for q in relation.questions), relation


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_holder_has_relations_and_every_sort_can_be_drawn(language: str) -> None:
    values = Values(language, "train", Generator(1).random)
    for holder in read_holders(language):
        found = relations_of(language, "train", holder.name, not holder.mentions)
        assert found, holder.name
        assert all(values.draw(r.sort).text.strip() for r in found)
        entity = make_entity(holder, values)
        assert all("{" not in name for name in (*entity.mentions, *entity.roles, *entity.asked_roles))


def test_both_languages_have_the_same_kinds_of_holders_and_as_many_relations() -> None:
    names = [{h.name for h in read_holders(language)} for language in LANGUAGES]
    assert names[0] == names[1]
    english, french = (len(read_relations(language, "train")) for language in LANGUAGES)
    assert abs(english - french) < 0.1 * english


def test_forms_made_for_a_sort_are_kept_to_it() -> None:
    money, date = (set(forms_for("en", "train", "say", sort)) for sort in ("money", "date"))
    assert len(money & date) > 50
    assert len(money - date) >= 3
    assert len(date - money) >= 3


def test_french_nouns_agree_with_what_stands_around_them() -> None:
    slots = read_noun("l'adresse^", True).slots()
    assert (slots["quel"], slots["dn"], slots["b"]) == ("quelle", "de l'adresse", "adresse")
    slots = read_noun("le loyer", True).slots()
    assert (slots["dn"], slots["an"]) == ("du loyer", "au loyer")
    slots = read_noun("les charges^", True).slots()
    assert (slots["quel"], slots["est"], slots["dn"]) == ("quelles", "sont", "des charges")
    assert read_noun("né(e) le", True).entry
    assert read_noun("signed on", False).entry
    assert read_noun("the person who saw it", False).phrase
    assert read_noun("combien y vivent", True).clause


def test_french_names_contract_with_the_words_before_them() -> None:
    assert of_name("le patient") == "du patient"
    assert of_name("Anna Roy") == "d'Anna Roy"
    assert of_name("Paul") == "de Paul"
    assert to_name("le patient") == "au patient"
    assert to_name("la police 12") == "à la police 12"


def test_a_pronoun_stands_only_where_it_can() -> None:
    she = frozenset(("elle", "she"))
    assert fits("{s} a perdu {v}", "elle", she)
    assert not fits("le compte {ds} est {v}", "elle", she)
    assert not fits("we sent {s} to {v}", "she", she)
    assert fits("we sent {s} to {v}", "Ada", she)


def test_a_woman_is_spoken_of_in_the_feminine() -> None:
    values = Values("fr", "train", Generator(1).random)
    holder = next(h for h in read_holders("fr") if h.name == "patient")
    people = [make_entity(holder, values) for _ in range(40)]
    she = next(p for p in people if p.feminine)
    he = next(p for p in people if not p.feminine)
    said = [put("{s} est né{e} le {v}", p, p.roles[0], None, {"v": "x"}, True) for p in (she, he)]
    assert said == ["la patiente est née le x", "le patient est né le x"]
    asked = put("Quand {s} est-il né", she, "Ada", None, {}, True)
    assert asked == "Quand Ada est-elle né"
    assert put("Pourquoi y a-t-il eu {s}", she, "Ada", None, {}, True) == "Pourquoi y a-t-il eu Ada"


def test_entities_of_one_dossier_are_told_apart_by_every_name() -> None:
    composer, _ = Generator(9).composers["en"]
    for _ in range(150):
        cast = composer.choose_cast()
        assert cast
        for i, one in enumerate(cast):
            assert not any(clash(one, other) for other in cast[i + 1 :])
