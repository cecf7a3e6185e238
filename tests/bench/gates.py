"""``python3 dev.py bench gates --papers DIR``: everything the shipped reader must reach, in one table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from engine.mini import gates, reports
from tests.bench import answers, papers
from tests.bench.table import Row, show


def measure(
    home: Path,
    *,
    documents: Path | None,
    out: Path,
    model: Path | None = None,
    before: Path | None = None,
    questions: int = 2_000,
    threads: int = 1,
) -> None:
    """Print the gates, and leave `gates.md`, `gates.json` and `failures.md` in ``out``."""
    report = gates.measure(model, questions=questions, threads=threads, before=before, tell=_count(questions))
    _, found = answers.ask_all(home / "samples", model)
    rows = [(f"Sample dossiers: {row.what.strip()}", row.figure) for row in found]
    failures = ""
    if documents is not None:
        measured = papers.measure(home / "papers", documents, model)
        report = replace(report, gates=(*report.gates, measured.gate))
        failures = measured.failures()
        rows += [(f"Real documents: {name.strip()}", figure) for name, figure in measured.rows()]
    print(f"\n{report.model}")
    reports.print_gates(report.gates)
    show("Asked of the whole application", [Row(name, figure) for name, figure in rows])
    if documents is None:
        print("  The real documents were not asked: give --papers DIR (tests/papers/README.md).")
    reports.write(report, out, further_failures=failures, further_rows=rows)
    print(f"\nWritten to {out}: gates.md, gates.json, failures.md")


def _count(questions: int) -> gates.Tell:
    def tell(done: int) -> None:
        if done % 100 == 0 and sys.stderr.isatty():
            print(f"\r  {done} of {questions} questions", end="", file=sys.stderr, flush=True)

    return tell
