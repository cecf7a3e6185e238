"""From placed words to the text of a page with exact spans."""

from __future__ import annotations

import re
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
_IDEOGRAPH: Final = re.compile(
    "[\u2e80-\u9fff\ua960-\ua97f\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\U00020000-\U0003ffff]"
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
    return sign[0] >= "\u2e80" and _IDEOGRAPH.match(sign) is not None


def has_ideographs(text: str) -> bool:
    """Whether any sign of a text is one."""
    return not text.isascii() and _IDEOGRAPH.search(text) is not None


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
        if _SEPARATOR_RANK[separator] > _SEPARATOR_RANK[pending]:
            pending = separator
        word = clean_word(glyph.text)
        box = _box_on_page(glyph, width_pt, height_pt)
        if not word or box is None:
            continue
        before = pending if pieces else ""
        pending = ""
        size_bytes += len(before) + (len(word) if word.isascii() else len(word.encode()))
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
    x0, y0, x1, y1 = glyph.x0, glyph.y0, glyph.x1, glyph.y1
    if not (0 <= x0 <= x1 <= width_pt and 0 <= y0 <= y1 <= height_pt):  # false for a NaN too
        if not (0 <= x0 + x1 <= 2 * width_pt and 0 <= y0 + y1 <= 2 * height_pt):
            return None
        x0, x1 = sorted((min(max(x0, 0.0), width_pt), min(max(x1, 0.0), width_pt)))
        y0, y1 = sorted((min(max(y0, 0.0), height_pt), min(max(y1, 0.0), height_pt)))
    return round_pt(x0), round_pt(y0), round_pt(x1), round_pt(y1)
