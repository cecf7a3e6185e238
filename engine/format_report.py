"""What each format costs in exactness: a checkpoint in every format, against itself, on one text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models.convert import SPIKE_FORMAT, Format, convert
from engine.models.gguf import open_gguf
from engine.models.loading import LoadedModel, load
from engine.models.unpacking import unpack

FLOAT_FORMATS: Final[tuple[Format, ...]] = ("bf16", "q8", "q4")


@dataclass(frozen=True, slots=True)
class FormatRow:
    """One format on one text. Errors are of logits, absolute, over all positions and the whole vocabulary."""

    format: str
    bits_per_weight: float
    largest_error: float
    mean_error: float
    relative_error: float
    perplexity: float
    perplexity_change: float
    same_best: float


@dataclass(frozen=True, slots=True)
class FormatReport:
    """`spread` is the standard deviation of the reference's logits, against which errors are seen."""

    tokens: int
    spread: float
    perplexity: float
    rows: tuple[FormatRow, ...]


def measure_formats(
    checkpoint: Path, text: str, *, threads: int, most_tok: int = 512, scratch: Path | None = None
) -> FormatReport:
    """Converts a checkpoint folder into each of its formats, one at a time, in a temporary folder.

    The reference is the folder itself, computed in float32 from the weights as they are published. A model
    file is unpacked first; its weights lie on the grid of its own format. A float model's inputs are not
    coded as spikes here, whatever it was made for: counts that tip over would hide what the weights cost.
    Raises ModelError; ValueError for a text of fewer than two tokens.
    """
    if not checkpoint.is_dir():
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            unpacked = unpack(checkpoint, Path(folder) / checkpoint.stem)
            return measure_formats(unpacked, text, threads=threads, most_tok=most_tok, scratch=scratch)
    reference = _load(checkpoint, threads)
    ids = np.array(reference.encode_text(text)[:most_tok], dtype=np.int32)
    if ids.size < 2:
        raise ValueError("the text has fewer than two tokens")
    wanted = _logits(reference, ids)
    perplexity = _perplexity(wanted, ids)
    formats: Sequence[Format] = (SPIKE_FORMAT,) if reference.info.config.spike_k else FLOAT_FORMATS
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        rows = tuple(
            _measure(Path(folder), checkpoint, format_name, ids, wanted, perplexity, threads)
            for format_name in formats
        )
    return FormatReport(int(ids.size), float(wanted.std()), perplexity, rows)


def _measure(
    folder: Path,
    checkpoint: Path,
    format_name: Format,
    ids: NDArray[np.int32],
    wanted: NDArray[np.float32],
    perplexity: float,
    threads: int,
) -> FormatRow:
    made = convert(checkpoint, folder / "model.gguf", format_name, threads=threads)
    weights = open_gguf(made.path).tensors.entries.values()
    found = _logits(_load(made.path, threads), ids)
    errors = np.abs(found - wanted)
    mine = _perplexity(found, ids)
    return FormatRow(
        format=format_name,
        bits_per_weight=8 * sum(entry.size_bytes for entry in weights) / made.parameters,
        largest_error=float(errors.max()),
        mean_error=float(errors.mean()),
        relative_error=float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted)),
        perplexity=mine,
        perplexity_change=mine / perplexity - 1,
        same_best=float((found.argmax(axis=1) == wanted.argmax(axis=1)).mean()),
    )


def _load(path: Path, threads: int) -> LoadedModel:
    model = load(path, threads=threads)
    if model.info.config.spike_k or not model.info.coding.k:
        return model
    return load(path, threads=threads, spike_k=0.0)


def _logits(model: LoadedModel, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    return model.model.prefill(model.model.new_state(window_precision="f32"), ids, logits="all")


def _perplexity(logits: NDArray[np.float32], ids: NDArray[np.int32]) -> float:
    """Of each token after those before it."""
    rows = logits[:-1].astype(np.float64)
    peak = rows.max(axis=1)
    total = peak + np.log(np.exp(rows - peak[:, None]).sum(axis=1))
    return float(np.exp((total - rows[np.arange(rows.shape[0]), ids[1:]]).mean()))


def format_lines(report: FormatReport) -> Iterator[str]:
    """The report as a table."""
    yield f"{report.tokens} tokens, spread of logits {report.spread:.3f}, perplexity {report.perplexity:.4f}"
    yield "format  bits/weight  max error  mean error  relative  perplexity  change    same best"
    for row in report.rows:
        errors = f"{row.largest_error:>10.4f} {row.mean_error:>11.5f} {row.relative_error:>9.4f}"
        words = f"{row.perplexity:>11.4f} {row.perplexity_change:>+8.2%} {row.same_best:>11.1%}"
        yield f"{row.format:<7} {row.bits_per_weight:>11.3f} {errors} {words}"
