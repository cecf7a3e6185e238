"""Cuts texts into the pieces of words that the sentence encoder knows: of all ways to lay pieces side by
side the likeliest one (a unigram model; Kudo 2018, section 3.2).

Written here because the usual library is made to download models, and nothing of that kind is read where the
keys are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

UNKNOWN, BEGIN, END = 0, 1, 2  # the first pieces of every vocabulary; no text becomes one of the last two
SPACE = "\u2581"  # stands before each word; in a text it is a space like others
UNKNOWN_FALL = 10.0  # how much less likely an unknown sign is than the rarest piece
_WORDS_KEPT = 20_000


class Piece(NamedTuple):
    """``text`` is what stands in the normalised text; of unknown signs side by side one piece is made."""

    number: int
    text: str


class Cutter:
    """``pieces`` are texts with their logarithmic probabilities; their places are their numbers."""

    def __init__(self, pieces: Sequence[tuple[str, float]]) -> None:
        known = {text: (number, score) for number, (text, score) in enumerate(pieces) if number > END}
        self._known = known
        self._longest = max(map(len, known), default=0)
        self._unknown = min((score for _, score in known.values()), default=0.0) - UNKNOWN_FALL
        self._cut_word = lru_cache(_WORDS_KEPT)(self._likeliest)

    def cut(self, text: str) -> list[Piece]:
        """The pieces of a text, whatever its spaces and the shapes of its letters (NFKC)."""
        pieces: list[Piece] = []
        for word in unicodedata.normalize("NFKC", text).replace(SPACE, " ").split():
            pieces += self._cut_word(SPACE + word)
        return pieces

    def _likeliest(self, word: str) -> tuple[Piece, ...]:
        # For each place, how likely the best way there is, and the piece that ends it.
        best: list[tuple[float, int, int]] = [(0.0, 0, 0)]  # score, where its last piece begins, which it is
        for end in range(1, len(word) + 1):
            found = (best[end - 1][0] + self._unknown, end - 1, UNKNOWN)
            for start in range(max(0, end - self._longest), end):
                piece = self._known.get(word[start:end])
                if piece is not None and (score := best[start][0] + piece[1]) > found[0]:
                    found = (score, start, piece[0])
            best.append(found)
        pieces: list[Piece] = []
        end = len(word)
        while end:
            _, start, number = best[end]
            if number == UNKNOWN and pieces and pieces[-1].number == UNKNOWN:
                pieces[-1] = Piece(UNKNOWN, word[start:end] + pieces[-1].text)
            else:
                pieces.append(Piece(number, word[start:end]))
            end = start
        return tuple(reversed(pieces))
