"""What ways of finding four-bit codes cost in exactness, and what smaller groups would give: the shipped way
beside plainer, finer and differently grouped ones. Only the weights are rounded here, inputs stay floats."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.resources import resource
from engine import format_report
from engine.models import quantization
from engine.models.checkpoint import Checkpoint, open_checkpoint
from engine.models.encoding import stored_as
from engine.models.gguf_writer import TensorPlan
from engine.models.loading import load
from engine.models.quantization import dequantise_q4, dequantise_q8, quantise_q4, quantise_q8
from engine.models.random_checkpoint import SafetensorsWriter
from engine.models.tensors import ElementType, widen
from engine.models.unpacking import unpack
from tests.bench.formats import GOLDEN, sample_text

Floats = NDArray[np.float32]

MODELS = ("float-tiny", "float-7bshape-1layerpair")
_MOST_TOK = 512
_FINE = tuple(np.linspace(1.15, 0.5, 64))


@dataclass(frozen=True, slots=True)
class Way:
    """`round` gives what the rows [rows, inputs] become; `bits` is what a weight takes."""

    name: str
    bits: float
    round: Callable[[Floats], Floats]


def _grouped(rows: Floats, group: int) -> Floats:
    filled = np.zeros((len(rows), -(-rows.shape[1] // group) * group), np.float32)
    filled[:, : rows.shape[1]] = rows
    return filled.reshape(len(rows), -1, group)


def _in_groups(group: int, values: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """`values` of each group of a row: float32 [rows, groups, group] to the same."""

    def rounded(rows: Floats) -> Floats:
        return values(_grouped(rows, group)).reshape(len(rows), -1)[:, : rows.shape[1]]

    return rounded


def _reach(groups: Floats) -> Floats:
    """The step that gives a group's largest weight the code -8."""
    highest, lowest = groups.max(axis=2), groups.min(axis=2)
    reached: Floats = np.where(-lowest >= highest, lowest, highest) / np.float32(-8.0)
    return reached


def _kept(step: Floats) -> Floats:
    return step.astype(np.float16).astype(np.float32)


def _stand_for(groups: Floats, step: Floats) -> Floats:
    return quantization._codes_q4(groups, step) * step[:, :, None]


def _even(groups: Floats) -> Floats:
    """Codes -7 to 7."""
    return _stand_for(groups, _kept(np.abs(groups).max(axis=2) / np.float32(7.0)))


def _lopsided(groups: Floats) -> Floats:
    return _stand_for(groups, _kept(_reach(groups)))


def _searched(shares: tuple[float, ...]) -> Callable[[Floats], Floats]:
    def values(groups: Floats) -> Floats:
        best = np.zeros(groups.shape[:2], np.float32)
        most = np.zeros_like(best)
        for share in shares:
            step, explained = quantization._fit(groups, _reach(groups) * np.float32(share))
            best, most = np.where(explained > most, step, best), np.maximum(most, explained)
        return _stand_for(groups, _kept(quantization._fit(groups, best)[0]))

    return values


def _with_minimum(groups: Floats) -> Floats:
    """Codes 0 to 15 above a minimum that is kept as well."""
    lowest = _kept(groups.min(axis=2))
    step = _kept((groups.max(axis=2) - lowest) / np.float32(15.0))
    codes = np.rint((groups - lowest[:, :, None]) * quantization._inverse(step)[:, :, None])
    values: Floats = np.clip(codes, 0, 15) * step[:, :, None] + lowest[:, :, None]
    return values


def _shipped(rows: Floats) -> Floats:
    return dequantise_q4(quantise_q4(rows), rows.shape[1])


