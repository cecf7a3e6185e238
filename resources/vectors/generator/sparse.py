"""A sparse matrix by rows, as far as making the vectors needs one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_ENTRIES_AT_ONCE = 400_000
_OVERSAMPLED = 16
_POWER_STEPS = 2


@dataclass(frozen=True, slots=True)
class Sparse:
    """``value[i]`` stands at (``row[i]``, ``column[i]``); sorted by row, then by column, no place twice."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: NDArray[np.float32]
    shape: tuple[int, int]

    @classmethod
    def of(
        cls,
        row: NDArray[np.int64],
        column: NDArray[np.int64],
        value: NDArray[np.float64],
        shape: tuple[int, int],
    ) -> Self:
        """Of entries in any order; those of one place are added up."""
        place, where = np.unique(row.astype(np.int64) * shape[1] + column, return_inverse=True)
        summed = np.bincount(where, value, len(place)).astype(np.float32)
        return cls(place // shape[1], place % shape[1], summed, shape)

    def scaled_rows(self, by: NDArray[np.float64]) -> Sparse:
        return Sparse(self.row, self.column, (self.value * by[self.row]).astype(np.float32), self.shape)

    def scaled_columns(self, by: NDArray[np.float64]) -> Sparse:
        return Sparse(self.row, self.column, (self.value * by[self.column]).astype(np.float32), self.shape)

    def normalised(self) -> Sparse:
        """Rows of length 1, or 0."""
        length = np.sqrt(np.bincount(self.row, self.value.astype(np.float64) ** 2, self.shape[0]))
        return self.scaled_rows(1.0 / np.maximum(length, 1e-12))

    def plus(self, other: Sparse) -> Sparse:
        return Sparse.of(
            np.concatenate([self.row, other.row]),
            np.concatenate([self.column, other.column]),
            np.concatenate([self.value, other.value]).astype(np.float64),
            self.shape,
        )

    def mixed(self, triples: Sequence[tuple[int, int, float]]) -> Sparse:
        """For each (row, from, weight): the row gets that share of the other."""
        starts = self._starts()
        rows, columns, values = [], [], []
        for row, other, weight in triples:
            part = slice(starts[other], starts[other + 1])
            columns.append(self.column[part])
            values.append(weight * self.value[part])
            rows.append(np.full(len(columns[-1]), row, np.int64))
        return Sparse.of(
            np.concatenate(rows),
            np.concatenate(columns),
            np.concatenate(values).astype(np.float64),
            self.shape,
        )

    def beside(self, other: Sparse) -> Sparse:
        """The columns of both, one's after the other's."""
        return Sparse.of(
            np.concatenate([self.row, other.row]),
            np.concatenate([self.column, other.column + self.shape[1]]),
            np.concatenate([self.value, other.value]).astype(np.float64),
            (self.shape[0], self.shape[1] + other.shape[1]),
        )

    def transposed(self) -> Sparse:
        order = np.lexsort((self.row, self.column))
        return Sparse(self.column[order], self.row[order], self.value[order], self.shape[::-1])

    def times(self, dense: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = self._starts()
        product = np.zeros((self.shape[0], dense.shape[1]), np.float32)
        first = 0
        while first < self.shape[0]:
            last = int(np.searchsorted(starts, starts[first] + _ENTRIES_AT_ONCE, "right")) - 1
            last = min(max(last, first + 1), self.shape[0])
            begin, end = starts[first], starts[last]
            filled = np.flatnonzero(np.diff(starts[first : last + 1]))
            if len(filled):
                terms = dense[self.column[begin:end]] * self.value[begin:end, None]
                product[first + filled] = np.add.reduceat(terms, starts[first + filled] - begin, axis=0)
            first = last
        return product

    def reduced(self, dimensions: int) -> NDArray[np.float32]:
        """Rows in the space of the largest singular values, each value by its root; of length 1.

        Halko, Martinsson and Tropp, "Finding structure with randomness" (2011), algorithm 4.4.
        """
        across = self.transposed()
        start = np.random.default_rng(0).standard_normal((self.shape[1], dimensions + _OVERSAMPLED))
        basis = np.linalg.qr(self.times(start.astype(np.float32)))[0]
        for _ in range(_POWER_STEPS):
            basis = np.linalg.qr(self.times(across.times(basis)))[0]
        small = across.times(basis).astype(np.float64)
        values, turns = np.linalg.eigh(small.T @ small)
        largest = np.argsort(-values)[:dimensions]
        reduced = (basis @ turns[:, largest]) * np.maximum(values[largest], 0.0) ** 0.25
        length = np.linalg.norm(reduced, axis=1, keepdims=True)
        return (reduced / np.maximum(length, 1e-12)).astype(np.float32)

    def _starts(self) -> NDArray[np.int64]:
        return np.searchsorted(self.row, np.arange(self.shape[0] + 1))
