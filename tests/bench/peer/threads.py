"""Two threads beside one: on free cores, with a core taken away, and with nothing to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from engine.models.encoding import FloatFormat
from tests.bench.peer.figures import Goal, Row, Section, figure, interleave
from tests.bench.peer.setting import MISSING, PEER_FORMAT, Setting, per, tell
from tests.bench.peer.speed import PREFILL_TOK

_LAYERS: Final = 3
_STEPS: Final = 8
_TWICE_GOAL: Final = 1.8
_TAKEN_GOAL: Final = 0.9
_IDLE_S: Final = 5.0
_IDLE_SHARE: Final = 0.1
"""Percent of a core that counts as none: the clock that is read has steps of a hundredth of a second."""


def threads(setting: Setting, form: FloatFormat = "q8") -> Section:
    """Always by the wall's clock: what one waits for is what is asked here."""
    section = Section("threads")
    shape = setting.shape_of(_LAYERS)
    with (
        setting.ours(shape, form, 1) as one,
        setting.ours(shape, form, 2) as two,
        setting.theirs(shape, form, 2 * PREFILL_TOK, 1) as theirs_one,
        setting.theirs(shape, form, 2 * PREFILL_TOK, 2) as theirs_two,
    ):
        workers = {"ours, 1": one, "ours, 2": two}
        if theirs_one is not None and theirs_two is not None:
            workers |= {"theirs, 1": theirs_one, "theirs, 2": theirs_two}
        for what, arguments, tokens in (
            ("prefill", ("prefill", PREFILL_TOK), PREFILL_TOK),
            ("decode", ("step", _STEPS), _STEPS),
        ):
            for taken_away in (False, True):
                ways = {name: worker.timed(*arguments) for name, worker in workers.items()}
                with _burning() if taken_away else _quiet():
                    seconds = interleave(setting.runs, ways, "wall")
                _tell(section, what, form, seconds, tokens, taken_away=taken_away)
        idle = 100 * two.processor_share(_IDLE_S)
        tell(
            section,
            Row(
                "processor time of two parked threads",
                idle,
                "%",
                Goal("at most", _IDLE_SHARE, "%"),
                note=f"of one core, over {_IDLE_S:g} s after work",
            ),
        )
    return section


def _tell(
    section: Section,
    what: str,
    form: FloatFormat,
    seconds: dict[str, list[float]],
    tokens: int,
    *,
    taken_away: bool,
) -> None:
    speed = {name: figure(s).map(lambda s: per(s, tokens), "tokens/s") for name, s in seconds.items()}
    ratio = speed["ours, 2"].value / speed["ours, 1"].value
    goal = None
    if taken_away:
        goal = Goal("at least", _TAKEN_GOAL, "×")
    elif what == "prefill":
        goal = Goal("at least", _TWICE_GOAL, "×")
    busy = "a busy loop beside" if taken_away else "nothing of ours beside"
    peer = MISSING
    if "theirs, 2" in speed:
        theirs = speed["theirs, 2"].value / speed["theirs, 1"].value
        peer = f"{PEER_FORMAT[form]}: {theirs:.2f} ×, {speed['theirs, 2']}"
    section.facts[f"{what}, {busy}"] = seconds
    tell(
        section,
        Row(
            f"{what}, {form}, 2 threads to 1, {busy}",
            ratio,
            "×",
            goal,
            speed["ours, 2"],
            peer,
            f"1 thread: {speed['ours, 1']}",
        ),
    )


@contextmanager
def _burning() -> Iterator[None]:
    """Another process that takes whatever one core gives."""
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


@contextmanager
def _quiet() -> Iterator[None]:
    yield
