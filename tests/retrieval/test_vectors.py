"""Directions of passages: kept with their page, compared, and a passage in other words is found by them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from app.retrieval import index, ranking, schema, vectors
from app.retrieval.index import IndexedPage
from app.retrieval.thesaurus import parse
from app.store import CHEAP_FOR_TESTS, Vault

DOSSIER, REPORT = "d" * 32, "a" * 32
WITHOUT_THESAURUS = parse([])
# Ordinary sentences, none of which speaks of a shipwreck.
PAGES = [
    "The committee thanked its treasurer and adjourned at noon.",
    "Fresh paint was ordered for the second corridor.",
    "The vessel foundered in heavy seas and her crew was drowned.",
    "Invoices are kept for seven years in the lower cabinet.",
    "The choir sings every Thursday in the village church.",
    "A new kettle was bought for the kitchen.",
]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.create(
        tmp_path / "vault", "a fairly long phrase", schema.MIGRATIONS, kdf=CHEAP_FOR_TESTS, testing=True
    ) as vault:
        with vault.write() as conn:
            for page, body in enumerate(PAGES, 1):
                index.put_page(conn, IndexedPage(DOSSIER, REPORT, "minutes.txt", page, body))
        yield vault


def kept(vault: Vault) -> int:
    with vault.read() as conn:
        return int(conn.execute(text("SELECT count(*) FROM search_page_vectors")).scalar_one())


def test_directions_come_back_from_the_index_as_they_were_put_in() -> None:
    told = vectors.of_texts(PAGES)
    assert told.shape == (len(PAGES), vectors.SIZE_BYTES)
    back = vectors.unpack([vectors.pack(told[:2]), vectors.pack(told[2:])])
    assert back.shape == told.shape
    assert np.abs(back / 127.0 - told).max() < 0.005


def test_what_all_passages_speak_of_tells_nothing_among_them() -> None:
    roof, price, rain, nothing = np.eye(4, vectors.SIZE_BYTES, dtype=np.float32) * [[1], [1], [1], [0]]
    question = (roof + price) / 2**0.5
    told = vectors.likeness(question, 90 * np.stack([roof + rain, roof + price, roof]), nothing)
    assert told.argmax() == 1
    assert told[2] < 0.0 < told[1]
    assert not vectors.likeness(price, 127 * np.stack([roof, roof]), nothing).any()


def test_nor_does_what_all_questions_ask() -> None:
    who, price, rain, ink = np.eye(4, vectors.SIZE_BYTES, dtype=np.float32)
    passages = 127 * np.stack([who, price, rain, ink])
    question = (who + 0.6 * price) / 1.36**0.5
    assert vectors.likeness(question, passages, 0 * who).argmax() == 0
    assert vectors.likeness(question, passages, 2 * who).argmax() == 1


def test_questions_share_a_direction_and_sentences_that_tell_something_lie_less_along_it() -> None:
    shared = vectors.asking() / np.linalg.norm(vectors.asking())
    asked = vectors.of_texts(
        ["What is that?", "When was it?", "Qui est-ce donc ?", "Où cela s'est-il passé ?"]
    )
    assert (asked @ shared).min() > (vectors.of_texts(PAGES) @ shared).max() + 0.1


def test_passages_of_no_direction_are_like_nothing_and_do_not_count_among_the_others() -> None:
    roof, price, nowhere = np.eye(3, vectors.SIZE_BYTES, dtype=np.float32) * [[1], [1], [0]]
    both = vectors.likeness(price, 127 * np.stack([roof, price]), nowhere)
    told = vectors.likeness(price, 127 * np.stack([roof, nowhere, price, nowhere]), nowhere)
    assert told[[0, 2]].tolist() == both.tolist()
    assert told[[1, 3]].tolist() == [0.0, 0.0]
    assert vectors.likeness(price, np.stack([nowhere, nowhere]), nowhere).tolist() == [0.0, 0.0]


def test_a_passage_without_a_word_in_common_comes_first_by_its_direction(vault: Vault) -> None:
    with vault.read() as conn:
        found = ranking.rank(conn, DOSSIER, "Was there a shipwreck?", thesaurus=WITHOUT_THESAURUS)
    assert found[0].page == 3


def test_it_is_found_also_among_more_passages_than_are_all_weighed(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "CANDIDATES", 3)
    with vault.read() as conn:
        found = ranking.rank(conn, DOSSIER, "Was there a shipwreck?", thesaurus=WITHOUT_THESAURUS)
        assert found[0].page == 3
        assert not ranking.rank(conn, DOSSIER, "Was there a shipwreck?", documents=[])
        assert not ranking.rank(conn, "e" * 32, "Was there a shipwreck?")


def test_words_nobody_knows_find_nothing(vault: Vault) -> None:
    with vault.read() as conn:
        assert not ranking.rank(conn, DOSSIER, "Xqzv brwkl?")


def test_a_forgotten_page_leaves_no_direction_behind(vault: Vault) -> None:
    assert kept(vault) == len(PAGES)
    with vault.write() as conn:
        index.forget_page(conn, REPORT, 3)
    assert kept(vault) == len(PAGES) - 1
    with vault.write() as conn:
        index.forget_dossier(conn, DOSSIER)
    assert kept(vault) == 0


def test_the_index_built_again_holds_the_same_directions(vault: Vault) -> None:
    def packed() -> list[bytes]:
        with vault.read() as conn:
            rows = conn.execute(text("SELECT vectors FROM search_page_vectors ORDER BY page_id"))
            return [bytes(row[0]) for row in rows]

    before = packed()
    with vault.write() as conn:
        index.rebuild(
            conn, [IndexedPage(DOSSIER, REPORT, "minutes.txt", n, p) for n, p in enumerate(PAGES, 1)]
        )
    assert packed() == before
