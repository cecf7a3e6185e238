"""Directions of passages and questions: texts of alike meaning point alike, in whatever words.

``encoder`` computes them, the index keeps those of a page one behind the other as signed bytes. numpy is read
with the first use: the window opens without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from app.retrieval import encoder

if TYPE_CHECKING:
    from app.retrieval.encoder import Floats

SIZE_BYTES = 256  # of a passage's direction in the index: a signed byte per dimension

# Questions about nothing: what they point to is that something is asked, which no passage answers to.
_ASKING = (
    "Who is it?",
    "What is it?",
    "When did it happen?",
    "Where is it?",
    "Why did it happen?",
    "How much is it?",
    "How long does it take?",
    "Which one is it?",
    "How many are there?",
    "Is it so?",
    "Qui est-ce ?",
    "Qu'est-ce que c'est ?",
    "Quand cela s'est-il passé ?",
    "Où est-ce ?",
    "Pourquoi est-ce arrivé ?",
    "Combien est-ce ?",
    "Combien de temps cela prend-il ?",
    "Lequel est-ce ?",
    "Combien y en a-t-il ?",
    "Est-ce le cas ?",
)


def of_texts(texts: Sequence[str]) -> Floats:
    """Shape [texts, SIZE_BYTES], each of length 1, or of length 0 where too little of the text is known."""
    return encoder.shipped().encode(texts)


@cache
def asking() -> Floats:
    """What questions have in common, whatever they ask. Shape [SIZE_BYTES]."""
    shared: Floats = of_texts(_ASKING).mean(axis=0)
    return shared


def of_question(text: str) -> Floats:
    """Of a text by itself. Shape [SIZE_BYTES], of length 0 for one of made-up words too: nothing is alike."""
    told = encoder.shipped()
    direction: Floats = told.encode([text])[0]
    return direction * 0.0 if told.spells(text) else direction


def pack(directions: Floats) -> bytes:
    """Directions as the index keeps them, one after the other."""
    import numpy as np

    packed: bytes = np.rint(127.0 * directions).astype(np.int8).tobytes()
    return packed


def unpack(packed: Iterable[bytes]) -> Floats:
    """What ``pack`` made, as one row per direction, still in bytes' scale. Shape [passages, SIZE_BYTES]."""
    import numpy as np

    return np.frombuffer(b"".join(packed), np.int8).reshape(-1, SIZE_BYTES).astype(np.float32)


def likeness(question: Floats, passages: Floats, shared: Floats) -> Floats:
    """How far each passage points where the question does, in [-1, 1]; 0 for passages of no direction. What
    all passages have in common is taken off first: in a dossier about a roof the word roof tells nothing. Of
    the question, half of that and half of what questions share (``asking``). ``passages`` as ``unpack`` gives
    them. Shape [passages].
    """
    import numpy as np

    known = passages.any(axis=1)
    if not known.any():
        return np.zeros(len(passages), np.float32)
    common = passages[known].mean(axis=0)
    asked = question - (common / 127.0 + shared) / 2.0
    asked /= max(float(np.linalg.norm(asked)), 1e-6)
    along, beside = (passages @ np.stack([asked, common], axis=1)).T
    apart = np.einsum("ij,ij->i", passages, passages) - 2.0 * beside + common @ common
    told: Floats = (along - common @ asked) / np.sqrt(np.maximum(apart, 1.0))
    return np.where(known, told, np.float32(0.0))
