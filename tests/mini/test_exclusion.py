"""No name and no value of the sample dossiers was in training."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import islice
from pathlib import Path

import pytest

from engine.mini.data import Generator
from engine.mini.exclusion import SAMPLES, Exclusion, fold, is_telling
from engine.mini.values import Values

ROWS = json.loads(SAMPLES.read_text(encoding="utf-8"))
EXAMPLES = 900


def squeeze(text: str) -> str:
    """The test's own way to make texts comparable: letters and digits in lower case, single spaces."""
    text = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe"))
    return (
        " " + re.sub(r"[\W_]+", " ", "".join(c for c in text if not unicodedata.combining(c))).strip() + " "
    )


def stream_text(exclusion: Exclusion, count: int = EXAMPLES, side: str = "train") -> str:
    generator = Generator(20, side, exclusion)
    rows = [
        *islice(generator.stream(120, 5), count),
        *islice(generator.drill(60, 6), count // 4),
        *islice(generator.match(60, 6), count // 4),
        *islice(generator.loose(60, 6), count // 4),
    ]
    return squeeze("\n".join(e.prompt + " ".join(f"{q.text} {q.value}" for q in e.questions) for e in rows))


@pytest.fixture(scope="module")
def trained_on() -> str:
    return stream_text(Exclusion.of_samples())


@pytest.fixture(scope="module")
def answers() -> list[str]:
    found = [squeeze(row["answer"]) for row in ROWS]
    telling = [a for a in found if is_telling(a.strip())]
    assert len(telling) >= 0.8 * len(found)
    return telling


def test_no_answer_of_a_sample_question_was_in_training(trained_on: str, answers: list[str]) -> None:
    assert [a for a in answers if a in trained_on] == []


def test_the_same_stream_without_the_list_does_hold_some_answers(answers: list[str]) -> None:
    unfiltered = stream_text(Exclusion((), ()))
    assert any(a in unfiltered for a in answers)


def test_no_name_of_the_sample_papers_was_in_training(trained_on: str) -> None:
    names = {p for p in Exclusion.of_samples().phrases if " " not in p and p.isalpha()}
    assert len(names) > 200
    assert not names & set(trained_on.split())


def test_names_are_found_in_the_sources_of_the_sample_papers() -> None:
    excluded = Exclusion.of_samples()
    texts = sorted((Path(SAMPLES).parent / "generator" / "texts").glob("*.txt"))
    assert len(texts) == 4
    people = [
        name
        for path in texts
        for name in re.findall(
            r"(?:Dr|Mme|Mrs|Me|Mr|Ms) ([A-Z][a-zà-ÿ]{3,})", path.read_text(encoding="utf-8")
        )
    ]
    assert len(people) > 50
    assert {n for n in people if not excluded.hits(n)} == set()


def test_the_pools_are_cleared_of_excluded_words() -> None:
    values = Values("en", "train", Generator(1).random, frozenset({"barker", "olivia"}))
    names = {i[0] for pool in ("first", "last") for i in values.pools[pool]}
    assert names
    assert not names & {"Barker", "Olivia"}


def test_a_listed_value_is_recognised_whatever_its_case_accents_and_punctuation() -> None:
    exclusion = Exclusion(["12 mars 2021"], ["Hélène Quévremont"])
    assert exclusion.hits("le 12 MARS, 2021.")
    assert exclusion.hits("(QUEVREMONT)")
    assert not exclusion.hits("le 13 mars 2021, Hélèn")
    assert fold("Œuvre  d’Été") == "oeuvre d ete"
