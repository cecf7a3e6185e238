"""Words as the index sees them: folded (case, accents, ligatures), with spans, elisions cut, Chinese as
bigrams.

The same functions serve text and questions, so both sides always agree. Spans are character offsets into
the text as it was given (``text[start:end]``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# Han, kana and Hangul: written without spaces, so they are indexed as overlapping pairs of characters.
_CJK = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_TOKEN = re.compile(rf"[{_CJK}]+|(?:[^\W_{_CJK}][\u0300-\u036f]*)+")
_IS_CJK = re.compile(rf"[{_CJK}]")
_LIGATURES = str.maketrans(
    {"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l"}
)

# What stands before an apostrophe in French: "l'hôpital", "qu'il", "jusqu'au". Dropped wherever words are
# weighed; the index keeps them as words of their own, so that a quoted phrase still has its exact neighbours.
ELISIONS = frozenset(["l", "d", "j", "m", "n", "s", "t", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu"])


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word and where it stands; ``start`` and ``end`` are offsets into the text it came from."""

    text: str
    start: int
    end: int


def fold(text: str) -> str:
    """Lower case without accents or ligatures; compatibility forms (ﬁ, µ, full width) become plain ones."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.translate(_LIGATURES)).casefold()
    return "".join(c for c in plain if not unicodedata.combining(c))


def is_cjk(text: str) -> bool:
    return bool(_IS_CJK.match(text))


def split(text: str) -> list[Word]:
    """Words in order. A run of Chinese of n characters gives its n-1 pairs and then its last character alone,
    so that every character begins a word and one character can be searched by prefix."""
    words: list[Word] = []
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        run = match.group()
        if run.isascii():
            words.append(Word(run.lower(), start, end))
        elif is_cjk(run):
            words.extend(Word(text[i : min(i + 2, end)], i, min(i + 2, end)) for i in range(start, end))
        else:
            folded = fold(run)
            if folded:
                words.append(Word(folded, start, end))
    return words


@lru_cache(maxsize=131_072)
def _stems_of_run(run: str) -> tuple[str, ...]:
    return tuple(stem(word.text) for word in split(run))


def stems(text: str) -> tuple[str, ...]:
    """The stems of ``split(text)``, in order; several times faster where words come back."""
    return tuple(found for run in _TOKEN.findall(text) for found in _stems_of_run(run))


def count(text: str) -> int:
    """How many words a person would count; two Chinese characters count as one."""
    total = 0
    for match in _TOKEN.finditer(text):
        run = match.group()
        total += (len(run) + 1) // 2 if not run.isascii() and is_cjk(run) else 1
    return total


def indexed(text: str) -> str:
    """The text handed to the full-text index: the folded words, in order, separated by spaces."""
    return " ".join(word.text for word in split(text))


def indexed_stems(text: str) -> str:
    return " ".join(stems(text))


def _undouble(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl" else word


# (suffix, replacement, shortest word it applies to): the first that fits is applied, once.
_SUFFIXES: tuple[tuple[str, str, int], ...] = (
    ("issements", "i", 11), ("issement", "i", 10), ("issaient", "i", 10), ("issait", "i", 8),
    ("isations", "is", 10), ("isation", "is", 9), ("izations", "is", 10), ("ization", "is", 9),
    ("izing", "is", 7), ("ising", "is", 7), ("ized", "is", 6), ("ised", "is", 6), ("izes", "is", 6),
    ("ize", "is", 5), ("ises", "is", 6), ("isees", "is", 7), ("isee", "is", 6), ("iser", "is", 6),
    ("ations", "", 9), ("ation", "", 8), ("atrices", "", 10), ("ateurs", "", 9), ("ateur", "", 8),
    ("atrice", "", 9), ("ators", "", 8), ("ator", "", 7), ("ating", "", 8), ("ated", "", 7), ("ates", "", 7),
    ("ements", "", 9), ("ement", "", 8), ("ments", "", 8), ("ment", "", 7), ("ement", "", 8),
    ("ances", "", 8), ("ance", "", 7), ("ences", "", 8), ("ence", "", 7),
    ("ivement", "if", 9), ("ives", "if", 6), ("ive", "if", 5), ("ifs", "if", 5),
    ("ities", "it", 7), ("ity", "it", 6), ("ites", "it", 6), ("ite", "it", 6),
    ("ologies", "olog", 9), ("ologie", "olog", 8), ("ology", "olog", 7), ("ologues", "olog", 9),
    ("ologue", "olog", 8), ("ologists", "olog", 10), ("ologist", "olog", 9),
    ("ically", "ic", 8), ("icals", "ic", 7), ("ical", "ic", 6), ("iques", "ic", 7), ("ique", "ic", 6),
    ("ics", "ic", 6), ("aux", "al", 6), ("ales", "al", 6), ("ale", "al", 5), ("ally", "al", 7),
    ("aient", "", 8), ("erent", "", 8), ("erait", "", 8), ("eront", "", 8), ("antes", "", 8), ("ants", "", 7),
    ("ante", "", 7), ("ant", "", 6), ("ait", "", 6), ("ingly", "", 8), ("ings", "", 7), ("ing", "", 6),
    ("edly", "", 7), ("ies", "i", 5), ("ees", "", 6), ("ee", "", 5), ("ers", "", 6), ("er", "", 5),
    ("eurs", "", 7), ("eur", "", 6), ("euses", "", 8), ("euse", "", 7), ("ors", "", 6), ("or", "", 5),
    ("ions", "", 7), ("ion", "", 6), ("ed", "", 5), ("ez", "", 5), ("ly", "", 6), ("es", "", 4),
    ("s", "", 4), ("e", "", 4), ("y", "i", 4), ("x", "", 5),
)  # fmt: skip


@lru_cache(maxsize=131_072)
def stem(word: str) -> str:
    """A light French and English stem of a folded word; numbers and Chinese stay as they are.

    One table serves both languages: conflating a little too much costs less than guessing a language per
    word.
    """
    if len(word) < 4 or not word.isalpha() or is_cjk(word) or word.endswith("ss"):
        return word
    for suffix, replacement, shortest in _SUFFIXES:
        if len(word) >= shortest and word.endswith(suffix):
            return _undouble(word[: len(word) - len(suffix)] + replacement)
    return word


_STOP_FR = """
a ai ainsi alors apres as au aucun aucune aussi autre autres aux avait avant avec avez avoir avons ayant c
ca car ce ceci cela celle celles celui ces cet cette ceux chaque chez ci comme comment d dans de depuis des
donc dont du elle elles en encore entre es est et etaient etait ete etes etre eu eux fait faire fut il ils j
jusqu l la laquelle le lequel les lesquelles lesquels leur leurs lors lorsqu lui m ma mais me meme mes moi
mon n ne ni nos notre nous on ont or ou par parmi pas pendant peut peuvent plus pour pourquoi puis puisqu qu
quand que quel quelle quelles quels qui quoi quoiqu s sa sans se selon sera seront ses si sien soit son sont
sous sur t ta tandis te tel telle tels tes toi ton tous tout toute toutes tres tu un une vers vos votre vous
y avoir dit indique mentionne precise concernant existe figure il-y-a quelqu ici
"""
_STOP_EN = """
a about above after again all also am an and any are as at be because been before being below between both
but by can could did do does doing down during each few for from further had has have having he her here
hers him his how i if in into is it its itself just me more most my no nor not now of off on once only or
other our out over own s same she should so some such t than that the their them then there these they this
those through to too under until up upon was we were what when where which while who whom whose why will
with would you your according mention mentioned mentions stated state states say says said tell please give
given there
"""
STOP_WORDS_FR = frozenset(fold(w) for w in _STOP_FR.split()) | ELISIONS
STOP_WORDS_EN = frozenset(fold(w) for w in _STOP_EN.split()) | {"s", "t"}
STOP_WORDS = STOP_WORDS_FR | STOP_WORDS_EN


def stop_words_of(folded: Iterable[str]) -> frozenset[str]:
    """Stop words of the language that a question is in, by its stop words: "car" asks for something in
    English and for nothing in French. Those of both where it does not show.
    """
    french = english = 0
    for word in folded:
        french += word in STOP_WORDS_FR and word not in STOP_WORDS_EN
        english += word in STOP_WORDS_EN and word not in STOP_WORDS_FR
    if french == english:
        return STOP_WORDS
    return STOP_WORDS_FR if french > english else STOP_WORDS_EN
