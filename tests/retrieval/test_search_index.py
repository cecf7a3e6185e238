"""Search inside the encrypted database: words, phrases, accents, elision, Chinese, scope, and hostile
input.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval import index, lookup, ranking, schema
from app.retrieval.index import IndexedPage
from app.store import CHEAP_FOR_TESTS, Vault

DOSSIER, OTHER = "d" * 32, "e" * 32
LETTER, NOTES = "1" * 32, "2" * 32

PAGES = {
    (LETTER, 1): (
        "Centre hospitalier de Valmont\n12 mars 2024\n\n"
        "Madame Irène Le Goff est sortie de l’hôpital le 9 mars.\n\n"
        "Traitement de sortie\n- Apixaban 5 mg matin et soir\n- Bisoprolol 2,5 mg le matin\n\n"
        "Tension artérielle : 145/90 mmHg. Le cœur est régulier."
    ),
    (LETTER, 2): "La patiente ne présente pas d'allergie connue. Prochaine consultation le 3 juin 2024.",
    (NOTES, 1): "患者高血压病史十年，血压控制不佳。建议复查。",
    (NOTES, 2): "The tenant owes EUR 1,250.00 of rent. The lessor is Mr Paul Arnaud.",
}


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.create(
        tmp_path / "vault", "a fairly long phrase", schema.MIGRATIONS, kdf=CHEAP_FOR_TESTS, testing=True
    ) as vault:
        with vault.write() as conn:
            for (document, page), text in PAGES.items():
                title = "Lettre.pdf" if document == LETTER else "notes.txt"
                index.put_page(conn, IndexedPage(DOSSIER, document, title, page, text))
            index.put_page(conn, IndexedPage(OTHER, "3" * 32, "x.txt", 1, "Apixaban elsewhere, l'hôpital"))
        yield vault


def find(vault: Vault, typed: str, documents: list[str] | None = None, limit: int = 50) -> lookup.Found:
    with vault.read() as conn:
        return lookup.find(conn, DOSSIER, typed, lambda d, p: PAGES[(d, p)], documents=documents, limit=limit)


def pages(found: lookup.Found) -> set[tuple[str, int]]:
    return {(hit.document_id, hit.page) for hit in found.hits}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("hopital", (LETTER, 1)),
        ("HÔPITAL ", (LETTER, 1)),
        ("l'hôpital ", (LETTER, 1)),
        ("coeur ", (LETTER, 1)),
        ("apix", (LETTER, 1)),
        ('"sortie de l\'hôpital"', (LETTER, 1)),
        ("« allergie connue »", (LETTER, 2)),
        ("血压", (NOTES, 1)),
        ("高血压", (NOTES, 1)),
        ("复", (NOTES, 1)),
        ("lessor arnaud", (NOTES, 2)),
    ],
)
def test_a_page_is_found_by_what_a_person_types(vault: Vault, typed: str, expected: tuple[str, int]) -> None:
    found = find(vault, typed)
    assert pages(found) == {expected}
    assert found.all_words


def test_marks_in_the_snippet_are_the_words_that_were_found(vault: Vault) -> None:
    hit = find(vault, "hopital").hits[0]
    assert [hit.snippet[s:e] for s, e in hit.marks] == ["hôpital"]
    text = PAGES[(hit.document_id, hit.page)]
    assert [text[s:e] for s, e in hit.spans] == ["hôpital"]
    assert "\n" not in hit.snippet


def test_a_snippet_stands_where_the_marks_are_densest() -> None:
    page = "rent " + "word " * 200 + "rent of the rent and rent " + "word " * 200
    snippet, marks = lookup.snip(page, lookup.mark(page, lookup.parse("rent ")))
    assert [snippet[a:b] for a, b in marks] == ["rent"] * 3


def test_a_page_of_nothing_but_the_word_is_snipped_in_one_pass() -> None:
    class Counted(tuple):
        looks = 0

        def __getitem__(self, at):
            Counted.looks += 1
            return super().__getitem__(at)

    page = "aa " * 3_000
    spans = tuple(Counted(span) for span in lookup.mark(page, lookup.parse("aa ")))
    snippet, marks = lookup.snip(page, spans)
    assert marks
    assert snippet
    assert Counted.looks < 20 * len(spans)


def test_a_phrase_is_not_found_in_scattered_words(vault: Vault) -> None:
    assert not find(vault, '"allergie consultation"').hits


def test_an_unfinished_word_finds_its_ending_but_a_finished_one_does_not(vault: Vault) -> None:
    assert find(vault, "biso").hits
    assert not find(vault, "biso ").hits


def test_when_no_page_has_all_the_words_some_are_said_to_be_missing(vault: Vault) -> None:
    found = find(vault, "allergie zanzibar")
    assert pages(found) == {(LETTER, 2)}
    assert not found.all_words


def test_search_stays_inside_the_dossier_and_the_chosen_documents(vault: Vault) -> None:
    assert pages(find(vault, "apixaban")) == {(LETTER, 1)}
    assert not find(vault, "apixaban", documents=[NOTES]).hits
    assert not find(vault, "apixaban", documents=[]).hits
    assert pages(find(vault, "apixaban", documents=[NOTES, LETTER])) == {(LETTER, 1)}


def test_a_forgotten_document_is_found_no_more(vault: Vault) -> None:
    with vault.write() as conn:
        index.forget_documents(conn, [LETTER])
    assert not find(vault, "apixaban").hits
    with vault.read() as conn:
        assert all(p.document_id != LETTER for p in ranking.rank(conn, DOSSIER, "Quel traitement ?"))


def test_the_index_can_be_built_again_and_finds_the_same(vault: Vault) -> None:
    before = pages(find(vault, "mars"))
    again = [IndexedPage(DOSSIER, d, "t", p, text) for (d, p), text in PAGES.items()]
    with vault.write() as conn:
        assert index.rebuild(conn, again) == len(PAGES)
    assert pages(find(vault, "mars")) == before
    with vault.write() as conn:
        assert index.rebuild(conn, again, dossier_id=DOSSIER) == len(PAGES)
    assert pages(find(vault, "mars")) == before


def test_indexing_a_page_twice_leaves_it_once(vault: Vault) -> None:
    with vault.write() as conn:
        index.put_page(conn, IndexedPage(DOSSIER, LETTER, "Lettre.pdf", 2, "Rien que du zinc."))
        assert index.indexed_pages(conn, LETTER) == {1, 2}
    assert not find(vault, "allergie").hits
    assert find(vault, "zinc").total_pages == 1


def test_the_total_counts_pages_beyond_the_limit(vault: Vault) -> None:
    found = find(vault, "2024", limit=1)
    assert len(found.hits) == 1
    assert found.total_pages == 2


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="\"*()^:+-{}NEAROT血 aé'", max_size=30),
    st.sampled_from(
        ['"', "words : x", "NEAR(a b)", "a OR", "* *", '""', "x\x00y", "-a", "{stems} : a", "^a"]
    ),
)


@given(typed=HOSTILE)
def test_nothing_typed_can_break_or_escape_the_query(vault: Vault, typed: str) -> None:
    for hit in find(vault, typed).hits:
        assert (hit.document_id, hit.page) in PAGES
    with vault.read() as conn:
        for passage in ranking.rank(conn, DOSSIER, typed):
            text = PAGES[(passage.document_id, passage.page)]
            assert passage.text == text[passage.start : passage.end]


def test_a_scope_that_is_no_id_is_refused() -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        index.scope_query('x" OR "y', None)


@pytest.mark.parametrize(
    ("asked", "document", "page", "holds"),
    [
        ("Which blood thinner does she take?", LETTER, 1, "Apixaban"),
        ("Quel anticoagulant est prescrit ?", LETTER, 1, "Apixaban"),
        ("What was her blood pressure?", LETTER, 1, "145/90"),
        ("When did she leave hospital?", LETTER, 1, "9 mars"),
        ("Is she allergic to anything?", LETTER, 2, "allergie"),
        ("Who is the landlord?", NOTES, 2, "Arnaud"),
        ("Combien le locataire doit-il ?", NOTES, 2, "1,250"),
        ("血压怎么样", NOTES, 1, "血压"),
    ],
)
def test_a_question_finds_its_passage_even_without_a_word_in_common(
    vault: Vault, asked: str, document: str, page: int, holds: str
) -> None:
    with vault.read() as conn:
        best = ranking.rank(conn, DOSSIER, asked)[0]
    assert (best.document_id, best.page) == (document, page)
    assert holds in best.text
