"""Writing far into a dossier: ours at any depth, llama.cpp as deep as its cache finds room, then onwards by a
line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import psutil

from engine.models.encoding import FloatFormat
from tests.bench.peer.figures import Goal, Row, Section, figure
from tests.bench.peer.setting import MISSING, PEER_FORMAT, Setting, per, tell
from tests.bench.peer.workers import Worker

NEAR_TOK: Final = 4096
DEPTHS_TOK: Final = (NEAR_TOK, 8192, 32_768, 131_072)
_FLAT_GOAL: Final = 10.0
_STEPS: Final = 8
_PEER_STEPS: Final = 2
_MEMORY_SHARE: Final = 0.4
"""Of what is free: the cache stands in memory twice while it is made up."""


def depth(setting: Setting, form: FloatFormat = "q4", depths_tok: tuple[int, ...] = DEPTHS_TOK) -> Section:
    section = Section("depth")
    shape = setting.shape
    with setting.ours(shape, form) as ours, setting.theirs(shape, form, 1024) as theirs:
        peer_depths = _reachable(theirs, depths_tok)
        if theirs is not None and peer_depths:
            theirs.ask("open", peer_depths[-1] + 512)
        near = depths_tok[0]
        found: dict[str, dict[int, list[float]]] = {"ours": {}, "theirs": {}}
        state_bytes = {}
        # The near depth is measured anew beside every other, so that they share the same minutes.
        for far in depths_tok[1:]:
            for _ in range(setting.runs):
                for at in (near, far):
                    state_bytes[at] = ours.ask("stand", at)
                    taken = ours.ask("step", _STEPS).by(setting.clock)
                    found["ours"].setdefault(at, []).append(taken / _STEPS)
        for at in peer_depths if theirs is not None else ():
            assert theirs is not None
            theirs.ask("stand", at)
            theirs.ask("step", 1)
            found["theirs"][at] = [
                theirs.ask("step", _PEER_STEPS).by(setting.clock) / _PEER_STEPS for _ in range(setting.runs)
            ]
    section.facts.update(seconds=found, state_bytes=state_bytes, form=form)
    ours_s = {at: figure(values) for at, values in found["ours"].items()}
    theirs_s = {at: figure(values) for at, values in found["theirs"].items()}
    line = _line({at: f.value for at, f in theirs_s.items()})
    for far in depths_tok[1:]:
        slower = 100 * (ours_s[far].value / ours_s[near].value - 1)
        tell(
            section,
            Row(
                f"decode at depth {far:,}, {form}: slower than at {near:,}",
                slower,
                "%",
                Goal("at most", _FLAT_GOAL, "%"),
                ours_s[far].map(lambda s: per(s, 1), "tokens/s"),
                note=f"{shape.config.layers} of {shape.layers} layers, state {state_bytes[far] / 1e6:.1f} MB",
            ),
        )
    for at in depths_tok:
        measured = theirs_s.get(at)
        seconds = measured.value if measured is not None else None if line is None else line(at)
        shown = measured.map(lambda s: per(s, 1), "tokens/s") if measured is not None else MISSING
        if measured is None and seconds is not None:
            shown = f"{1 / seconds:.3g} tokens/s, extrapolated"
        tell(
            section,
            Row(
                f"decode at depth {at:,}, {form}, to llama.cpp {PEER_FORMAT[form]}",
                None if seconds is None else seconds / ours_s[at].value,
                "×",
                None,
                ours_s[at].map(lambda s: per(s, 1), "tokens/s"),
                shown,
                f"{shape.config.layers} of {shape.layers} layers on both sides",
            ),
        )
    return section


def _reachable(theirs: Worker | None, depths_tok: tuple[int, ...]) -> list[int]:
    if theirs is None:
        return []
    room = psutil.virtual_memory().available * _MEMORY_SHARE
    token_bytes = theirs.ask("cache_bytes")
    return [at for at in depths_tok if 2 * at * token_bytes <= room]


def _line(seconds: dict[int, float]) -> Callable[[int], float] | None:
    """Attention looks at every entry of the cache: time is a constant and a share of the depth."""
    if len(seconds) < 2:
        return None
    slope, start = np.polyfit(list(seconds), list(seconds.values()), 1)
    return lambda at: float(start + slope * at)
