"""Letters whose accent was drawn as a sign of its own are whole letters again, and nothing else changes."""

from __future__ import annotations

import pytest

from app.ingest.drawn_accents import are_drawn_apart, compose


@pytest.mark.parametrize(
    ("drawn", "meant"),
    [
        ("grav´ee", "gravée"),
        ("`a", "à"),
        ("syst`eme", "système"),
        ("connaˆıtre", "connaître"),
        ("con¸cu", "conçu"),
        ("C¸a", "Ça"),
        ("ovo¨ıde", "ovoïde"),
        ("´Etudier", "Étudier"),
        ("exp´eriences,", "expériences,"),
        ("ma˜nana", "mañana"),
        ("B¨arenreiter", "Bärenreiter"),
    ],
)
def test_an_accent_and_its_letter_become_one(drawn: str, meant: str) -> None:
    assert compose(drawn) == meant


@pytest.mark.parametrize("word", ["`a`", "`apt'", "2ˆ3", "˜user", "déjà", "¸", "´", "plain"])
def test_other_signs_stay_as_they_are(word: str) -> None:
    assert compose(word) == word


def test_a_backtick_alone_is_no_sign_of_such_a_page() -> None:
    assert not are_drawn_apart(["run", "`apt", "now", "déjà", "˜user"])
    assert are_drawn_apart(["de", "la", "r´eponse"])


def test_a_page_of_such_a_file_reads_as_a_person_sees_it(reader, files, spans_hold) -> None:
    _, pages = reader.parse(files.pdf(["La mani`ere dont l\u2019´et´e vient `a nous", "Type `apt` here"]))
    assert pages[0].text == "La manière dont l\u2019été vient à nous"
    assert pages[1].text == "Type `apt` here"
    spans_hold(pages)
