"""`python -m engine spikes`: what a model's inputs are coded as while it reads a text, and what k costs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from engine.models.errors import ModelError
from engine.protocol import EnergyEstimate, SiteReport, SpikeFigures
from engine.runtime.spike_statistics import as_plain, estimate_energy, figures_of, mean_of, site_reports
from engine.spike_tally import ROWS

if TYPE_CHECKING:
    from engine.models.loading import LoadedModel

CURVE: Final = (2.0, 2.5, 3.0, 3.5, 4.0)
REPORT: Final = {
    2.0: (0.730, 0.989),
    2.5: (0.709, 0.976),
    3.0: (0.692, 0.951),
    3.5: (0.677, 0.916),
    4.0: (0.664, 0.877),
}
"""The report's 7B: its sparsity and its share of counts up to 7 (spec 2.9), on texts that are not known."""
SLICE_TOK: Final = 64
TEXT_MAX_BYTES: Final = 64 << 20

_COLUMNS: Final = (
    ("bits", "bitwise_per_channel"),
    ("units", "ternary_per_channel"),
    ("silent", "silent"),
    ("<=7", "small"),
    (">16", "large"),
    ("A", "sparsity_a"),
    ("B", "sparsity_b"),
    ("E", "sparsity_e"),
    ("F", "sparsity_f"),
    ("R", "sparsity_r"),
    ("rate", "firing_rate_bits"),
    ("rate/unit", "firing_rate_units"),
)
_LEGEND: Final = """\
bits, units: mean spikes per channel, one per set bit (bitwise) or one per unit (ternary). silent, <=7, >16:
shares of counts. Candidates for the report's one "sparsity": A of set bits among the lowest three, B the same
over counts up to 7 alone, E of counts up to 7 over all, F all bits over windows of four, R one less the rate.
rate: spikes over neurons and steps, each call of up to 64 tokens with as many steps as its largest count
needs, in bits or in units."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One k over the text. `loss`: mean over tokens of -log of the probability of the one that came;
    `same_best`: share of positions whose best token is that of the model without spikes (None: it cannot)."""

    k: float
    sites: tuple[SiteReport, ...]
    overall: SpikeFigures
    site_mean: SpikeFigures
    loss: float
    same_best: float | None


def add_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], running: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    """The verb's arguments; the caller sets `run`."""
    verb = verbs.add_parser(
        "spikes", parents=[running], help="what inputs are coded as on a text, and the k curve"
    )
    verb.add_argument("--text", metavar="FILE", type=Path, required=True, help="a text in UTF-8")
    verb.add_argument(
        "--max-tok", type=int, default=2048, help="read no more of it than so many tokens (2048)"
    )
    verb.add_argument("--json", action="store_true")
    return verb


def run(options: argparse.Namespace, load: Callable[[float | None], LoadedModel]) -> None:
    """`load(k)` gives the model with that k, None as it is made. Raises ModelError for an unusable text."""
    model = load(options.spikes)
    ids = _ids_of(model, options.text, options.max_tok)
    fixed = model.info.config.spike_k > 0
    own_k = model.info.coding.k or 3.0
    plain = None if fixed else _read(load(0.0), ids)[1:]
    readings = {k: _reading(load(k), ids, plain) for k in sorted({*CURVE, own_k})}
    if options.json:
        print(json.dumps(_as_json(model, len(ids), own_k, readings, plain)))
        return
    own = readings[own_k]
    how = f"k = {own_k:g}, down_proj {_down(model)}"
    print(f"{model.info.name}, {model.info.format}, {how}, {len(ids)} tokens\n")
    print(_table([(f"{site.layer:>3} {site.site}", site.figures) for site in own.sites], "layer, site"))
    print(_table([("all values alike", own.overall), ("all sites alike", own.site_mean)], ""))
    print(f"\n{_LEGEND}\n\n{_estimate_text(estimate_energy(own.overall))}\n")
    print(_curve_text(readings, plain))


def _ids_of(model: LoadedModel, path: Path, max_tok: int) -> NDArray[np.int32]:
    with path.open("rb") as file:
        raw = file.read(TEXT_MAX_BYTES + 1)
    if len(raw) > TEXT_MAX_BYTES:
        raise ModelError("input-invalid", f"{path} is larger than {TEXT_MAX_BYTES >> 20} MB.")
    ids = np.array(model.encode_text(raw.decode("utf-8", "replace"))[: max(0, max_tok)], np.int32)
    if ids.size < 2:
        raise ModelError("input-invalid", f"{path} and --max-tok leave fewer than two tokens.")
    return ids


