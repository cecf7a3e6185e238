"""``python3 dev.py bench [--full] [--seven-b q8|q4]``: print every measurement the README quotes."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

from app.core.resources import resource
from engine.mini import needle_picture
from engine.models.random_checkpoint import LAYOUTS, SCALES
from tests.bench import (
    answers,
    dossiers,
    drafting,
    finding,
    formats,
    gates,
    quantisers,
    reader,
    spikes,
    taking_in,
    trust,
    window,
)

SECTIONS = ("window", "dossiers", "answers", "reader", "drafting", "spikes", "formats")


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench")
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help=f"of {', '.join(SECTIONS)} (all of these), finding, trust, gates, quantisers",
    )
    parser.add_argument("--full", action="store_true", help="read on to 256,000 tokens (minutes)")
    parser.add_argument(
        "--seven-b",
        choices=["q8", "q4"],
        action="append",
        default=[],
        help="a random model of the published 7B shape (8 GB of disk, 12 GB of memory)",
    )
    parser.add_argument(
        "--take-in",
        choices=LAYOUTS,
        action="append",
        default=[],
        help="import a random checkpoint in a published layout (base, sft: 40 GB of disk; w8aspike: 75 GB)",
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="of the window, while it answers after --take-in"
    )
    parser.add_argument("--scale", choices=SCALES, default="7b", help="of --take-in")
    parser.add_argument("--format", choices=["q8", "q4", "bf16"], default="q8", help="of --take-in")
    asked = parser.add_argument_group("gates")
    asked.add_argument("--papers", type=Path, metavar="DIR", help="where the real documents lie")
    asked.add_argument("--questions", type=int, default=2_000, help="of the held-out set")
    asked.add_argument("--model", type=Path, help="a converted reader instead of the shipped one")
    asked.add_argument("--before", type=Path, metavar="MODEL", help="the same reader before spike coding")
    asked.add_argument("--needle", action="store_true", help="the needle test too (minutes)")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--out", type=Path, default=Path("gates"), help="folder for the tables and failures")
    options = parser.parse_args()
    wanted = options.sections or SECTIONS
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="huisclos-bench-") as scratch:
        if "window" in wanted:
            window.measure(Path(scratch) / "window")
        if "dossiers" in wanted:
            dossiers.measure(Path(scratch) / "dossiers")
        if "answers" in wanted:
            answers.measure(Path(scratch) / "answers")
        if "finding" in wanted:
            finding.measure(Path(scratch) / "finding", options.papers)
        if "trust" in wanted:
            trust.measure(Path(scratch) / "trust", options.model)
        if "gates" in wanted:
            gates.measure(
                Path(scratch) / "gates",
                documents=options.papers,
                out=options.out,
                model=options.model,
                before=options.before,
                questions=options.questions,
                threads=options.threads,
            )
            if options.needle:
                needle_picture.report_to(
                    options.out, options.model, longest_tok=256_000, needles=8, threads=options.threads
                )
        if "reader" in wanted:
            reader.measure(resource("models", "mini-reader.gguf"), full=options.full)
        if "drafting" in wanted:
            drafting.measure(Path(scratch) / "drafting", forms=options.seven_b)
        if "spikes" in wanted:
            spikes.measure(
                resource("models", "mini-reader.gguf"),
                resource("samples", "generator", "texts", "patient-en.txt"),
            )
        if "formats" in wanted:
            formats.measure(options.threads)
        if "quantisers" in wanted:
            quantisers.measure(options.threads)
        for layout in options.take_in:
            taking_in.measure(
                Path(scratch) / "taking-in",
                layout,
                options.scale,
                options.format,
                pictures=options.pictures and options.pictures / layout,
            )
        if options.seven_b:
            from tests.bench import seven_b

            for form in options.seven_b:
                seven_b.measure(Path(scratch), form)


if __name__ == "__main__":
    main()
