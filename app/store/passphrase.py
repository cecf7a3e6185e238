"""What makes a passphrase good enough, what a good one looks like, and how long to wait after wrong ones."""

from __future__ import annotations

import math
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Literal

from app.store.failures import WeakPassphrase

LEAST_CHARS = 12
LEAST_DISTINCT = 5

Grade = Literal["refused", "weak", "fair", "good"]

_CONSONANTS = "bdfgjklmnprstvz"
_VOWELS = "aeiou"
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
)
_COMMON = (
    "password", "passwort", "motdepasse", "passphrase", "azerty", "qwerty", "secret", "bonjour", "welcome",
    "admin", "huisclos", "hopital", "hospital", "cabinet", "avocat", "docteur", "doctor", "soleil", "letmein",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Strength:
    """An estimate: `bits` a guesser who knows these rules would need, and the grade that follows."""

    bits: float
    grade: Grade


def estimate(passphrase: str) -> Strength:
    """Return a cautious estimate of how hard the passphrase is to guess.

    Every character counts by the alphabet it comes from; one that repeats, continues a keyboard or
    alphabet run, or belongs to a common word counts for one bit.
    """
    text = unicodedata.normalize("NFC", passphrase)
    folded = _fold(text)
    alphabet = 0
    alphabet += 26 * any(char.islower() for char in text)
    alphabet += 26 * any(char.isupper() for char in text)
    alphabet += 10 * any(char.isdigit() for char in text)
    alphabet += 32 * any(not char.isalnum() for char in text)
    alphabet += 64 * any(ord(char) > 127 for char in text)
    # Letters in words are no random letters: natural language carries far less than its alphabet.
    per_char = math.log2(max(alphabet, 2)) * (0.55 if text.replace(" ", "").isalpha() else 0.75)
    cheap = _cheap_places(folded)
    bits = sum(1.0 if place in cheap else per_char for place in range(len(folded)))
    if not _allowed(text):
        return Strength(bits, "refused")
    grade: Grade = "weak" if bits < 45 else "fair" if bits < 65 else "good"
    return Strength(bits, grade)


def require_strong(passphrase: str) -> None:
    """Raise WeakPassphrase unless it has 12 characters or more, at least five of them different."""
    if not _allowed(unicodedata.normalize("NFC", passphrase)):
        raise WeakPassphrase(LEAST_CHARS)


def propose(words: int = 5) -> str:
    """Return a random passphrase that can be said aloud: words of three syllables, 18 bits each."""
    return " ".join(
        "".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(3)) for _ in range(words)
    )


def delay_s(failures: int) -> float:
    """Return how long to wait before the next try after that many wrong ones: 0, 1, 2, 4 … 60 seconds."""
    return 0.0 if failures <= 0 else float(min(60, 2 ** min(failures - 1, 6)))


def _allowed(text: str) -> bool:
    return len(text) >= LEAST_CHARS and len(set(text)) >= LEAST_DISTINCT


def _fold(text: str) -> str:
    bare = unicodedata.normalize("NFD", text.casefold())
    return "".join(char for char in bare if not unicodedata.combining(char))


def _cheap_places(folded: str) -> set[int]:
    cheap: set[int] = set()
    for word in _COMMON:
        at = folded.find(word)
        while at >= 0:
            cheap.update(range(at, at + len(word)))
            at = folded.find(word, at + 1)
    for place in range(2, len(folded)):
        three = folded[place - 2 : place + 1]
        if len(set(three)) == 1 or any(three in run or three in run[::-1] for run in _RUNS):
            cheap.add(place)
        # A stretch already seen is one decision, not new characters.
        if folded.find(three) < place - 2:
            cheap.add(place)
    return cheap
