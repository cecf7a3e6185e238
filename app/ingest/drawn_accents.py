"""Accents that older typesetting draws as signs of their own: "grav´ee", "`a", "connaˆıtre", "con¸cu".

Such files name two signs where a person sees one letter; search, quotes and models need the letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_COMBINING: Final = {"´": "\u0301", "`": "\u0300", "ˆ": "\u0302", "¨": "\u0308", "¸": "\u0327", "˜": "\u0303"}
# What the languages of these files put together; a tilde alone also stands before a name ("˜user").
_APART: Final = re.compile(
    "´[aeiouyAEIOUYı]|ˆ[aeiouAEIOUı]|¨[aeiouyAEIOUYı]|¸[cC]|[cC]¸|(?<=[A-Za-z])˜[nNaoAO]"
)
# The grave accent is the backtick of ordinary text: it counts only beside other accents drawn apart.
_GRAVE: Final = re.compile("`[aeiouAEIOU]")
_DOTLESS: Final = "ı"


def are_drawn_apart(words: Sequence[str]) -> bool:
    """Whether some word of a page has an accent before its letter."""
    return any(not word.isascii() and _APART.search(word) for word in words)


def compose(word: str) -> str:
    """The word with its letters whole; for pages of which ``are_drawn_apart`` is true."""
    word = _APART.sub(_whole, word)
    quoted = word.count("`") > 1 or word.endswith(("'", "’"))
    return word if quoted else _GRAVE.sub(_whole, word)


def _whole(match: re.Match[str]) -> str:
    accent, letter = match.group()[0], match.group()[1]
    if letter in _COMBINING:  # a cedilla may come after its letter
        accent, letter = letter, accent
    letter = "i" if letter == _DOTLESS else letter
    return unicodedata.normalize("NFC", letter + _COMBINING[accent])