def _ways() -> Iterator[Way]:
    yield Way("-7..7, to the largest weight", 4.125, _in_groups(128, _even))
    yield Way("-8..7, to the largest weight", 4.125, _in_groups(128, _lopsided))
    yield Way("q4 as it ships: 8 steps, fitted", 4.125, _shipped)
    yield Way("64 steps, fitted", 4.125, _in_groups(128, _searched(_FINE)))
    yield Way("0..15 above a minimum", 4.25, _in_groups(128, _with_minimum))
    for group in (64, 32):
        name = f"as it ships, in groups of {group}"
        yield Way(name, 4 + 16 / group, _in_groups(group, _searched(quantization._SHARES)))
    yield Way("eight bits everywhere", 8.125, lambda rows: dequantise_q8(quantise_q8(rows)))


def measure(threads: int) -> None:
    reader = resource("models", "mini-reader.gguf")
    with tempfile.TemporaryDirectory(prefix="huisclos-quantisers-") as scratch:
        unpacked = unpack(reader, Path(scratch) / "reader")
        for name, path in (*((name, GOLDEN / name) for name in MODELS), ("Mini reader", unpacked)):
            print(f"\nFour bits: {name} (weights rounded, inputs in float32)")
            print(f"  {'way':<33} bits  weights' error  max error  mean error  perplexity  same best  M/s")
            for line in _rows(path, Path(scratch), threads):
                print(f"  {line}", flush=True)


def _rows(path: Path, scratch: Path, threads: int) -> Iterator[str]:
    reference = load(path, threads=threads, spike_k=0.0)
    ids = np.array(reference.encode_text(sample_text())[:_MOST_TOK], dtype=np.int32)
    wanted = format_report._logits(reference, ids)
    perplexity = format_report._perplexity(wanted, ids)
    for way in _ways():
        folder = scratch / "rounded"
        error, per_s = _round(path, folder, way)
        found = format_report._logits(load(folder, threads=threads, spike_k=0.0), ids)
        shutil.rmtree(folder)
        errors = np.abs(found - wanted)
        change = format_report._perplexity(found, ids) / perplexity - 1
        same = (found.argmax(axis=1) == wanted.argmax(axis=1)).mean()
        told = f"{errors.max():>10.3f} {errors.mean():>11.4f} {change:>+11.2%} {same:>10.1%}"
        yield f"{way.name:<33} {way.bits:5.3f} {error:>13.5f} {told} {per_s / 1e6:>6.0f}"


def _round(path: Path, folder: Path, way: Way) -> tuple[float, float]:
    """A folder with what `way` makes of the matrices that a q4 file keeps in four bits, the others as there.
    Gives the relative error of those matrices, and the weights a second of processor time."""
    checkpoint = open_checkpoint(path)
    shutil.copytree(path, folder, ignore=shutil.ignore_patterns("*.safetensors*", "*.bin*", "*.npz"))
    try:
        return _write(checkpoint, folder, way)
    finally:
        checkpoint.tensors.close()


def _write(checkpoint: Checkpoint, folder: Path, way: Way) -> tuple[float, float]:
    off = whole = seconds = count = 0.0
    tensors = list(checkpoint.architecture.tensors(checkpoint.config))
    plan = [TensorPlan(tensor.name, ElementType.F32, tensor.shape) for tensor in tensors]
    with SafetensorsWriter(folder / "model.safetensors", plan) as writer:
        for tensor in tensors:
            entry = checkpoint.tensors.entries[tensor.name]
            rows = widen(checkpoint.tensors.read_rows(tensor.name, 0, entry.rows), entry.element)
            stored = stored_as(tensor, "q4")
            if stored == "q8":
                rows = dequantise_q8(quantise_q8(rows))
            elif stored == "q4":
                before, began_s = rows, time.process_time()
                rows = way.round(before)
                seconds += time.process_time() - began_s
                off += float(((rows - before).astype(np.float64) ** 2).sum())
                whole += float((before.astype(np.float64) ** 2).sum())
                count += rows.size
            writer.write(rows.reshape(tensor.shape))
    return (off / whole) ** 0.5, count / max(seconds, 1e-9)
