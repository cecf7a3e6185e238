"""Texts are cut into the pieces that the usual library would cut them into."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from app.core.resources import resource
from app.retrieval import encoder
from app.retrieval.pieces import END, SPACE, UNKNOWN, Cutter

PIECES = [
    ("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), (SPACE, -4.0), (f"{SPACE}a", -2.0), (f"{SPACE}ab", -3.0),
    ("b", -2.5), ("c", -2.5), (f"{SPACE}fine", -3.0), ("ly", -3.0), (f"{SPACE}finely", -9.0), ("fi", -5.0),
]  # fmt: skip


def library(pieces: list[tuple[str, float]]) -> Tokenizer:
    cutter = Tokenizer(models.Unigram(pieces, UNKNOWN, False))
    cutter.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    cutter.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    return cutter


def texts_of(cutter: Cutter, text: str) -> list[str]:
    return [piece.text for piece in cutter.cut(text)]


def test_a_text_is_cut_into_its_likeliest_pieces_whatever_its_spaces_and_ligatures() -> None:
    cutter = Cutter(PIECES)
    assert texts_of(cutter, "finely") == [f"{SPACE}fine", "ly"]
    assert texts_of(cutter, "  \ufb01nely \n\t ab ") == [f"{SPACE}fine", "ly", f"{SPACE}ab"]
    assert cutter.cut("") == cutter.cut(" \n ") == cutter.cut(SPACE) == []
    assert cutter.cut(f"{SPACE}ab{SPACE}a") == cutter.cut("ab a")


def test_unknown_signs_side_by_side_are_one_piece_and_no_text_becomes_a_mark() -> None:
    cutter = Cutter(PIECES)
    assert [tuple(piece) for piece in cutter.cut("a血压b")] == [(4, f"{SPACE}a"), (UNKNOWN, "血压"), (6, "b")]
    assert all(
        piece.number in (UNKNOWN, *range(END + 1, len(PIECES))) for piece in cutter.cut("<s>a</s> <unk>")
    )


@given(some.text("abcfinely \n血ﬁ", max_size=24))
def test_they_are_the_library_s_own(text: str) -> None:
    assert [piece.number for piece in Cutter(PIECES).cut(text)] == library(PIECES).encode(text).ids


@pytest.fixture(scope="module")
def shipped() -> Tokenizer:
    told = encoder.shipped().cutter
    known = sorted(told._known.items(), key=lambda item: item[1][0])
    marks = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0)]
    return library(marks + [(text, score) for text, (_, score) in known])


def test_the_samples_questions_and_answers_are_cut_as_the_library_does(shipped: Tokenizer) -> None:
    cutter = encoder.shipped().cutter
    rows = json.loads(resource("samples", "questions.json").read_text("utf-8"))
    for text in [row[name] for row in rows for name in ("question", "quote")]:
        assert [piece.number for piece in cutter.cut(text)] == shipped.encode(text).ids, text
