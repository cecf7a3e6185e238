"""What is inside the model: the spikes its inputs were coded as, and what it remembers."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

SpikeSite = Literal["mixer", "output", "mlp", "down", "query"]


class SpikeFigures(Struct, frozen=True, forbid_unknown_fields=True):
    """Over a number of coded values, each weighing the same (spec 2.9).

    `bitwise_per_channel`: mean number of set bits of a count's size; `ternary_per_channel`: mean size.
    `silent`: share of counts that are 0; `small`: of sizes up to 7; `large`: of sizes over 16.

    The report calls one figure "sparsity" and leaves open which. The candidates, over windows of three bits:
    `sparsity_a` counts the set bits among the lowest three of every value; `sparsity_b` looks at values up to
    7 alone; `sparsity_e` counts these over all values; `sparsity_f` takes all bits over windows of four;
    `sparsity_r` is 1 less the firing rate.

    `firing_rate_bits`: spikes over neurons and steps, a step per bit, each call with as many as its own
    largest count needs; `firing_rate_units`: the same with a step per unit.
    """

    values: int
    rows: int
    largest: int
    bitwise_per_channel: float
    ternary_per_channel: float
    silent: float
    small: float
    large: float
    sparsity_a: float
    sparsity_b: float
    sparsity_e: float
    sparsity_f: float
    sparsity_r: float
    firing_rate_bits: float
    firing_rate_units: float


class EnergyEstimate(Struct, frozen=True, forbid_unknown_fields=True):
    """An ESTIMATE for event-driven hardware in 45 nm, by the report's model: not measured, not this machine,
    without memory traffic. Energy per multiplication and addition in picojoules, and what spikes save.
    """

    fp16_pj: float
    int8_pj: float
    spiking_pj: float
    saved_of_fp16: float
    saved_of_int8: float


class SiteReport(Struct, frozen=True, forbid_unknown_fields=True):
    """One site of one layer. `histogram`: how often each count of -127 to 127 came; `beyond`: larger ones."""

    layer: int
    site: SpikeSite
    figures: SpikeFigures
    histogram: tuple[int, ...]
    beyond: int


class SpikeSample(Struct, frozen=True, forbid_unknown_fields=True):
    """Counts of a few neurons of every site at the last tokens of an answer, for a picture.

    `counts` holds int8 [tokens, layers, sites, neurons], sizes cut at 127, -128 where nothing was coded.
    `texts` are the tokens'; the first `prompt_tok` of them belong to the prompt.
    """

    layers: int
    sites: tuple[SpikeSite, ...]
    neurons: int
    texts: tuple[str, ...]
    prompt_tok: int
    counts: bytes


class SpikeReport(Struct, frozen=True, forbid_unknown_fields=True):
    """What was coded in the last answer, or since the model was loaded. Tokens whose place is a multiple of
    `every_tok` were counted. `overall` weighs every value alike, `site_mean` every site.
    """

    scope: Literal["answer", "all"]
    every_tok: int
    sites: tuple[SiteReport, ...]
    overall: SpikeFigures
    site_mean: SpikeFigures
    estimate: EnergyEstimate
    sample: SpikeSample | None


class MemoryShape(Struct, frozen=True, forbid_unknown_fields=True):
    """What one reading takes at n tokens: fixed_bytes + min(n, window_tok) * window_token_bytes
    + n * growing_token_bytes. `transformer_token_bytes` is what a transformer of the same shape keeps of
    each token, keys and values of every layer in half precision: computed, not measured.
    """

    fixed_bytes: int
    window_tok: int
    window_token_bytes: int
    growing_token_bytes: int
    transformer_token_bytes: int


class Inspection(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="inspection"):
    """The answer to Inspect. No `spikes` where the model's inputs are not coded, or nothing was counted yet.
    `position_tok`: tokens that the last answer stood on at its end, the reading it began from included.
    """

    spikes: SpikeReport | None
    memory: MemoryShape | None
    position_tok: int
