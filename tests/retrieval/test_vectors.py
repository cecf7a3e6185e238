"""Word vectors: alike words lie near in both languages, and a passage in other words is found by them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from app.retrieval import index, ranking, schema, vectors, words
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


def direction(phrase: str, language: str) -> vectors.Floats:
    return vectors.of_text(words.split(phrase), language)


def likeness(one: str, other: str, language: str = "en", of_other: str | None = None) -> float:
    return float(direction(one, language) @ direction(other, of_other or language))


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


@pytest.mark.parametrize(
    ("language", "word", "alike", "stranger"),
    [
        ("en", "surgeon", "physician", "gravel"),
        ("en", "wages", "salary", "weather"),
        ("en", "shipwreck", "drowned", "invoice"),
        ("fr", "loyer", "bail", "potage"),
        ("fr", "chirurgien", "médecin", "toiture"),
        ("fr", "cadeau", "largesse", "tension"),
    ],
)
def test_words_of_alike_meaning_lie_nearer_than_strangers(
    language: str, word: str, alike: str, stranger: str
) -> None:
    assert likeness(word, alike, language) > likeness(word, stranger, language) + 0.2


@pytest.mark.parametrize(
    ("english", "french", "stranger"),
    [("surgeon", "chirurgien", "toiture"), ("brakes", "freins", "repas"), ("rent", "loyer", "douleur")],
)
def test_so_do_those_of_the_other_language(english: str, french: str, stranger: str) -> None:
    assert likeness(english, french, "en", "fr") > likeness(english, stranger, "en", "fr") + 0.2


def test_every_direction_that_ships_is_of_full_size_and_some_length() -> None:
    shipped = vectors.shipped()
    assert shipped.table.shape == (sum(map(len, shipped.rows.values())), vectors.SIZE_BYTES)
    assert shipped.table.any(axis=1).all()
    assert all(len(rows) > 20_000 for rows in shipped.rows.values())
    assert 0.0 <= shipped.tells.min() < 0.3 < 0.9 < shipped.tells.max() <= 1.0


def test_a_text_of_unknown_words_has_no_direction_and_no_likeness() -> None:
    nowhere = direction("xqzv 4711 the of", "en")
    assert not nowhere.any()
    assert not vectors.likeness(direction("brakes", "en"), np.stack([nowhere, nowhere])).any()


def test_directions_come_back_from_the_index_as_they_were_put_in() -> None:
    told = [direction(page, "en") for page in PAGES]
    back = vectors.unpack([vectors.pack(told[:2]), vectors.pack(told[2:])])
    assert back.shape == (len(PAGES), vectors.SIZE_BYTES)
    assert np.abs(back / 127.0 - np.stack(told)).max() < 0.005


def test_what_all_passages_speak_of_tells_nothing_among_them() -> None:
    roof, price, rain = np.eye(3, vectors.SIZE_BYTES, dtype=np.float32)
    told = vectors.likeness((roof + price) / 2**0.5, 90 * np.stack([roof + rain, roof + price, roof]))
    assert told.argmax() == 1
    assert told[2] < 0.0 < told[1]
    assert not vectors.likeness(roof, 127 * np.stack([roof, roof])).any()


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
