"""Makes ``words.npz``: ``python -m resources.vectors.generator ROOT OUT``.

ROOT is a folder into which the packages that README.md names were unpacked (``dpkg -x PACKAGE ROOT``). The
same packages and the same numpy give the same file. Takes some minutes and 4 GB of memory.
"""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resources.vectors.generator import sources
from resources.vectors.generator.sources import Features, Message, Word
from resources.vectors.generator.sparse import Sparse

DIMENSIONS = 128
WINDOW = 5
CORPUS_SHARE = 0.5
LEAST_DICE = 0.12
LEAST_TOGETHER = 3
COMMON = 1e-3  # a word of this share of all words weighs half of a rare one
FRENCH_HELP = ("usr/share/libreoffice/help/fr/text/**/*.html", "usr/share/help/fr/**/*.page")
ENGLISH_HELP = ("usr/share/help/C/**/*.page",)


def align(messages: list[Message]) -> dict[tuple[str, str], float]:
    """Pairs (French, English) that stand in the same messages, by Dice's coefficient."""
    french: Counter[str] = Counter()
    english: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    for en, fr in messages:
        if len(en) > 25:
            continue
        ours, theirs = list(dict.fromkeys(fr)), list(dict.fromkeys(en))
        french.update(ours)
        english.update(theirs)
        both.update((one, other) for one in ours for other in theirs)
    best = defaultdict(list)
    for (one, other), count in both.items():
        dice = 2 * count / (french[one] + english[other])
        if count >= LEAST_TOGETHER and dice > LEAST_DICE:
            best[one].append((dice, other))
    return {(one, other): dice for one, found in best.items() for dice, other in sorted(found)[-3:]}


def choose(rows: Features, names: set[str], counts: dict[str, Counter[str]]) -> list[Word]:
    """Words worth a vector: known to a source, and common enough to be met."""
    chosen = []
    for (language, stem), features in rows.items():
        if len(stem) < 2 or not stem.isalpha():
            continue
        often = counts[language][stem]
        if language == "en" and ((stem in names and often >= 2) or often >= 6):
            chosen.append((language, stem))
        if language == "fr" and (sum(features.values()) > 2.5 or often >= 3):
            chosen.append((language, stem))
    chosen += [
        ("fr", stem) for stem, often in counts["fr"].items() if often >= 6 and ("fr", stem) not in rows
    ]
    return sorted(set(chosen))


def translate(matrix: Sparse, chosen: list[Word], pairs: dict[tuple[str, str], float]) -> Sparse:
    """Every word takes on the features of its translations, a French one more than an English one."""
    at = {word: number for number, word in enumerate(chosen)}
    from_french: Counter[str] = Counter()
    from_english: Counter[str] = Counter()
    for (french, english), weight in pairs.items():
        from_french[french] += weight
        from_english[english] += weight
    triples = []
    for (french, english), weight in pairs.items():
        one, other = at.get(("fr", french)), at.get(("en", english))
        if one is not None and other is not None:
            triples += [
                (one, other, weight / from_french[french]),
                (other, one, 0.5 * weight / from_english[english]),
            ]
    return matrix.plus(matrix.mixed(triples)).normalised()


def neighbours(chosen: list[Word], texts: dict[str, list[list[str]]], messages: list[Message]) -> Sparse:
    """Which words stand near each word, and in which messages' translations: positive pointwise mutual
    information.
    """
    every: dict[Word, int] = {word: number for number, word in enumerate(chosen)}
    for language, sentences in texts.items():
        for sentence in sentences:
            for stem in sentence:
                every.setdefault((language, stem), len(every))
    ones, others, weights = [], [], []
    for language, sentences in texts.items():
        for sentence in sentences:
            numbers = np.array([every[language, stem] for stem in sentence[:400]], np.int64)
            for apart in range(1, min(WINDOW, len(numbers) - 1) + 1):
                ones += [numbers[apart:], numbers[:-apart]]
                others += [numbers[:-apart], numbers[apart:]]
                weights += [np.full(2 * (len(numbers) - apart), apart**-0.5)]
    for en, fr in messages:
        if len(en) <= 20:
            theirs = np.array([every["en", stem] for stem in en], np.int64)
            ours = np.array([every["fr", stem] for stem in fr], np.int64)
            ones += [np.repeat(ours, len(theirs)), np.repeat(theirs, len(ours))]
            others += [np.tile(theirs, len(ours)), np.tile(ours, len(theirs))]
            weights += [
                np.full(len(en) * len(fr), len(en) ** -0.5),
                np.full(len(en) * len(fr), len(fr) ** -0.5),
            ]
    size = len(every)
    pairs, where = np.unique(np.concatenate(ones) * size + np.concatenate(others), return_inverse=True)
    together = np.bincount(where, np.concatenate(weights))
    row, column = pairs // size, pairs % size
    of_row = np.bincount(row, together, size)
    of_column = np.bincount(column, together, size) ** 0.75
    known = np.log(together * of_column.sum() / (of_row[row] * of_column[column]))
    keep = (row < len(chosen)) & (together >= 1.0) & (known > 0)
    value = known * np.minimum(1.0, together / 3.0)
    return Sparse.of(row[keep], column[keep], value[keep], (len(chosen), size)).normalised()


