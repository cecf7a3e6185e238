"""Names and values of the sample dossiers, which training must never see.

Phrases are compared after `fold` (case, accents and punctuation removed), as whole words.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from engine.mini.drawing import NAMES

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[1] / "resources" / "samples" / "questions.json"
# capitalised words that are no names
_COMMON = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june "
    "july august september october november december dr mr mrs ms maitre me mme lundi mardi mercredi "
    "jeudi vendredi samedi dimanche janvier fevrier mars avril mai juin juillet aout septembre "
    "octobre novembre decembre madame monsieur docteur professeur prof judge doctor the la le les un "
    "une"
)
COMMON = frozenset(_COMMON.split())
_WORD = re.compile(r"\w+")
_MARKS = re.compile(r"[\u0300-\u036f]")
_NAME = re.compile(r"(?<![.!?:] )(?<!^)\b[A-ZÀ-Þ][\w’'-]*[a-zà-ÿ][\w]*")
_TITLED = re.compile(r"\b(?:Dr|Mme|Mlle|Mrs|Mr|Ms|Me|M|Pr|Prof)\.? +([A-ZÀ-Þ][\w’'-]+)")


def fold(text: str) -> str:
    """Words in lower case without accents, separated by single spaces."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "oe"))
    return " ".join(_WORD.findall(_MARKS.sub("", plain).lower()))


class Exclusion:
    """`hits(text)` says whether an excluded name or value stands in `text`."""

    def __init__(self, answers: Iterable[str], names: Iterable[str]) -> None:
        self.phrases: set[str] = set()
        for answer in answers:
            folded = fold(answer)
            if is_telling(folded):
                self.phrases.add(folded)
        for name in names:
            for word in fold(name).split():
                if len(word) > 2 and word not in COMMON | plain_words() and not word.isdigit():
                    self.phrases.add(word)
        self._sizes: dict[
            str, list[int]
        ] = {}  # first word of a phrase -> lengths in words of the phrases it opens
        for phrase in self.phrases:
            words = phrase.split()
            self._sizes.setdefault(words[0], []).append(len(words))

    @classmethod
    def of_samples(cls, path: Path = SAMPLES) -> Exclusion:
        """The list for the sample dossiers: every answer, and every name inside an answer or a quote."""
        if not path.exists():
            return cls((), ())
        rows = json.loads(path.read_text(encoding="utf-8"))
        rows = rows["questions"] if isinstance(rows, dict) else rows
        answers = [row["answer"] for row in rows if row["answer"]]
        names = [n for row in rows for field in ("question", "quote") for n in names_in(row.get(field) or "")]
        names += [n for answer in answers for n in names_in(f"x {answer}")]
        names += sorted(names_of_texts(path.parent / "generator" / "texts"))
        return cls(answers, names)

    def hits(self, text: str) -> bool:
        words = fold(text).split()
        return any(
            " ".join(words[start : start + size]) in self.phrases
            for start, word in enumerate(words)
            for size in self._sizes.get(word, ())
        )


def names_of_texts(folder: Path) -> set[str]:
    """Names in the sources of the sample papers: words always capitalised that are no ordinary words."""
    names: set[str] = set()
    titled: set[str] = set()  # such words are names even where a mail address has them in lower case
    lower: set[str] = set()
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8").replace("\n", " ")
        names |= {w for n in names_in(text) for w in fold(n).split()}
        titled |= {w for n in _TITLED.findall(text) for w in fold(n).split()}
        lower |= {fold(w) for w in re.findall(r"(?<!\w)[a-zà-ÿœ]{3,}", text)}
    return ((names - lower) | titled) - ordinary_words()


@cache
def ordinary_words() -> frozenset[str]:
    """What our own sentences and closed lists say; people's, places' and firms' names are not among it."""
    found: set[str] = set()
    for language in ("en", "fr"):
        for path in (HERE / "facts").glob(f"*{language}.txt"):
            found |= set(fold(path.read_text(encoding="utf-8")).split())
        for line in (HERE / "pools" / f"{language}.txt").read_text(encoding="utf-8").splitlines():
            if line.partition(":")[0].removesuffix("+") not in NAMES:
                found |= set(fold(line).split())
    return frozenset(found)


@cache
def plain_words() -> frozenset[str]:
    """Ordinary words (house, employer …) that a name may hold without becoming telling."""
    lists = (HERE / "pools" / f"words_{language}.txt" for language in ("en", "fr"))
    return frozenset(w for path in lists for w in fold(path.read_text(encoding="utf-8")).split())


def is_telling(folded: str) -> bool:
    """A value worth excluding: more than one word, or one word of at least four letters or three digits."""
    words = folded.split()
    return len(words) > 1 or (len(words) == 1 and len(folded) >= (3 if folded.isdigit() else 4))


def names_in(text: str) -> list[str]:
    """Capitalised words that do not begin the text or a sentence, and those after a title."""
    return _NAME.findall(text) + _TITLED.findall(text)
