"""Text made comparable without losing where each character came from.

Normalised: compatibility forms and ligatures (ﬁ → fi), typographic quotes and dashes, case, soft hyphens,
words broken by a hyphen at a line's end, and any run of white space as one space. Accents, digits and units
stay.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_PLAIN = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'",
        "“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "″": '"',
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-",
        "œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "µ": "\u03bc", "\u2044": "/",
    }
)  # fmt: skip
_AFTER_DIGIT = {"<super>": "^", "<fraction>": " "}
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
# "1 500" is one number. Whether a space parts thousands or two columns cannot be told from the text, and only
# the first mistake puts a wrong dose before a person as checked.
_THOUSANDS = r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?!\d)"
_GROUPED = re.compile(_THOUSANDS)
# A minus is a sign where nothing stands before it ("-5") or after it (a blood group, "A-").
_TOKEN = re.compile(
    rf"(?:(?<![\w.,)])-(?=\d))?(?:{_THOUSANDS}(?:[.,]\d+)?|[.,]?\d+(?:[.,:/'^]\d+)*)|[^\W\d_]+|"
    r"(?<=\w)-(?!\w)|[%‰°<>≤≥±+=~≈≠×\u20a0-\u20cf$£¥]"
)


@dataclass(frozen=True, slots=True)
class PlainText:
    """``text[i]`` came from the original's character ``origin[i]``."""

    text: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span behind ``text[start:end]`` (which is not empty)."""
        return self.origin[start], self.origin[end - 1] + 1


def _breaks_word(text: str, at: int) -> int:
    """Length of a hyphen and the white space after it that cut a word in two at ``at``, or 0.

    A space counts like a line's end, since passages are shown to models on one line.
    """
    if text[at] not in "-\u00ad\u2010" or at == 0 or not text[at - 1].isalpha():
        return 0
    end = at + 1
    while end < len(text) and text[end].isspace():
        end += 1
    return end - at if at + 1 < end < len(text) and text[end].islower() else 0


def normalise(text: str) -> PlainText:
    out: list[str] = []
    origin: list[int] = []
    at = 0
    while at < len(text):
        skip = _breaks_word(text, at)
        if skip:
            at += skip
            continue
        character = text[at]
        if character in _INVISIBLE:
            at += 1
            continue
        if character.isspace():
            if out and out[-1] != " ":
                out.append(" ")
                origin.append(at)
            at += 1
            continue
        # Combining marks belong to the letter before them: they are composed with it.
        end = at + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        composed = unicodedata.normalize("NFKC", text[at:end]).translate(_PLAIN).casefold()
        if out and out[-1].isdigit():
            form = unicodedata.decomposition(character).partition(" ")[0]
            composed = _AFTER_DIGIT.get(form, "") + composed
        for plain in composed:
            if plain.isspace():
                if out and out[-1] == " ":
                    continue
                plain = " "
            out.append(plain)
            origin.append(at)
        at = end
    if out and out[-1] == " ":
        out.pop()
        origin.pop()
    return PlainText("".join(out), tuple(origin))


def strip_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def grouped_numbers(text: str) -> list[tuple[int, int]]:
    """Spans of numbers whose thousands are set apart by a space."""
    return [match.span() for match in _GROUPED.finditer(text)]


def tokens(plain: str) -> list[tuple[str, int, int]]:
    """(token without accents, start, end): words, whole numbers with their sign and inner points, commas and
    slashes, and signs that change a number (%, <, €).
    """
    return [(strip_accents(m.group()), m.start(), m.end()) for m in _TOKEN.finditer(plain)]
