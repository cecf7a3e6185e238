"""Real documents are measured through the whole application; a wrong question stops the measurement."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import msgspec
import pytest
from reportlab.pdfgen import canvas

from app.store import CHEAP_FOR_TESTS
from tests.bench import papers
from tests.papers.collection import AbsentQuestion, Collection, Paper, PaperQuestion

PAGES = {
    "lease.pdf": ["The lease begins on 1 March 2021.", "The rent of the orchard is 940 euros a month."],
    "bail.pdf": ["Le bail porte sur un verger.", "Le loyer du moulin est de 1 250 euros par mois."],
}


def write_pdf(pages: list[str]) -> bytes:
    buffer = io.BytesIO()
    sheet = canvas.Canvas(buffer, invariant=1)
    for text in pages:
        sheet.drawString(60, 760, text)
        sheet.showPage()
    sheet.save()
    return buffer.getvalue()


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    documents = []
    for (name, pages), language in zip(PAGES.items(), ("en", "fr"), strict=True):
        data = write_pdf(pages)
        (shelf / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        documents.append(Paper(name, language, name, "none", "1", name, digest, 2, "ours"))
    found = Collection(
        "",
        tuple(documents),
        (
            PaperQuestion(
                "en-1",
                "en",
                "lease.pdf",
                2,
                "What is the rent of the orchard?",
                "940 euros",
                "is 940 euros a month",
                "amount",
                True,
            ),
            PaperQuestion(
                "fr-1",
                "fr",
                "bail.pdf",
                2,
                "Quel est le loyer du moulin ?",
                "1 250 euros",
                "1 250 euros par mois",
                "amount",
                True,
            ),
        ),
        (AbsentQuestion("en-absent-1", "en", "Who owns the lighthouse?"),),
    )
    monkeypatch.setattr(papers, "load", lambda: found)
    return found


def test_the_page_cited_and_the_page_found_are_measured_apart(tmp_path: Path, collection: Collection) -> None:
    measured = papers.measure(tmp_path / "home", tmp_path / "shelf", kdf=CHEAP_FOR_TESTS)
    assert [one.question for one in measured.asked] == list(collection.questions)
    assert all(1 in one.ranks for one in measured.asked)
    assert all(one.cited_first for one in measured.asked)
    assert measured.gate.measured == 100.0
    rows = dict(measured.rows())
    assert rows["True page cited first"] == "100 % (2 of 2)"
    assert rows["  sharing none"] == "–"
    assert len(measured.absent) == 1
    assert "(0 questions)" in measured.failures()
    misplaced = tuple(
        papers.Asked(msgspec.structs.replace(one.question, page=1), one.answer, ()) for one in measured.asked
    )
    told = papers.PapersMeasured(misplaced, ())
    assert told.gate.measured == 0.0
    assert "not found by the search" in told.failures()
    assert "wanted “940 euros”, lease.pdf p. 1" in told.failures()


def test_a_quote_that_does_not_stand_on_its_page_stops_the_measurement(
    tmp_path: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = collection.questions
    wrong = msgspec.structs.replace(collection, questions=(first, msgspec.structs.replace(second, page=1)))
    monkeypatch.setattr(papers, "load", lambda: wrong)
    with pytest.raises(papers.QuoteNotThere, match=r"fr-1: .*page 1 of bail\.pdf"):
        papers.measure(tmp_path / "home", tmp_path / "shelf", kdf=CHEAP_FOR_TESTS)
