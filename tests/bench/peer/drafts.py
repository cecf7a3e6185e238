"""Answers whose guessed words are verified several at a time, beside the same answers step by step."""

from __future__ import annotations

from typing import Final

from tests.bench import drafting
from tests.bench.peer.figures import Goal, Row, Section
from tests.bench.peer.setting import Setting, tell

_GOAL: Final = Goal("at least", 2.0, "×")
_LOSS_GOAL: Final = Goal("at least", 0.97, "×")
_LAYERS: Final = 4


def drafts(setting: Setting) -> Section:
    """llama.cpp takes no part: both sides are ours."""
    section = Section("drafts")
    for figure in drafting.reader(setting.threads, setting.runs):
        tell(section, _row(figure, _GOAL if figure.what.endswith("that quote") else _LOSS_GOAL))
    shape = setting.shape_of(_LAYERS).config
    for figure in drafting.wide_model(
        setting.folder, "q8", setting.threads, setting.runs, shape, shape.layers
    ):
        told = f"7B shape: {figure.what}"
        goal = {"each right at 80%": _GOAL, "every guess wrong": _LOSS_GOAL}
        reached = [goal[end] for end in goal if figure.what.endswith(end)]
        tell(section, _row(figure, reached[0] if reached else None, told))
    return section


def _row(figure: drafting.Figure, goal: Goal | None, what: str = "") -> Row:
    note = (
        f"tokens/s {figure.plain_tok_per_s:.3g} to {figure.drafted_tok_per_s:.3g},"
        f" ratio {figure.least_ratio:.2f}–{figure.largest_ratio:.2f}"
    )
    return Row(
        what or figure.what, figure.ratio, "×", goal, note="; ".join(filter(None, (note, figure.note)))
    )