def _read(model: LoadedModel, ids: NDArray[np.int32]) -> tuple[NDArray[np.uint64], float, NDArray[np.int64]]:
    """Places of the tally (all zero without spikes), loss and best tokens, slice by slice."""
    state = model.model.new_state()
    tally = model.model.new_tally()
    state.tally = tally
    vocabulary = model.tokenizer.vocabulary
    losses: list[NDArray[np.float64]] = []
    found: list[NDArray[np.int64]] = []
    for start in range(0, ids.size, SLICE_TOK):
        part = ids[start : start + SLICE_TOK]
        rows = model.model.prefill(state, part, logits="all")[:, :vocabulary].astype(np.float64)
        found.append(rows.argmax(1))
        following = ids[start + 1 : start + part.size + 1]
        rows = rows[: following.size]
        top = rows.max(1)
        total = np.log(np.exp(rows - top[:, None]).sum(1)) + top
        losses.append(total - rows[np.arange(following.size), following])
    return tally.places(), float(np.concatenate(losses).mean()), np.concatenate(found)


def _reading(
    model: LoadedModel, ids: NDArray[np.int32], plain: tuple[float, NDArray[np.int64]] | None
) -> Reading:
    places, loss, best = _read(model, ids)
    sites = site_reports(places)
    return Reading(
        k=model.info.coding.k,
        sites=sites,
        overall=figures_of(places[places[:, :, ROWS] > 0]),
        site_mean=mean_of([site.figures for site in sites]),
        loss=loss,
        same_best=None if plain is None else float((best == plain[1]).mean()),
    )


def _table(rows: Sequence[tuple[str, SpikeFigures]], head: str) -> str:
    lines = [f"{head:<18}" + "".join(f"{name:>10}" for name, _ in _COLUMNS)] if head else []
    for name, figures in rows:
        cells = "".join(f"{getattr(figures, field):>10.4f}" for _, field in _COLUMNS)
        lines.append(f"{name:<18}{cells}")
    return "\n".join(lines)


def _estimate_text(estimate: EnergyEstimate) -> str:
    return (
        "ESTIMATE for event-driven hardware in 45 nm (the report's model; nothing measured,\n"
        f"not this machine, without memory traffic): {estimate.spiking_pj:.4f} pJ per multiplication\n"
        f"and addition, {estimate.saved_of_fp16:.1%} less than FP16 ({estimate.fp16_pj} pJ),"
        f" {estimate.saved_of_int8:.1%} less than INT8 ({estimate.int8_pj} pJ)."
    )


def _curve_text(readings: dict[float, Reading], plain: tuple[float, NDArray[np.int64]] | None) -> str:
    heads = ("bits", "silent", "<=7", ">16", "A", "B", "E", "F", "R", "loss")
    head = f"{'k':>5}" + "".join(f"{one:>9}" for one in heads) + f"{'same best':>11}"
    lines = [f"{head}   report's 7B: sparsity, <=7"]
    if plain is not None:
        lines.append(f"{'off':>5}{'':>81}{plain[0]:>9.4f}{1.0:>11.1%}")
    for k, one in readings.items():
        f = one.overall
        cells = [f.bitwise_per_channel, f.silent, f.small, f.large]
        cells += [f.sparsity_a, f.sparsity_b, f.sparsity_e, f.sparsity_f, f.sparsity_r, one.loss]
        same = "" if one.same_best is None else f"{one.same_best:.1%}"
        told = "{:>12.3f}{:>8.3f}".format(*REPORT[k]) if k in REPORT else ""
        lines.append(f"{k:>5g}" + "".join(f"{cell:>9.4f}" for cell in cells) + f"{same:>11}{told}")
    lines.append(
        "loss: mean -log probability of the token that came. same best: as the model without spikes."
    )
    return "\n".join(lines)


def _down(model: LoadedModel) -> str:
    return "spiking" if model.info.coding.down else "float"


def _as_json(
    model: LoadedModel,
    tokens: int,
    own_k: float,
    readings: dict[float, Reading],
    plain: tuple[float, NDArray[np.int64]] | None,
) -> dict[str, object]:
    own = readings[own_k]
    return {
        "model": model.info.name,
        "format": model.info.format,
        "k": own_k,
        "down": _down(model),
        "tokens": tokens,
        "sites": [
            {
                "layer": site.layer,
                "site": site.site,
                "histogram_from_-127": site.histogram,
                "beyond": site.beyond,
            }
            | as_plain(site.figures)
            for site in own.sites
        ],
        "overall": as_plain(own.overall),
        "site_mean": as_plain(own.site_mean),
        "estimate_for_event_driven_hardware": as_plain(estimate_energy(own.overall)),
        "loss_without_spikes": None if plain is None else plain[0],
        "curve": [
            {"k": k, "loss": one.loss, "same_best": one.same_best, **as_plain(one.overall)}
            for k, one in readings.items()
        ],
    }
