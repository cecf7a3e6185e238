"""A reader's answer under the rules that keep it to its evidence."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.verbatim import Verbatim

PIECE = re.compile(r" ?\w|\n| ?[^\w\s]| ")
PROMPT = "? Who?\n[1] Dr Kerr on 12 May, (Dr Bo) 120\n[2] Dr Kerr, 12 July\n? Who?\n"
MARKS = ["«", "»", " «", " »", "[", " [", "]", *"0123456789", "x"]


class Vocabulary:
    """Every letter, digit and mark is a token, with or without a space before it."""

    def __init__(self, *texts: str) -> None:
        pieces = [piece for text in texts for piece in PIECE.findall(text)]
        self.texts = list(dict.fromkeys([*MARKS, *pieces]))

    def encode(self, text: str) -> list[int]:
        return [self.texts.index(piece) for piece in PIECE.findall(text)]

    def token_bytes(self, token_id: int) -> bytes:
        return self.texts[token_id].encode()

    def rules(self, prompt: str) -> Verbatim:
        return Verbatim(self.encode(prompt), self.token_bytes, len(self.texts))


def accepts(answer: str, prompt: str = PROMPT) -> bool:
    """Whether the rules let every token of the answer pass."""
    vocabulary = Vocabulary(prompt, answer)
    rules = vocabulary.rules(prompt)
    for token in vocabulary.encode(answer):
        allowed = rules.allowed()
        if allowed is not None and token not in allowed:
            return False
        rules.say(token)
    return True


@pytest.mark.parametrize(
    "answer",
    [
        "« Dr Kerr » [1]",
        "« Dr Kerr » [2]",
        "«Dr Bo » [1]",
        "« 12 July » [2] no",
        "«» [0]",
        "« 12 » [2] « May » [1]",
    ],
)
def test_what_stands_in_the_passage_named_may_be_said(answer: str) -> None:
    assert accepts(answer)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("« Dr Karr » [1]", "no passage has it"),
        ("« Kerr » [3]", "there is no such passage"),
        ("« May » [2]", "another passage has it"),
        ("« 12 » [0]", "a quotation has a passage"),
        ("«» [1]", "no quotation has none"),
        ("« Ker » [1]", "a word does not end there"),
        ("« err » [1]", "a word does not begin there"),
        ("« Who » [1]", "the question is no evidence"),
        ("« 120 [2] » [1]", "a quotation stays within its passage"),
        ("« Kerr » [12]", "that is another number"),
    ],
)
def test_what_does_not_may_not(answer: str, why: str) -> None:
    assert not accepts(answer), why


def test_a_vocabulary_without_the_marks_has_no_rules() -> None:
    plain = Vocabulary("ab")
    plain.texts = ["a", "b"]
    rules = plain.rules("ab")
    assert rules.allowed() is None
    rules.say(0)
    assert rules.allowed() is None


@given(
    choices=st.lists(st.integers(0, 10_000), min_size=1, max_size=40), text=st.text("ab 1.[]«»", max_size=30)
)
def test_whatever_is_chosen_there_is_always_something_to_say_and_quotes_stand(
    choices: list[int], text: str
) -> None:
    prompt = f"[1] {' '.join(text.split())} end\n[2] ab ab. 1\n? a\n"
    vocabulary = Vocabulary(prompt)
    rules = vocabulary.rules(prompt)
    said = []
    for choice in [vocabulary.texts.index("«"), *choices]:
        allowed = rules.allowed()
        assert allowed is None or allowed
        token = choice % len(vocabulary.texts) if allowed is None else sorted(allowed)[choice % len(allowed)]
        rules.say(token)
        said.append(vocabulary.texts[token])
    if said[1] != "»" and " »" in said and not {"«", "»"} & set(text):
        value = "".join(said[1 : said.index(" »")]).strip()
        assert any(value in line for line in prompt.splitlines()[:2])


def test_absent_stands_against_all_values_together() -> None:
    vocabulary = Vocabulary(PROMPT)
    rules = vocabulary.rules(PROMPT)
    rules.say(vocabulary.texts.index("«"))
    every, closing = rules.allowed(), vocabulary.texts.index("»")
    assert every is not None
    logits = np.zeros(len(vocabulary.texts), np.float32)
    logits[closing] = 1.0  # above each beginning of a value, below all of them
    assert sorted(rules.allowed(logits) or []) == sorted(set(every) - {closing})
    logits[closing] = 9.0
    assert rules.allowed(logits) == [closing]


def test_where_no_token_fits_the_rules_stand_back() -> None:
    """As in a vocabulary of another kind, whose tokens run across the ends of passages."""
    vocabulary = Vocabulary()
    vocabulary.texts = ["«", "»", " »", "[", "]", "7", "\n", "a", "b\nc"]
    rules = Verbatim([3, 5, 4, 7, 8], vocabulary.token_bytes, len(vocabulary.texts))
    rules.say(0)
    assert sorted(rules.allowed() or []) == [1, 7]
    rules.say(7)
    assert rules.allowed() is None


def test_the_next_quotation_starts_anew() -> None:
    vocabulary = Vocabulary(PROMPT)
    rules = vocabulary.rules(PROMPT)
    states = []
    for token in vocabulary.encode("« 12 July » [2] «"):
        rules.say(token)
        states.append(rules.allowed())
    assert states[-1] is not None
    assert vocabulary.texts.index(" M") in states[-1]
    assert all(before is not after for before, after in pairwise(states) if before and after)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ""),
        ("«", ""),  # with which words it begins is the model's to say
        ("« Dr", " Kerr on 12"),  # the first of its places
        ("«Dr Bo", ") 120"),
        ("« 12 May »", " [1]"),
        ("« Dr Kerr »", " [1]"),
        ("« Dr Kerr » [", "1]"),
        ("«»", " [0]"),
        ("« 12 May » [1]", ""),
    ],
)
def test_what_comes_next_is_what_is_left_or_the_next_words(said: str, expected: str) -> None:
    vocabulary = Vocabulary(PROMPT)
    rules = vocabulary.rules(PROMPT)
    for token in vocabulary.encode(said):
        rules.say(token)
    ahead = rules.ahead(20, 20)
    text = "".join(vocabulary.texts[token] for token, _ in ahead)
    assert text.startswith(expected) if expected else not text
    assert rules.ahead(2, 20) == ahead[:2]
    few = rules.ahead(20, 2)
    assert few == ahead[: len(few)]
    assert sum(not certain for _, certain in few) == min(2, sum(not certain for _, certain in ahead))
    for token, certain in ahead:  # and nothing of it was said meanwhile
        allowed = rules.allowed()
        assert allowed is None or token in allowed
        assert certain == (allowed == [token])
        rules.say(token)


def test_nothing_is_ahead_where_everything_is_allowed() -> None:
    rules = Verbatim([0, 1, 0], lambda token_id: b"ab"[token_id : token_id + 1], 2)
    rules.say(0)
    assert rules.ahead(5, 5) == []
