"""Figures of spike counts against the definitions, in float64 over the counts themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.models.spike_trains import expand
from engine.runtime.spike_statistics import estimate_energy, figures_of, mean_of, site_reports, size_counts
from engine.spike_tally import PLACES, ROWS, SITES
from tests.fixtures.spike_places import expected

COUNTS = st.lists(st.integers(-12, 12) | st.integers(-2000, 2000), min_size=1, max_size=60)
CALLS = st.lists(COUNTS, min_size=1, max_size=4)


def places_of(calls: list[list[int]]) -> NDArray[np.uint64]:
    """As if each call had been one site."""
    return np.stack([expected(np.array([call], np.float32)) for call in calls])


@given(CALLS)
def test_figures_are_their_definitions(calls: list[list[int]]) -> None:
    s = np.concatenate([np.array(call, np.int64) for call in calls])
    bits = np.array([int(abs(v)).bit_count() for v in s], np.float64)
    low = np.array([(int(abs(v)) & 7).bit_count() for v in s], np.float64)
    small = np.abs(s) <= 7
    found = figures_of(places_of(calls))
    assert (found.values, found.rows, found.largest) == (len(s), len(calls), np.abs(s).max())
    wanted = {
        "bitwise_per_channel": bits.mean(),
        "ternary_per_channel": np.abs(s).mean(),
        "silent": (s == 0).mean(),
        "small": small.mean(),
        "large": (np.abs(s) > 16).mean(),
        "sparsity_a": 1 - low.sum() / (3 * len(s)),
        "sparsity_b": 1 - bits[small].sum() / (3 * small.sum()) if small.any() else 0.0,
        "sparsity_e": 1 - bits[small].sum() / (3 * len(s)),
        "sparsity_f": 1 - bits.mean() / 4,
    }
    for name, value in wanted.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12), name


@given(CALLS)
def test_the_firing_rate_is_that_of_the_spikes_themselves(calls: list[list[int]]) -> None:
    """Spikes over neurons and steps, counted in the trains; a call of silence has one step."""
    for coding, name in (("bidirectional", "firing_rate_bits"), ("ternary", "firing_rate_units")):
        spikes = slots = 0
        for call in calls:
            train = expand(np.array(call), coding)  # type: ignore[arg-type]
            spikes += int(np.abs(train.astype(np.int64)).sum())
            slots += max(1, len(train)) * len(call)
        assert getattr(figures_of(places_of(calls)), name) == pytest.approx(spikes / slots, abs=1e-12)
    found = figures_of(places_of(calls))
    assert found.sparsity_r == pytest.approx(1 - found.firing_rate_bits)


@given(CALLS)
def test_sizes_are_counted_whatever_their_sign(calls: list[list[int]]) -> None:
    for call, place in zip(calls, places_of(calls), strict=True):
        sizes = np.abs(np.array(call))
        wanted = np.bincount(sizes[sizes <= 127], minlength=128)
        assert np.array_equal(size_counts(place.astype(np.int64)), wanted)


def test_the_report_gives_sites_where_anything_was_counted() -> None:
    places = np.zeros((2, len(SITES), PLACES), np.uint64)
    places[1, 2] = expected(np.array([[0, 3, -1, 500]], np.float32))
    places[0, 0] = expected(np.array([[0, 0, 0, 8]], np.float32))
    one, other = site_reports(places)
    assert [(one.layer, one.site), (other.layer, other.site)] == [(0, "mixer"), (1, "mlp")]
    assert (other.beyond, sum(other.histogram), len(other.histogram)) == (1, 3, 255)
    assert other.histogram[127 + 3] == other.histogram[127 - 1] == other.histogram[127] == 1
    overall, mean = figures_of(places[places[:, :, ROWS] > 0]), mean_of([one.figures, other.figures])
    assert overall.silent == mean.silent == 0.5
    assert mean.ternary_per_channel == pytest.approx((504 / 4 + 8 / 4) / 2)
    with pytest.raises(ValueError, match="nothing"):
        figures_of(np.zeros((3, PLACES), np.uint64))


def test_the_estimate_is_the_reports_own_arithmetic() -> None:
    """Its 1.13 spikes per channel are 97.7 % less than FP16 and 85.2 % less than INT8 (spec 2.9)."""
    counts = np.zeros((1, 10000), np.float32)
    counts[0, :8700] = 1
    counts[0, :1300] = 7  # three bits
    found = figures_of(expected(counts)[None])
    assert found.bitwise_per_channel == pytest.approx(1.13)
    estimate = estimate_energy(found)
    assert estimate.saved_of_fp16 == pytest.approx(0.977, abs=5e-4)
    assert estimate.saved_of_int8 == pytest.approx(0.852, abs=1e-3)
