"""The packed words: what goes in comes out, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.library.words import Word, WordsDamaged, pack_words, round_pt, unpack_words

HUNDREDTHS = st.integers(-100_000, 2_000_000)


@st.composite
def word_lists(draw):
    words, at = [], 0
    for gap, length, x0, y0, width, height in draw(
        st.lists(
            st.tuples(
                st.integers(0, 300),
                st.integers(1, 300),
                HUNDREDTHS,
                HUNDREDTHS,
                st.integers(0, 100_000),
                st.integers(0, 100_000),
            ),
            max_size=60,
        )
    ):
        start = at + gap
        at = start + length
        sides = (x0 / 100, y0 / 100, (x0 + width) / 100, (y0 + height) / 100)
        words.append(Word(start, at, *sides))
    return tuple(words)


@given(word_lists())
def test_packed_words_come_back_exactly(words):
    assert unpack_words(pack_words(words)) == words


@given(st.floats(-1e6, 1e6))
def test_rounding_is_what_packing_keeps(value):
    rounded = round_pt(value)
    word = Word(0, 1, rounded, rounded, rounded, rounded)
    assert unpack_words(pack_words([word])) == (word,)
    assert abs(rounded - value) <= 0.005001


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_or_are_words(data):
    try:
        words = unpack_words(data)
    except WordsDamaged:
        return
    assert unpack_words(pack_words(words)) == words


@given(word_lists().filter(bool), st.data())
def test_cut_bytes_are_refused(words, data):
    packed = pack_words(words)
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(WordsDamaged):
        unpack_words(packed[:cut])


@pytest.mark.parametrize(
    "words",
    [
        [Word(5, 5, 0, 0, 1, 1)],
        [Word(0, 4, 0, 0, 1, 1), Word(3, 5, 0, 0, 1, 1)],
        [Word(0, 1, 2, 0, 1, 1)],
        [Word(0, 1, 0, 2, 1, 1)],
        [Word(0, 1, 0, 0, 1e12, 1)],
    ],
)
def test_words_that_cannot_be_are_not_packed(words):
    with pytest.raises(ValueError):
        pack_words(words)


def test_a_page_of_words_takes_few_bytes():
    words = []
    for at in range(500):
        x0, y0 = 70.0 + at % 10 * 45, 60.0 + at // 10 * 15
        words.append(Word(8 * at, 8 * at + 7, x0, y0, x0 + 40, y0 + 12))
    assert len(pack_words(words)) < 500 * 10
