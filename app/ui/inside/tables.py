"""The figures as tables for other programs (CSV). None of a person's words is in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from app.services.inside import SpikeReport
from app.ui.inside.sample import Slice

FIGURES = (
    "values", "bitwise_per_channel", "ternary_per_channel", "silent", "small", "large", "largest",
    "sparsity_a", "sparsity_b", "sparsity_e", "sparsity_f", "sparsity_r", "firing_rate_bits",
    "firing_rate_units",
)  # fmt: skip


def slice_table(shown: Slice, layer: int, site: str) -> str:
    """One row per token and neuron: whether the token belongs to the prompt, and the count."""
    lines = (
        (layer, site, token, "prompt" if token < shown.prompt_tok else "answer", neuron, counts[token])
        for token in range(len(shown.tokens))
        for neuron, counts in enumerate(shown.neurons)
    )
    return _csv(("layer", "site", "token", "part", "neuron", "count"), lines)


def figures_table(report: SpikeReport) -> str:
    """One row per layer and site with its figures and how often each count came (count_-127 to count_127)."""
    counts = tuple(f"count_{count}" for count in range(-127, 128))
    lines = (
        (
            site.layer,
            site.site,
            *(getattr(site.figures, name) for name in FIGURES),
            site.beyond,
            *site.histogram,
        )
        for site in report.sites
    )
    return _csv(("layer", "site", *FIGURES, "beyond_127", *counts), lines)


def _csv(head: Iterable[str], lines: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return text.getvalue()