def features_of(chosen: list[Word], rows: Features) -> Sparse:
    columns: dict[tuple[str, str], int] = {}
    row, column, value = [], [], []
    for number, word in enumerate(chosen):
        for feature, weight in rows[word].items():
            row.append(number)
            column.append(columns.setdefault(feature, len(columns)))
            value.append(math.sqrt(weight))
    whole = Sparse.of(np.array(row), np.array(column), np.array(value), (len(chosen), len(columns)))
    holding = np.bincount(whole.column, minlength=len(columns))
    rare = np.where(holding > 1, np.log(len(chosen) / np.maximum(holding, 1)), 0.0)
    return whole.scaled_columns(rare).normalised()


def make(root: Path) -> tuple[list[Word], NDArray[np.int8], NDArray[np.uint8]]:
    """Words, their vectors, and how much each tells (255: as much as a rare word)."""
    share = root / "usr/share"
    messages = sources.read_messages(root)
    texts = {"en": [en for en, _ in messages], "fr": [fr for _, fr in messages]}
    texts["fr"] += sources.read_paragraphs(root, FRENCH_HELP, "fr")
    texts["en"] += sources.read_paragraphs(root, ENGLISH_HELP, "en")
    texts["en"] += sources.glosses(share / "wordnet")
    counts = {language: Counter(s for text in found for s in text) for language, found in texts.items()}
    rows: Features = defaultdict(Counter)
    names = sources.add_wordnet(rows, share / "wordnet")
    sources.add_definitions(rows, share / "dictd/gcide.dict.dz")
    sources.add_thesaurus(rows, share / "mythes/thes_fr.dat")
    pairs: dict[tuple[str, str], float] = defaultdict(float)
    for name, french_first in (("fra-eng", True), ("eng-fra", False)):
        read = sources.read_dictionary(share / f"dictd/freedict-{name}.dict.dz", french_first=french_first)
        for pair, count in read.items():
            pairs[pair] += count
    for pair, dice in align(messages).items():
        pairs[pair] += 2 * dice
    chosen = choose(rows, names, counts)
    print(len(messages), "messages,", len(pairs), "pairs,", len(chosen), "words", flush=True)
    meaning = translate(features_of(chosen, rows), chosen, pairs)
    rows.clear()
    often = np.array([counts[language][stem] for language, stem in chosen], float)
    near = neighbours(chosen, texts, messages).scaled_rows(
        CORPUS_SHARE * np.minimum(1.0, np.log1p(often) / 5.0)
    )
    vectors = meaning.beside(near).normalised().reduced(DIMENSIONS)
    total = np.array([sum(counts[language].values()) for language, _ in chosen], float)
    tells = COMMON / (COMMON + often / total)
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    scaled = np.rint(127.0 * vectors / np.maximum(largest, 1e-9)).astype(np.int8)
    known = np.flatnonzero(scaled.any(axis=1))  # of some nothing is said that others share
    return [chosen[number] for number in known], scaled[known], np.rint(255.0 * tells[known]).astype(np.uint8)


def main() -> None:
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    chosen, vectors, tells = make(root)
    names = "\n".join(f"{language} {stem}" for language, stem in chosen)
    np.savez(out, words=np.frombuffer(names.encode("utf-8"), np.uint8), vectors=vectors, tells=tells)


if __name__ == "__main__":
    main()
