"""Spikes in time: every coding gives back what it was made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.spike_trains import CODINGS, COUNT_MAX, Coding, collapse, expand, step_weights, steps_of

SIGNED: tuple[Coding, ...] = ("ternary", "bidirectional", "twos_complement")
BITS: tuple[Coding, ...] = ("bitwise", "bidirectional", "twos_complement")


def lists(low: int, high: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(low, high), min_size=1, max_size=12)


@pytest.mark.parametrize("coding", BITS)
@given(st.data())
def test_counts_of_the_full_range_survive_the_codings_by_bits(coding: Coding, data: st.DataObject) -> None:
    counts = np.array(data.draw(lists(-COUNT_MAX if coding in SIGNED else 0, COUNT_MAX)))
    spikes = expand(counts, coding)
    assert spikes.shape == (steps_of(int(np.abs(counts).max()), coding), counts.size)
    assert np.array_equal(collapse(spikes, coding), counts)


@pytest.mark.parametrize("coding", ["binary", "ternary"])
@given(st.data())
def test_counts_survive_the_codings_by_units(coding: Coding, data: st.DataObject) -> None:
    counts = np.array(data.draw(lists(-300 if coding in SIGNED else 0, 300)))
    spikes = expand(counts, coding)
    assert np.array_equal(collapse(spikes, coding), counts)
    assert np.array_equal(np.abs(spikes).sum(0), np.abs(counts))


@pytest.mark.parametrize("coding", CODINGS)
def test_every_small_count_in_every_shape(coding: Coding) -> None:
    low = -200 if coding in SIGNED else 0
    for counts in (np.arange(low, 201), np.zeros((2, 3), int), np.arange(6).reshape(3, 2), np.array(5)):
        assert np.array_equal(collapse(expand(counts, coding), coding), counts)


def test_the_codings_look_as_described() -> None:
    assert expand(np.array([0, 2, 3]), "binary").T.tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert expand(np.array([-2, 1]), "ternary").T.tolist() == [[-1, -1], [1, 0]]
    assert expand(np.array([5, 2]), "bitwise").T.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert expand(np.array([-5, 2]), "bidirectional").T.tolist() == [[-1, 0, -1], [0, 1, 0]]
    assert expand(np.array([-5, 2]), "twos_complement").T.tolist() == [[1, 0, 1, 1], [0, 0, 1, 0]]
    assert step_weights(4, "twos_complement").tolist() == [-8, 4, 2, 1]
    assert [steps_of(0, coding) for coding in CODINGS] == [0, 0, 1, 1, 2]
    assert [steps_of(16, coding) for coding in CODINGS] == [16, 16, 5, 5, 6]


def test_what_a_coding_cannot_say_is_refused() -> None:
    for coding in ("binary", "bitwise"):
        with pytest.raises(ValueError, match="no sign"):
            expand(np.array([1, -1]), coding)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="beyond"):
        expand(np.array([COUNT_MAX + 1]), "bidirectional")
    with pytest.raises(ValueError, match="steps"):
        expand(np.array([1 << 20]), "ternary")


@given(lists(-5000, 5000))
def test_products_with_spikes_add_up_to_products_with_counts(counts: list[int]) -> None:
    """The spike-driven product: one signed weight addition per spike, weighed by its step."""
    array = np.array(counts)
    weights = np.random.default_rng(len(counts)).integers(-194, 195, (3, array.size))
    for coding in ("bidirectional", "twos_complement"):
        spikes = expand(array, coding)  # type: ignore[arg-type]
        per_step = np.stack([weights @ step.astype(np.int64) for step in spikes])
        assert np.array_equal(step_weights(len(spikes), coding) @ per_step, weights @ array)  # type: ignore[arg-type]
