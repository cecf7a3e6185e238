"""Writes a measured model down: a table to print, files to keep beside the model card."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.mini.gates import Gate, Report, show
from engine.mini.outcomes import Outcome, Shares

PRINTED_FAILURES = 25  # of each task
COLUMNS = (
    "questions",
    "all right",
    "right passage",
    "exact value",
    "verbatim",
    "absent known",
    "false alarms",
)


def gate_rows(gates: Iterable[Gate]) -> list[tuple[str, str, str, str]]:
    return [
        (
            gate.name,
            ("at most " if gate.most else "at least ") + show(gate.goal, gate.unit),
            "–" if gate.measured is None else show(gate.measured, gate.unit),
            gate.verdict,
        )
        for gate in gates
    ]


def share_row(shares: Shares) -> tuple[str, ...]:
    figures = (
        shares.right,
        shares.passage,
        shares.exact,
        shares.verbatim,
        shares.absent_known,
        shares.false_alarms,
    )
    return (str(shares.questions), *("–" if f is None else f"{f:.1f} %" for f in figures))


def as_markdown(report: Report, further_rows: Sequence[tuple[str, str]] = ()) -> str:
    """All tables, ready for the card."""
    lines = _table(("gate", "goal", "measured", ""), gate_rows(report.gates))
    rows = [(name, *share_row(shares)) for name, shares in report.tables.items()]
    lines += ["", *_table(("", *COLUMNS), rows)]
    if further_rows:
        lines += ["", *_table(("asked of the whole application", ""), further_rows)]
    return "\n".join([f"{report.model}, identity {report.identity[:16]}…", "", *lines]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


def failures_as_markdown(report: Report) -> str:
    """What the reader gets wrong, task by task, the first ones of each: asked, wanted, said."""
    lines = [f"# What the reader gets wrong on the held-out set ({len(report.failures)} answers)", ""]
    for task in sorted({one.task for one in report.failures}):
        failed = [one for one in report.failures if one.task == task]
        shown = "" if len(failed) <= PRINTED_FAILURES else f", the first {PRINTED_FAILURES}"
        lines += [f"## Task: {task} ({len(failed)}{shown})", ""]
        for one in failed[:PRINTED_FAILURES]:
            said = " ".join(one.said.split()) or "(nothing)"
            lines += [
                f"- {one.language}: {one.question}",
                f"  - wanted {one.wanted}",
                f"  - said {said} ({fault_of(one)}, {one.confidence:.2f})",
            ]
        lines.append("")
    return "\n".join(lines)


def fault_of(one: Outcome) -> str:
    """The first thing that is wrong with an answer, in a word or two."""
    if one.says_absent:
        return "called absent"
    if not one.present:
        return "answered though absent"
    if not one.quotes:
        return "no quote"
    if not one.verbatim:
        return "not verbatim"
    return "other passage" if not one.right_passage else "other words"


def print_gates(gates: Iterable[Gate]) -> None:
    for name, goal, measured, verdict in gate_rows(gates):
        print(f"  {name:<52} {goal:>24} {measured:>18}   {verdict}", flush=True)


def write(
    report: Report,
    folder: Path,
    *,
    further_failures: str = "",
    further_rows: Sequence[tuple[str, str]] = (),
) -> None:
    """`gates.json`, `gates.md`, `failures.md` under `folder`; what is further comes from the application."""
    folder.mkdir(parents=True, exist_ok=True)
    values = report.as_values() | ({"whole_application": dict(further_rows)} if further_rows else {})
    text = json.dumps(values, ensure_ascii=False, indent=1) + "\n"
    (folder / "gates.json").write_text(text, encoding="utf-8")
    (folder / "gates.md").write_text(as_markdown(report, further_rows), encoding="utf-8")
    name = f"{report.model}, identity {report.identity[:16]}…\n\n"
    failures = name + further_failures + failures_as_markdown(report)
    (folder / "failures.md").write_text(failures, encoding="utf-8")
