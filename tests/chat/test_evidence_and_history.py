"""How much evidence is shown, and what is kept of a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chat import evidence as room
from app.chat import history, schema
from app.chat.evidence import Source, choose, plan_budget
from app.chat.values import (
    Answer,
    AnswerMode,
    Box,
    Citation,
    Evidence,
    Grade,
    Reason,
    Statement,
    Timings,
)
from app.store import CHEAP_FOR_TESTS, Vault


def sources(count: int, words: int = 50) -> list[Source]:
    return [Source("d", "n", 1, 0, 1, "w " * words) for _ in range(count)]


def by_words(per_word: int = 2, bare: int = 40):
    def count(items: Sequence[Evidence]) -> int:
        return bare + sum(per_word * len(item.text.split()) for item in items)

    return count


@given(
    count=st.integers(0, 60),
    words=st.integers(1, 60),
    speed=st.floats(0, 20_000),
    wish=st.integers(0, 4000),
    window=st.sampled_from([256, 1024, 4096, 131072]),
    bare=st.integers(1, 6000),
    reader=st.booleans(),
)
def test_prompt_and_answer_never_pass_the_window(
    count: int, words: int, speed: float, wish: int, window: int, bare: int, reader: bool
) -> None:
    budget = plan_budget(reader=reader, window_tok=window, evidence_tok=wish, prefill_tok_per_s=speed)
    assert budget.prompt_tok + budget.answer_tok <= budget.window_tok <= room.WINDOW_TOK
    counter = by_words(bare=bare)
    chosen = choose(sources(count, words), budget, counter)
    if chosen:
        assert counter(chosen) + budget.answer_tok <= budget.window_tok
    assert [item.anchor for item in chosen] == list(range(1, len(chosen) + 1))


def test_a_faster_machine_is_shown_more_and_a_slow_one_still_something() -> None:
    def shown(speed: float) -> int:
        budget = plan_budget(reader=False, window_tok=4096, evidence_tok=3000, prefill_tok_per_s=speed)
        return len(choose(sources(40), budget, by_words()))

    assert shown(1) == 1
    assert shown(200) < shown(500) < shown(5000)


def test_the_reader_sees_six_passages_in_512_tokens_at_most() -> None:
    budget = plan_budget(reader=True, window_tok=4096, evidence_tok=400, prefill_tok_per_s=1.0)
    assert len(choose(sources(40, 10), budget, by_words(1))) == 6
    assert len(choose(sources(40, 60), budget, by_words(2))) == 3


def test_choosing_asks_for_few_counts() -> None:
    asked = []

    def count(items: Sequence[Evidence]) -> int:
        asked.append(len(items))
        return by_words()(items)

    budget = plan_budget(reader=False, window_tok=4096, evidence_tok=3000, prefill_tok_per_s=1000)
    choose(sources(40), budget, count)
    assert len(asked) <= 7


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.create(
        tmp_path / "v", "a fairly long phrase", schema.MIGRATIONS, kdf=CHEAP_FOR_TESTS, testing=True
    ) as vault:
        yield vault


def citation(document_id: str) -> Citation:
    return Citation(1, document_id, "lettre.pdf", 2, 3, 8, "5 mg", (Box(1.5, 2.0, 3.25, 4.0),), True)


def answer(
    chat_id: str, message_id: str = "m1", document_id: str = "doc", text: str = "«5 mg» [1]"
) -> Answer:
    statement = Statement(text, 0, len(text), Grade.CHECKED_ON_PAGE, (citation(document_id),))
    return Answer(
        message_id,
        chat_id,
        "dossier",
        "Quelle dose ?",
        text,
        (statement,),
        AnswerMode.MODEL,
        Reason.NONE,
        "Mini",
        0.75,
        False,
        (Evidence(1, document_id, "lettre.pdf", 2, 0, 20, "le passage"),),
        Timings(0.1, 0.2, 0.3, 4, 5, 0.6, 0.7),
        (citation(document_id),),
    )


def test_an_answer_comes_back_as_it_was_kept(vault: Vault) -> None:
    with vault.write() as conn:
        chat_id = history.start_chat(conn, "dossier", "  Quelle\ndose ? " + "x" * 100)
        kept = answer(chat_id)
        history.keep_answer(conn, kept, ["doc"])
    with vault.read() as conn:
        assert history.list_answers(conn, chat_id) == (kept,)
        assert history.get_answer(conn, "m1") == (kept, ("doc",))
        assert history.get_answer(conn, "m2") is None
        (chat,) = history.list_chats(conn, "dossier")
    assert (len(chat.title), chat.exchanges) == (history.TITLE_CHARACTERS, 1)
    assert chat.title.startswith("Quelle dose ? xxx")


def test_a_regenerated_answer_takes_the_place_of_the_old_one(vault: Vault) -> None:
    with vault.write() as conn:
        chat_id = history.start_chat(conn, "dossier", "?")
        for n in range(3):
            history.keep_answer(conn, answer(chat_id, f"m{n}"), None)
        again = answer(chat_id, "m1", text="«2 mg» [1] et davantage")
        history.keep_answer(conn, again, None)
        kept = history.list_answers(conn, chat_id)
    assert [a.message_id for a in kept] == ["m0", "m1", "m2"]
    assert kept[1] == again


def test_with_a_document_go_the_answers_that_cite_it(vault: Vault) -> None:
    with vault.write() as conn:
        chat_id = history.start_chat(conn, "dossier", "?")
        history.keep_answer(conn, answer(chat_id, "m1", "gone"), None)
        history.keep_answer(conn, answer(chat_id, "m2", "stays"), None)
        history.forget_documents(conn, ["gone"])
        assert [a.message_id for a in history.list_answers(conn, chat_id)] == ["m2"]
        for table in ("chat_citation", "chat_evidence"):
            rows = conn.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE document_id = 'gone'")
            assert rows.scalar_one() == 0


def test_chats_can_be_renamed_and_deleted(vault: Vault) -> None:
    with vault.write() as conn:
        chat_id = history.start_chat(conn, "dossier", "?")
        history.keep_answer(conn, answer(chat_id), None)
        history.rename_chat(conn, chat_id, "Traitement")
        found = history.get_chat(conn, chat_id)
        assert found is not None
        assert found.title == "Traitement"
        history.delete_chat(conn, chat_id)
        assert history.list_chats(conn, "dossier") == ()
        assert history.get_answer(conn, "m1") is None
        assert conn.exec_driver_sql("SELECT count(*) FROM chat_citation").scalar_one() == 0
