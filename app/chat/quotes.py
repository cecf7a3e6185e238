"""Finds quoted words on a page. Code decides here whether a quote stands: never a model, never a
similarity.
"""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import fuzz

from app.chat.plain_text import PlainText, grouped_numbers, normalise, tokens

MAX_QUOTE_CHARACTERS = 2_000
_LOCATE_SCORE = 75.0
_IN_NUMBERS = ".,'’^"


@dataclass(frozen=True, slots=True)
class Located:
    """A span of the page's text. ``stands`` is true when the page holds the quoted words themselves."""

    start: int
    end: int
    stands: bool


def _inside_word(text: str, at: int) -> bool:
    """True when ``at`` cuts a word or a number in two."""
    if at <= 0 or at >= len(text):
        return False
    before, after = text[at - 1], text[at]
    if before.isalnum() and after.isalnum():
        wide = ord(before) > 0x2E7F and ord(after) > 0x2E7F  # Chinese has no spaces to cut at
        return not wide
    # "2,5" is one number: neither its 2 nor its 5 may be quoted out of it.
    if before.isdigit() and after in _IN_NUMBERS and text[at + 1 : at + 2].isdigit():
        return True
    if not after.isdigit():
        return False
    left = text[at - 2] if at >= 2 else " "
    if before in _IN_NUMBERS and left.isdigit():
        return True
    # ".5" is no 5, and "-5" neither; "p.5" and "4-5" are.
    return before in ".,-\u2212" and not left.isalnum() and left not in ")]"


def _occurrences(text: str, wanted: str) -> list[tuple[int, int]]:
    found, at = [], text.find(wanted)
    numbers = grouped_numbers(text) if at >= 0 else []
    while at >= 0 and wanted:
        end = at + len(wanted)
        cut = any(_inside_word(text, edge) for edge in (at, end)) or any(
            first < edge < last for first, last in numbers for edge in (at, end)
        )
        if not cut:
            found.append((at, end))
        at = text.find(wanted, at + 1)
    return found


def _closest(spans: list[tuple[int, int]], near: tuple[int, int]) -> tuple[int, int]:
    """The first span inside ``near``, else the one that is least far away."""
    inside = [span for span in spans if near[0] <= span[0] and span[1] <= near[1]]
    return inside[0] if inside else min(spans, key=lambda s: abs(s[0] - near[0]))


def _by_tokens(page: PlainText, quote: PlainText) -> list[tuple[int, int]]:
    """Same words, numbers and signs of numbers in the same order, accents and punctuation aside."""
    wanted = [token for token, _, _ in tokens(quote.text)]
    have = tokens(page.text)
    if not wanted:
        return []
    size = len(wanted)
    starts = [
        i for i in range(len(have) - size + 1) if all(have[i + k][0] == t for k, t in enumerate(wanted))
    ]
    return [page.span(have[i][1], have[i + size - 1][2]) for i in starts]


def locate(page_text: str, quote: str, near: tuple[int, int] | None = None) -> Located | None:
    """Where a page holds ``quote``; among several places the one in or closest to ``near`` (a span of the
    page).

    A quote stands when its words are on the page exactly, or after the normalisation of ``plain_text``, or
    when all its words and numbers follow each other there with other punctuation or accents. A quote that
    merely resembles a place is located (``stands`` false) so that a person can compare; nothing else
    follows from it.
    """
    quote = quote.strip()
    if not quote or len(quote) > MAX_QUOTE_CHARACTERS or not any(c.isalnum() for c in quote):
        return None
    around = near or (0, len(page_text))
    spans = _occurrences(page_text, quote)
    if spans:
        return Located(*_closest(spans, around), True)
    page, plain = normalise(page_text), normalise(quote)
    spans = [page.span(*span) for span in _occurrences(page.text, plain.text)]
    spans = spans or _by_tokens(page, plain)
    if spans:
        return Located(*_closest(spans, around), True)
    if len(plain.text) < 8 or not page.text:
        return None
    alike = fuzz.partial_ratio_alignment(plain.text, page.text, score_cutoff=_LOCATE_SCORE)
    if alike is None or alike.dest_end <= alike.dest_start:
        return None
    return Located(*page.span(alike.dest_start, alike.dest_end), False)
