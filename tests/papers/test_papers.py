"""The questions about real documents are whole, fair and checkable; the documents themselves stay outside."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import msgspec
import pytest

from resources.samples.generator.keywords import shares_keyword
from tests.papers.collection import MANUALS, Collection, PapersMissing, gather, load, plain

COLLECTION = load()
LATER = load(MANUALS)
both = pytest.mark.parametrize("collection", [COLLECTION, LATER], ids=["papers", "manuals"])


def test_sixty_questions_stand_on_seven_documents_in_two_languages() -> None:
    assert len(COLLECTION.questions) == 60
    assert len(COLLECTION.absent) == 8
    for language in ("fr", "en"):
        assert sum(q.language == language for q in COLLECTION.questions) == 30
        assert sum(q.language == language for q in COLLECTION.absent) == 4
        assert sum(paper.language == language for paper in COLLECTION.documents) >= 3
    assert {q.document for q in COLLECTION.questions} == {paper.file for paper in COLLECTION.documents}


def test_sixty_four_more_stand_on_seven_others() -> None:
    assert len(LATER.questions) == 64
    for language in ("fr", "en"):
        assert sum(q.language == language for q in LATER.questions) == 32
        assert sum(paper.language == language for paper in LATER.documents) >= 3
    assert {q.document for q in LATER.questions} == {paper.file for paper in LATER.documents}
    assert not {p.sha256 for p in LATER.documents} & {p.sha256 for p in COLLECTION.documents}


@both
def test_every_document_says_where_it_comes_from_and_what_it_may_be_used_for(collection: Collection) -> None:
    for paper in collection.documents:
        assert re.fullmatch(r"[0-9a-f]{64}", paper.sha256)
        assert re.fullmatch(r"[a-z0-9.+-]+", paper.package)
        assert paper.path.removesuffix(".gz").endswith((".pdf", ".txt"))
        assert paper.version
        assert paper.licence
        assert paper.title
    assert len({paper.sha256 for paper in collection.documents}) == len(collection.documents)


@both
def test_every_answer_stands_in_its_quote_and_every_page_in_its_document(collection: Collection) -> None:
    documents = {paper.file: paper for paper in collection.documents}
    for one in collection.questions:
        paper = documents[one.document]
        assert one.language == paper.language
        assert plain(one.answer) in plain(one.quote), one.id
        assert all(1 <= page <= paper.pages for page in one.pages), one.id
        assert one.page not in one.also_pages
        assert one.question.endswith("?")
        assert one.type


@both
def test_a_third_of_the_questions_share_no_keyword_with_their_quote(collection: Collection) -> None:
    bare = [one for one in collection.questions if not one.shares_keyword]
    assert len(bare) >= len(collection.questions) / 3
    for one in bare:
        assert not shares_keyword(one.question, plain(one.quote)), one.id


@both
def test_names_and_questions_are_asked_once(collection: Collection) -> None:
    everything = [*collection.questions, *collection.absent]
    assert len({one.id for one in everything}) == len(everything)
    assert len({one.question for one in everything}) == len(everything)


def test_documents_are_found_by_content_gzipped_or_not_and_their_lack_is_told_plainly(tmp_path: Path) -> None:
    papers = tuple(
        msgspec.structs.replace(paper, sha256=hashlib.sha256(paper.file.encode()).hexdigest())
        for paper in COLLECTION.documents
    )
    for number, paper in enumerate(papers):
        data = paper.file.encode()
        if number % 2:
            (tmp_path / f"{number}.pdf.gz").write_bytes(gzip.compress(data))
        else:
            (tmp_path / f"{number}.pdf").write_bytes(data)
    assert gather(tmp_path, papers) == {paper.file: paper.file.encode() for paper in papers}
    (tmp_path / "0.pdf").unlink()
    with pytest.raises(PapersMissing) as lack:
        gather(tmp_path, papers)
    assert papers[0].file in str(lack.value)
    assert f"{papers[0].package}={papers[0].version}" in str(lack.value)
    assert papers[1].file not in str(lack.value)


def test_accents_drawn_apart_are_no_difference() -> None:
    assert plain("grav´ee `a la main, plutˆot con¸cu, connaˆıtre") == plain(
        "gravée à la main, plutôt conçu, connaître"
    )
