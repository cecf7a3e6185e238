"""From nothing to a measured file: training with its last stage, export, conversion, floor, gates.

Every step continues or repeats what is there, so that the same command again finishes what was stopped.
"""

from __future__ import annotations

from pathlib import Path

from engine.mini.evaluate import judge_validation, weigh_floors
from engine.mini.export import export
from engine.mini.gates import measure
from engine.mini.manifest import write as write_manifest
from engine.mini.reports import print_gates, write
from engine.models.convert import convert
from engine.models.loading import load

RIGHT = 0.8  # of the answers above the confidence floor
HIGHEST_FLOOR = 0.95


def make(folder: Path, *, minutes: float, threads: int = 2, questions: int = 2000) -> Path:
    """Trains in `folder`, and leaves there the file to ship, its manifest and what it reaches."""
    from engine.mini.train import train

    train(folder, minutes=minutes, threads=threads)
    return finish(folder, threads=threads, questions=questions)


def finish(folder: Path, *, threads: int = 1, questions: int = 2000) -> Path:
    """The steps after training: the file `folder/mini-reader.gguf`, with a floor from the validation side."""
    target, checkpoint = folder / "mini-reader.gguf", folder / "checkpoint"
    export(folder, checkpoint, confidence_floor=0.0)
    convert(checkpoint, target, "q8")
    floor = floor_of(weigh_floors(judge_validation(load(target, threads=threads), 400)))
    export(folder, checkpoint, confidence_floor=floor)
    convert(checkpoint, target, "q8")
    write_manifest(target)
    report = measure(target, questions=questions, threads=threads)
    print_gates(report.gates)
    write(report, folder / "report")
    return target


def floor_of(table: list[tuple[float, float, float]]) -> float:
    """The lowest floor above which `RIGHT` of the answers are right, on questions that are no samples."""
    fitting = [floor for floor, given, right in table if right >= RIGHT and given > 0]
    return min(fitting, default=HIGHEST_FLOOR)
