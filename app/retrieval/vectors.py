"""Word vectors: words of alike meaning lie in alike directions, French and English ones together.

``resources/vectors`` says what they were made of. A text's vector is the sum of its words', each by how much
it tells; texts that speak of the same in other words then point alike. numpy is read with the first use: the
window opens without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.resources import resource
from app.retrieval import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIZE_BYTES = 128  # of a passage's vector in the index: a signed byte per dimension
_LANGUAGES = ("fr", "en")


@dataclass(frozen=True, slots=True)
class WordVectors:
    """``table[rows[language][stem]]`` is a word's direction, of length 127 or so; ``tells`` is in [0, 1],
    less for common words.
    """

    table: NDArray[np.int8]
    tells: Floats
    rows: dict[str, dict[str, int]]

    def row(self, stem: str, language: str) -> int | None:
        """Of the word in this language; of the other's where this one does not know it."""
        for one in (language, *_LANGUAGES):
            found = self.rows[one].get(stem)
            if found is not None:
                return found
        return None

    def sum_up(self, stems: Iterable[str], language: str) -> Floats:
        """The direction of a text, of length 1; of length 0 where no word of it is known. Each word counts
        once. Shape [SIZE_BYTES].
        """
        import numpy as np

        found = [row for stem in dict.fromkeys(stems) if (row := self.row(stem, language)) is not None]
        if not found:
            return np.zeros(SIZE_BYTES, np.float32)
        each = self.table[found].astype(np.float32)
        each *= (self.tells[found] / np.maximum(np.linalg.norm(each, axis=1), 1.0))[:, None]
        total: Floats = each.sum(axis=0)
        length = float(np.linalg.norm(total))
        return total / length if length else total


@cache
def shipped(path: Path | None = None) -> WordVectors:
    """The vectors that come with the application (read once)."""
    import numpy as np

    with np.load(path or resource("vectors", "words.npz"), allow_pickle=False) as file:
        table, tells = file["vectors"], file["tells"].astype(np.float32) / 255.0
        names = file["words"].tobytes().decode("utf-8").split("\n")
    rows: dict[str, dict[str, int]] = {language: {} for language in _LANGUAGES}
    for number, name in enumerate(names):
        language, _, stem = name.partition(" ")
        rows[language][stem] = number
    return WordVectors(table, tells, rows)


def language_of(folded: Iterable[str]) -> str:
    """Of a text, by its stop words."""
    stops = words.stop_words_of(folded)
    return "en" if stops is words.STOP_WORDS_EN else "fr"


def of_text(tokens: Sequence[words.Word], language: str) -> Floats:
    """Of a text's words without its stop words. Shape [SIZE_BYTES], of length 1 or 0."""
    told = (words.stem(token.text) for token in tokens if token.text not in words.STOP_WORDS)
    return shipped().sum_up(told, language)


def pack(vectors: Iterable[Floats]) -> bytes:
    """Directions as the index keeps them, one after the other."""
    import numpy as np

    return b"".join(np.rint(127.0 * vector).astype(np.int8).tobytes() for vector in vectors)


def unpack(packed: Iterable[bytes]) -> Floats:
    """What ``pack`` made, as one row per vector, still in bytes' scale. Shape [passages, SIZE_BYTES]."""
    import numpy as np

    return np.frombuffer(b"".join(packed), np.int8).reshape(-1, SIZE_BYTES).astype(np.float32)


def likeness(question: Floats, passages: Floats) -> Floats:
    """How far each passage points where the question does, in [-1, 1]. What all passages have in common is
    taken off first: in a dossier about a roof the word roof tells nothing. ``passages`` as ``unpack`` gives
    them. Shape [passages].
    """
    import numpy as np

    common = passages.mean(axis=0)
    along, beside = (passages @ np.stack([question, common], axis=1)).T
    apart = np.einsum("ij,ij->i", passages, passages) - 2.0 * beside + common @ common
    told: Floats = (along - common @ question) / np.sqrt(np.maximum(apart, 1.0))
    return told
