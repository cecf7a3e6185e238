"""From placed words to the text of a page with exact spans."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from app.ingest.limits import Limits
from app.library.words import Word, round_pt

_LIGATURES: Final = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
_SEPARATOR_RANK: Final = {"": 0, " ": 1, "\t": 2, "\n": 3, "\n\n": 4}
_IDEOGRAPHS: Final = (
    (0x2E80, 0x31FF),
    (0x3200, 0x9FFF),
    (0xA960, 0xA97F),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF01, 0xFF60),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Glyph:
    """A word, or a part of one, where it stands; ``glued`` means that no space comes before it."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    glued: bool = False

    def joined(self, other: Glyph) -> Glyph:
        return Glyph(
            self.text + other.text,
            min(self.x0, other.x0),
            min(self.y0, other.y0),
            max(self.x1, other.x1),
            max(self.y1, other.y1),
            self.glued,
        )


@dataclass(slots=True)
class PageText:
    """``cut`` is true when words were left out because the page held more than a page may."""

    text: str = ""
    words: list[Word] = field(default_factory=list)
    cut: bool = False


def is_ideograph(sign: str) -> bool:
    """Whether words are written without spaces between such signs."""
    code = ord(sign[0])
    return code >= 0x2E80 and any(low <= code <= high for low, high in _IDEOGRAPHS)


def clean_word(text: str) -> str:
    """NFC, Latin ligatures taken apart, no control, private or lone surrogate signs. Soft hyphens stay."""
    if text.isascii() and text.isprintable():
        return text
    plain = unicodedata.normalize("NFC", text.translate(_LIGATURES))
    return "".join(sign for sign in plain if not sign.isspace() and _kept(sign))


def _kept(sign: str) -> bool:
    category = unicodedata.category(sign)
    if category == "Cf":
        return sign in "\u00ad\u200c\u200d"
    return category not in {"Cc", "Cs", "Co"}


def build_page_text(
    words: Iterable[tuple[str, Glyph]], width_pt: float, height_pt: float, limits: Limits
) -> PageText:
    """Put words, each with the separator before it, together.

    Words whose middle lies off the page are left out, boxes are cut to the page.
    """
    page = PageText()
    pieces: list[str] = []
    length = size_bytes = 0
    pending = ""
    for separator, glyph in words:
        pending = max(pending, separator, key=_SEPARATOR_RANK.__getitem__)
        word = clean_word(glyph.text)
        box = _box_on_page(glyph, width_pt, height_pt)
        if not word or box is None:
            continue
        before = pending if pieces else ""
        pending = ""
        size_bytes += len(before) + len(word.encode())
        if size_bytes > limits.page_text_bytes or len(page.words) >= limits.page_words:
            page.cut = True
            break
        start = length + len(before)
        length = start + len(word)
        page.words.append(Word(start, length, *box))
        pieces += (before, word)
    page.text = "".join(pieces)
    return page


def _box_on_page(glyph: Glyph, width_pt: float, height_pt: float) -> tuple[float, float, float, float] | None:
    middle_x, middle_y = (glyph.x0 + glyph.x1) / 2, (glyph.y0 + glyph.y1) / 2
    if not (0 <= middle_x <= width_pt and 0 <= middle_y <= height_pt):  # false for a NaN too
        return None
    x0, x1 = sorted((min(max(glyph.x0, 0.0), width_pt), min(max(glyph.x1, 0.0), width_pt)))
    y0, y1 = sorted((min(max(glyph.y0, 0.0), height_pt), min(max(glyph.y1, 0.0), height_pt)))
    return round_pt(x0), round_pt(y0), round_pt(x1), round_pt(y1)
