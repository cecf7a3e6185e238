"""Five small dossiers and what people ask of them, mostly in other words than the papers'.

``asked/NAME.txt`` holds documents (``== title``) of pages parted by ``--``; ``asked/NAME.questions`` lines of
question, document, page and words of the answer. They are no measure of how well unseen papers are searched,
since the thesaurus went on being written beside them; they say that nothing that was found is lost again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from app.retrieval import index, ranking, schema, words
from app.retrieval.index import IndexedPage
from app.store import CHEAP_FOR_TESTS, Vault

FOLDER = Path(__file__).parent / "asked"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))
SHOWN = 6  # passages that a reader looks at first


@dataclass(frozen=True, slots=True)
class Asked:
    text: str
    language: str
    place: int  # of the passage with the answer among those found; large when it was not
    shares: bool  # whether question and passage have a word in common


@cache
def pages_of(name: str) -> dict[str, list[str]]:
    documents = {}
    for block in (FOLDER / f"{name}.txt").read_text("utf-8").split("== ")[1:]:
        title, _, text = block.partition("\n")
        documents[title] = [page.strip() for page in text.split("\n--\n")]
    return documents


def questions_of(name: str) -> list[tuple[str, str, int, str]]:
    rows = [line.split("|") for line in (FOLDER / f"{name}.questions").read_text("utf-8").splitlines()]
    return [(asked, title, int(page), answer) for asked, title, page, answer in rows]


def plain(text: str) -> str:
    return " ".join(text.replace("’", "'").split()).casefold()


def content(text: str) -> set[str]:
    return {words.stem(w.text) for w in words.split(text) if w.text not in words.STOP_WORDS}


def language_of(question: str) -> str:
    return "fr" if words.stop_words_of(w.text for w in words.split(question)) == words.STOP_WORDS_FR else "en"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    folder = tmp_path_factory.mktemp("asked") / "vault"
    with Vault.create(
        folder, "a fairly long phrase", schema.MIGRATIONS, kdf=CHEAP_FOR_TESTS, testing=True
    ) as vault:
        with vault.write() as conn:
            for number, name in enumerate(NAMES):
                for title, pages in pages_of(name).items():
                    for page, text in enumerate(pages, 1):
                        document = document_of(name, title)
                        index.put_page(conn, IndexedPage(f"{number:032}", document, title, page, text))
        yield vault


def document_of(name: str, title: str) -> str:
    return f"{NAMES.index(name):016}{list(pages_of(name)).index(title):016}"


def ask_all(vault: Vault, every: int = 1) -> list[Asked]:
    found = []
    with vault.read() as conn:
        for number, name in enumerate(NAMES):
            for text, title, page, answer in questions_of(name)[::every]:
                ranked = ranking.rank(conn, f"{number:032}", text, limit=60)
                places = [
                    (place, passage)
                    for place, passage in enumerate(ranked)
                    if (passage.document_id, passage.page) == (document_of(name, title), page)
                    and plain(answer) in plain(passage.text)
                ]
                place, holds = places[0] if places else (len(ranked) + SHOWN, None)
                shares = holds is not None and bool(content(text) & content(holds.text))
                found.append(Asked(text, language_of(text), place, shares))
    return found


@pytest.fixture(scope="module")
def asked(vault: Vault) -> list[Asked]:
    return ask_all(vault)


def share_among_shown(asked: list[Asked]) -> float:
    return sum(one.place < SHOWN for one in asked) / len(asked)


def test_every_answer_stands_on_the_page_named_for_it() -> None:
    for name in NAMES:
        pages = pages_of(name)
        for text, title, page, answer in questions_of(name):
            assert plain(answer) in plain(pages[title][page - 1]), text


def test_the_answer_is_among_the_passages_shown_first(asked: list[Asked]) -> None:
    assert len(asked) > 180
    assert share_among_shown(asked) > 0.9


@pytest.mark.parametrize("language", ["en", "fr"])
def test_so_it_is_in_both_languages(asked: list[Asked], language: str) -> None:
    ours = [one for one in asked if one.language == language]
    assert len(ours) > 60
    assert share_among_shown(ours) > 0.87


def test_so_it_is_where_question_and_passage_share_no_word(asked: list[Asked]) -> None:
    strangers = [one for one in asked if not one.shares]
    assert len(strangers) > 100
    assert share_among_shown(strangers) > 0.87


def test_in_a_dossier_of_too_many_passages_to_weigh_all_the_index_leads_to_them(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "CANDIDATES", 15)
    assert share_among_shown(ask_all(vault, every=2)) > 0.8


def test_what_is_common_in_a_dossier_tells_nothing_in_it_however_rare_in_the_others(vault: Vault) -> None:
    here = f"{len(NAMES):032}"
    pages = [f"Mr Okonjo came on day {n} and spoke of the garden." for n in range(20)]
    pages[7] = "On that day the fence was painted green."
    with vault.write() as conn:
        for page, text in enumerate(pages, 1):
            index.put_page(conn, IndexedPage(here, "9" * 32, "notes.txt", page, text))
    with vault.read() as conn:
        best = ranking.rank(conn, here, "Okonjo fence")[0]
    assert best.page == 8
