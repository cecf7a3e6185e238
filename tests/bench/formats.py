"""What each format costs in exactness, on the known answers and on the shipped reader."""

from __future__ import annotations

import json
from pathlib import Path

from app.core.resources import resource
from engine.format_report import format_lines, measure_formats

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"
KNOWN = ("float-tiny", "float-7bshape-1layerpair", "w8aspike-tiny")


def measure(threads: int) -> None:
    reader = resource("models", "mini-reader.gguf")
    for name, path in (*((name, GOLDEN / name) for name in KNOWN), ("Mini reader, from its own q8", reader)):
        print(f"\nFormats: {name}")
        for line in format_lines(measure_formats(path, sample_text(), threads=threads)):
            print(f"  {line}", flush=True)


def sample_text() -> str:
    """The questions over the sample dossiers with what answers them, as the reader is shown them."""
    asked = json.loads(resource("samples", "questions.json").read_text("utf-8"))
    return "\n".join(
        f"[1] {' '.join(one['quote'].split())}\n? {one['question']}\n«{one['answer']}» [1]" for one in asked
    )
