"""What the word vectors are made of is read as it is meant, and reduced without losing who is like whom."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from resources.vectors.generator import __main__ as generator
from resources.vectors.generator import sources, sparse
from resources.vectors.generator.sparse import Sparse

CHANCE = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def few_entries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "_ENTRIES_AT_ONCE", 7)


def scattered(rows: int, columns: int) -> tuple[Sparse, np.ndarray]:
    dense = (CHANCE.random((rows, columns)) < 0.3) * CHANCE.random((rows, columns))
    row, column = np.nonzero(dense)
    order = CHANCE.permutation(len(row))
    return Sparse.of(row[order], column[order], dense[row, column][order], dense.shape), dense


def whole(matrix: Sparse) -> np.ndarray:
    return matrix.times(np.eye(matrix.shape[1], dtype=np.float32))


def test_sparse_matrices_compute_as_whole_ones_do() -> None:
    one, dense = scattered(20, 15)
    other, beside = scattered(20, 4)
    assert np.allclose(whole(one), dense, atol=1e-6)
    assert np.allclose(whole(one.transposed()), dense.T, atol=1e-6)
    assert np.allclose(whole(one.plus(one)), 2 * dense, atol=1e-6)
    assert np.allclose(whole(one.beside(other)), np.hstack([dense, beside]), atol=1e-6)
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    assert np.allclose(whole(one.normalised()), dense / np.maximum(lengths, 1e-9), atol=1e-5)
    mixed = whole(one.mixed([(0, 1, 0.5), (0, 2, 0.25)]))
    assert np.allclose(mixed[0], 0.5 * dense[1] + 0.25 * dense[2], atol=1e-6)
    assert not mixed[1:].any()


def test_entries_of_one_place_are_added_up() -> None:
    twice = Sparse.of(np.array([1, 1]), np.array([0, 0]), np.array([2.0, 3.0]), (2, 1))
    assert whole(twice).tolist() == [[0.0], [5.0]]


def test_rows_alike_stay_alike_in_few_dimensions_and_others_do_not() -> None:
    blocks = np.kron(np.eye(3), np.ones((10, 12))) * CHANCE.random((30, 36))
    row, column = np.nonzero(blocks)
    reduced = Sparse.of(row, column, blocks[row, column], blocks.shape).normalised().reduced(3)
    assert reduced.shape == (30, 3)
    likeness = reduced @ reduced.T
    same = np.kron(np.eye(3), np.ones((10, 10))).astype(bool)
    assert likeness[same].min() > 0.9
    assert np.abs(likeness[~same]).max() < 0.1


def test_synonyms_share_the_senses_of_the_thesaurus(tmp_path: Path) -> None:
    path = tmp_path / "thes.dat"
    path.write_text("UTF-8\nloyer|1\n(Nom)|bail|fermage\ngravier|1\n(Nom)|caillou\n", "utf-8")
    rows: sources.Features = defaultdict(Counter)
    sources.add_thesaurus(rows, path)
    rent, lease, gravel = (rows["fr", stem].keys() for stem in ("loy", "bail", "gravi"))
    assert ("sense", "1") in rent & lease
    assert ("beside", "loy") in lease
    assert not rent & gravel


def test_dictionaries_give_pairs_of_stems_french_first(tmp_path: Path) -> None:
    path = tmp_path / "fra-eng.dict.dz"
    path.write_bytes(
        gzip.compress("maison /mɛzɔ̃/ <n, fem>\n1. house, home\nloyer /lwaje/\nto rent\n".encode())
    )
    assert set(sources.read_dictionary(path, french_first=True)) == {
        ("maison", "hous"),
        ("maison", "hom"),
        ("loy", "rent"),
    }


def test_words_that_come_in_the_same_messages_translate_each_other() -> None:
    messages = [
        (["open", name], ["ouvrir", french]) for name, french in (("door", "port"), ("box", "boit"))
    ] * 3
    pairs = generator.align(messages)
    assert pairs["ouvrir", "open"] == 1.0
    assert pairs["port", "door"] == 1.0
    assert ("port", "box") not in pairs
