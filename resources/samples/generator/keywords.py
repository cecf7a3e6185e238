"""Whether a question shares a keyword with the words that answer it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

STEM_LENGTH = 4
IDLE_WORDS = frozenset((Path(__file__).parent / "idle-words.txt").read_text(encoding="utf-8").split())


def stems(text: str) -> set[str]:
    """Return the stems of the content words: accents off, cut to four letters; short words stay whole."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    words = re.findall(r"[a-z0-9]+", plain)
    return {
        word[:STEM_LENGTH] for word in words if word not in IDLE_WORDS and (len(word) > 1 or word.isdigit())
    }


def shares_keyword(question: str, quote: str) -> bool:
    """Tell whether any content-word stem stands in both."""
    return bool(stems(question) & stems(quote))
