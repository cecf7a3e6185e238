"""Words, stems, passages and the thesaurus, as pure functions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval import kinds, passages, question, thesaurus, words
from app.retrieval.kinds import Kind


def test_words_are_folded_and_keep_their_place() -> None:
    text = "L’Hôpital d'Œuvre: 12,5 mg — ﬁn e\u0301té"
    got = words.split(text)
    assert [w.text for w in got] == ["l", "hopital", "d", "oeuvre", "12", "5", "mg", "fin", "ete"]
    assert [text[w.start : w.end] for w in got][:4] == ["L", "Hôpital", "d", "Œuvre"]


def test_chinese_is_cut_into_pairs_and_every_character_begins_a_word() -> None:
    assert [w.text for w in words.split("血压高 mg")] == ["血压", "压高", "高", "mg"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("medicaments", "medicament"),
        ("hospitalisee", "hospitalisation"),
        ("tenants", "tenant"),
        ("prescribed", "prescribes"),
        ("cardiology", "cardiologist"),
        ("cardiologie", "cardiologue"),
        ("journaux", "journal"),
        ("signed", "signe"),
    ],
)
def test_inflected_forms_share_a_stem(one: str, other: str) -> None:
    assert words.stem(one) == words.stem(other)


def test_numbers_and_short_words_are_their_own_stem() -> None:
    assert [words.stem(w) for w in ("2024", "mg", "血压", "press")] == ["2024", "mg", "血压", "press"]


PAGE_TEXT = st.lists(
    st.sampled_from(
        [
            "Word",
            "mot",
            "12",
            "3,5",
            "mg.",
            "Fin.",
            "\n",
            "\n\n",
            "- item",
            "TITLE\n",
            "血压。",
            "M.",
            "a" * 30,
            " ",
            ";",
        ]
    ),
    max_size=400,
).map(" ".join)


@given(text=PAGE_TEXT)
def test_every_word_of_a_page_lies_in_exactly_one_short_passage(text: str) -> None:
    cut = passages.cut(text)
    assert all(words.count(text[p.start : p.end]) <= passages.MAX_WORDS for p in cut)
    assert all(before.end <= after.start for before, after in pairwise(cut))
    inside = "".join(text[p.start : p.end] for p in cut)
    assert "".join(inside.split()) == "".join(text.split())


@given(text=PAGE_TEXT | st.text(max_size=200))
def test_stems_taken_run_by_run_are_those_of_the_words(text: str) -> None:
    assert words.stems(text) == tuple(words.stem(word.text) for word in words.split(text))


def test_sentences_stay_whole_and_abbreviations_do_not_end_them() -> None:
    text = "Le Dr. Martin a vu M. Dupont. Un " + " ".join(["mot"] * 55) + ". Une autre phrase."
    first = passages.cut(text)[0]
    assert text[first.start : first.end] == "Le Dr. Martin a vu M. Dupont."


def test_a_heading_goes_with_what_follows_it() -> None:
    opening = "Some long enough paragraph of text that fills the width of the page here."
    text = f"{opening}\n\nDISCHARGE TREATMENT\n- Apixaban 5 mg"
    last = passages.cut(text)[-1]
    assert text[last.start : last.end].startswith("DISCHARGE TREATMENT")
    assert last.heading == "DISCHARGE TREATMENT"


def test_a_few_words_on_their_own_stay_with_what_stands_above_them() -> None:
    sentences = " ".join(f"Sentence number {n} has six words." for n in range(6))
    text = f"{sentences}\n\nDr Paul Arnaud"
    (only,) = passages.cut(text)
    assert text[only.start : only.end] == text


def test_the_thesaurus_speaks_both_languages_in_breadth() -> None:
    shipped = thesaurus.shipped()
    assert len(shipped) > 10_000
    landlord = shipped.expand(thesaurus.stems_of("landlord"))
    assert thesaurus.stems_of("bailleur") in landlord
    thinner = shipped.expand(thesaurus.stems_of("blood thinner"))
    assert thinner[thesaurus.stems_of("apixaban")] == thesaurus.MEMBER_WEIGHT
    assert thesaurus.stems_of("rivaroxaban") not in shipped.expand(thesaurus.stems_of("apixaban"))


def test_a_line_that_is_neither_group_nor_class_is_named() -> None:
    with pytest.raises(ValueError, match="line 2"):
        thesaurus.parse(["= a, b", "? c"])
    with pytest.raises(ValueError, match="line 1"):
        thesaurus.parse(["> a, b"])


@pytest.mark.parametrize(
    ("asked", "kind", "answer"),
    [
        ("Who signed the lease?", Kind.PERSON, "signed by Mr Paul Arnaud"),
        ("Quand est-elle sortie ?", Kind.DATE, "le 9 mars 2024"),
        ("How much is the rent?", Kind.AMOUNT, "EUR 1,250.00"),
        ("Quelle est la dose ?", Kind.DOSE, "5 mg"),
        ("Quel est le préavis ?", Kind.DURATION, "trois mois"),
        ("What is the phone number?", Kind.PHONE, "01 23 45 67 89"),
        ("Où habite-t-il, à quelle adresse ?", Kind.ADDRESS, "12 rue des Lilas"),
        ("What is the case number?", Kind.REFERENCE, "RG 22/01234"),
    ],
)
def test_a_question_says_what_kind_of_value_it_wants(asked: str, kind: Kind, answer: str) -> None:
    assert kind in question.analyse(asked, thesaurus.shipped()).kinds
    assert kind in kinds.kinds_in(answer)
