"""Figures of spike counts (spec 2.9), from what was counted natively: exact sums of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.protocol import EnergyEstimate, SiteReport, SpikeFigures
from engine.spike_tally import (
    BEYOND,
    BEYOND_BITS,
    BEYOND_LOW,
    BEYOND_UNITS,
    BIT_STEPS,
    LARGEST,
    ROWS,
    SITES,
    UNIT_STEPS,
)

SMALL_MOST: Final = 7
LARGE_OVER: Final = 16
_SIZES: Final = np.arange(128)
_BITS: Final = np.array([size.bit_count() for size in range(128)])
_LOW_BITS: Final = np.array([(size & 7).bit_count() for size in range(128)])

FP16_MAC_PJ: Final = 1.5
INT8_MAC_PJ: Final = 0.23
INT8_ADD_PJ: Final = 0.03
"""Of the report's model, 45 nm (spec 2.9)."""


def figures_of(places: NDArray[np.uint64]) -> SpikeFigures:
    """Places [..., PLACES] of any number of sites, every value weighing the same. ValueError for none."""
    flat = places.reshape(-1, places.shape[-1])
    total = flat.astype(np.int64).sum(0)
    sizes = size_counts(total)
    far, far_units = int(total[BEYOND]), int(total[BEYOND_UNITS])
    values = int(sizes.sum()) + far
    if not values:
        raise ValueError("nothing was counted")
    bits = int(sizes @ _BITS) + int(total[BEYOND_BITS])
    low_bits = int(sizes @ _LOW_BITS) + int(total[BEYOND_LOW])
    units = int(sizes @ _SIZES) + far_units
    small = int(sizes[: SMALL_MOST + 1].sum())
    small_bits = int(sizes[: SMALL_MOST + 1] @ _BITS[: SMALL_MOST + 1])
    rate_bits = bits / int(total[BIT_STEPS])
    return SpikeFigures(
        values=values,
        rows=int(total[ROWS]),
        largest=int(flat[:, LARGEST].max()),
        bitwise_per_channel=bits / values,
        ternary_per_channel=units / values,
        silent=int(sizes[0]) / values,
        small=small / values,
        large=(int(sizes[LARGE_OVER + 1 :].sum()) + far) / values,
        sparsity_a=1 - low_bits / (3 * values),
        sparsity_b=1 - small_bits / (3 * small) if small else 0.0,
        sparsity_e=1 - small_bits / (3 * values),
        sparsity_f=1 - bits / values / 4,
        sparsity_r=1 - rate_bits,
        firing_rate_bits=rate_bits,
        firing_rate_units=units / int(total[UNIT_STEPS]),
    )


def size_counts(place: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each size 0 to 127 came, [128], from the places of one site."""
    sizes = place[128:256].copy()
    sizes[1:] += place[127:0:-1]
    return sizes


def mean_of(figures: Sequence[SpikeFigures]) -> SpikeFigures:
    """The same figures with every site weighing alike; values and rows are sums, `largest` the largest."""
    names = [name for name in SpikeFigures.__struct_fields__ if name not in ("values", "rows", "largest")]
    means = {name: float(np.mean([getattr(one, name) for one in figures])) for name in names}
    return SpikeFigures(
        values=sum(one.values for one in figures),
        rows=sum(one.rows for one in figures),
        largest=max(one.largest for one in figures),
        **means,
    )


def site_reports(places: NDArray[np.uint64]) -> tuple[SiteReport, ...]:
    """Of places [layers, sites, PLACES], those sites where anything was counted."""
    return tuple(
        SiteReport(
            layer=layer,
            site=SITES[index],
            figures=figures_of(place),
            histogram=tuple(place[1:256].tolist()),
            beyond=int(place[BEYOND]),
        )
        for layer, sites in enumerate(places)
        for index, place in enumerate(sites)
        if place[ROWS]
    )


def estimate_energy(figures: SpikeFigures) -> EnergyEstimate:
    """The report's model on these figures: an estimate for event-driven hardware, nothing measured."""
    spiking_pj = figures.bitwise_per_channel * INT8_ADD_PJ
    return EnergyEstimate(
        fp16_pj=FP16_MAC_PJ,
        int8_pj=INT8_MAC_PJ,
        spiking_pj=spiking_pj,
        saved_of_fp16=1 - spiking_pj / FP16_MAC_PJ,
        saved_of_int8=1 - spiking_pj / INT8_MAC_PJ,
    )


def as_plain(figures: SpikeFigures | EnergyEstimate) -> dict[str, float]:
    """For JSON."""
    return msgspec.structs.asdict(figures)
