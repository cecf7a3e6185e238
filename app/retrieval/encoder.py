"""A sentence encoder: texts of alike meaning get alike directions, in French and in English, in any words.

``resources/encoder`` says where its weights come from. A text is cut into pieces of words; each piece has a
vector, three stacks of convolutions look at two, three and five neighbours, and the sum over the text goes
through a few dense layers. numpy is read with the first use: the window opens without it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.resources import resource
from app.retrieval.pieces import BEGIN, END, UNKNOWN, Cutter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# Of each convolution: how many pieces it looks at, and how many of them stand before the middle one.
SPANS: Mapping[int, int] = {2: 0, 3: 1, 5: 2}
MOST_PIECES = 384  # of a text; and of the texts that are computed together
MOST_STRANGE = 0.5  # of a text's signs: of one that is mostly in another script nothing is said
LEAST_LETTERS = 2.2  # of a piece that has any, on average
_THREADS = "OPENBLAS_NUM_THREADS"


@dataclass(frozen=True, slots=True)
class Encoder:
    """``table[piece] * weights["step"]`` is a piece's vector; the other ``weights`` are the layers, by
    name.
    """

    cutter: Cutter
    table: NDArray[np.int8]
    weights: Mapping[str, Floats]

    @property
    def size(self) -> int:
        """Of a direction."""
        return int(self.weights["axes"].shape[1])

    def spells(self, text: str) -> bool:
        """Whether the text holds no word that is known, and has to be put together letter by letter."""
        letters = [n for piece in self.cutter.cut(text) if (n := sum(map(str.isalpha, piece.text)))]
        return sum(letters) < LEAST_LETTERS * len(letters)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Each text's direction, of length 1; of length 0 where too little of it is known. Shape
        [texts, size].
        """
        import numpy as np

        directions = np.zeros((len(texts), self.size), np.float32)
        group: list[list[int]] = []
        numbers: list[int] = []

        def close() -> None:
            if group:
                directions[numbers] = self._directions(group)
                group.clear()
                numbers.clear()

        for number, text in enumerate(texts):
            cut = self.cutter.cut(text)
            strange = sum(len(piece.text) for piece in cut if piece.number == UNKNOWN)
            if not cut or strange > MOST_STRANGE * sum(not sign.isspace() for sign in text):
                continue
            pieces = [piece.number for piece in cut[: MOST_PIECES - 2]]
            if sum(map(len, group)) + len(pieces) + 2 > MOST_PIECES:
                close()
            group.append([BEGIN, *pieces, END])
            numbers.append(number)
        close()
        return directions

    def _directions(self, group: Sequence[Sequence[int]]) -> Floats:
        """Of texts given as pieces. They lie one behind the other, with room between them that stays zero, so
        that no convolution sees the next text.
        """
        import numpy as np

        w = self.weights
        room = max(SPANS)
        lengths = np.array([len(pieces) for pieces in group])
        starts = np.cumsum(lengths) - lengths
        rows = np.arange(lengths.sum()) + room * np.repeat(np.arange(len(group)) + 1, lengths)
        apart = int(rows[-1]) + room + 1

        def neighbours(values: Floats, span: int) -> Floats:
            spread = np.zeros((apart, values.shape[1]), np.float32)
            spread[rows] = values
            return np.concatenate([spread[rows + at - SPANS[span]] for at in range(span)], axis=1)

        pieces = np.concatenate([np.asarray(p) for p in group])
        embedded = self.table[pieces] * w["step"]
        features = [embedded]
        for span in SPANS:
            inner = _normalise(embedded @ w[f"into{span}"] + w[f"into{span}.bias"], w, f"inner{span}")
            for layer in (1, 2):
                seen = neighbours(inner, span) @ w[f"span{span}.{layer}"] + w[f"span{span}.{layer}.bias"]
                inner = inner + np.maximum(seen, 0.0)
            features.append(inner)
        whole = _normalise(np.concatenate(features, axis=1), w, "whole")
        total = np.add.reduceat(whole, starts, axis=0) @ w["out"] + lengths[:, None] * w["out.bias"]
        total /= np.sqrt(lengths)[:, None]
        first = np.maximum(total @ w["dense0"], 0.0)
        second = np.maximum(total @ w["past1"] + first @ w["dense1"], 0.0)
        third = np.maximum(second @ w["dense2"], 0.0)
        last = np.tanh(second @ w["past3"] + third @ w["dense3"])
        last /= np.linalg.norm(last, axis=1, keepdims=True)
        directions = (last - w["centre"]) @ w["axes"]
        lengths_of = np.linalg.norm(directions, axis=1, keepdims=True)
        told: Floats = directions / np.maximum(lengths_of, 1e-6)
        return told


def _normalise(values: Floats, weights: Mapping[str, Floats], name: str) -> Floats:
    import numpy as np

    values = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(values * values, axis=1, keepdims=True) + weights["epsilon"])
    told: Floats = values / spread * weights[f"{name}.gain"] + weights[f"{name}.bias"]
    return told


def _read_numpy() -> None:
    """With one thread for its matrices, which it asks the environment for once: those here are so small that
    several threads wait for each other longer than they compute, on a busy machine five times as long.
    """
    before = os.environ.get(_THREADS)
    os.environ.setdefault(_THREADS, "1")
    import numpy  # noqa: F401

    if before is None:
        del os.environ[_THREADS]  # the processes started later are to ask for themselves


@cache
def shipped(path: Path | None = None) -> Encoder:
    """The encoder that comes with the application (read once)."""
    _read_numpy()
    import numpy as np

    weights: dict[str, Floats] = {}
    with np.load(path or resource("encoder", "encoder.npz"), allow_pickle=False) as file:
        texts = file["pieces"].tobytes().decode("utf-8").split("\n")
        pieces = list(zip(texts, file["scores"].astype(float).tolist(), strict=True))
        table = file["table"]
        for name in file.files:
            if name in ("pieces", "scores", "table") or name.endswith(".scale"):
                continue
            values = file[name].astype(np.float32)
            weights[name] = values * file[f"{name}.scale"] if f"{name}.scale" in file.files else values
    return Encoder(Cutter(pieces), table, weights)
