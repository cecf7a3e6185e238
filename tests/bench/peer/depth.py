"""Writing far into a dossier: ours at any depth, llama.cpp as deep as its cache finds room, then onwards by a
line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import psutil

from engine.models.encoding import FloatFormat
from tests.bench.peer.figures import Clock, Figure, Goal, Row, Section, figure
from tests.bench.peer.setting import MISSING, PEER_FORMAT, Setting, per, tell
from tests.bench.peer.shapes import Shape
from tests.bench.peer.workers import Worker

NEAR_TOK: Final = 4096
DEPTHS_TOK: Final = (NEAR_TOK, 8192, 32_768, 131_072)
_FLAT_GOAL: Final = 10.0
_STEPS: Final = 8
_PEER_STEPS: Final = 2
_MEMORY_SHARE: Final = 0.4
"""Of what is free: the cache stands in memory twice while it is made up."""


@dataclass(frozen=True, slots=True)
class Depths:
    """Seconds per token of one engine by depth, 0 among them; `body` is depth 0 without logits."""

    shape: Shape
    seconds: Mapping[int, Figure]
    body: Figure

    def whole_s(self, depth: int) -> float:
        """With all layers: products grow as their number, and what depth adds grows by the layers."""
        start_s = self.seconds[0].value
        added_s = (self.seconds[depth].value - start_s) * self.shape.layers / self.shape.config.layers
        return self.shape.whole_decode_s(start_s, self.body.value) + added_s


def depth(setting: Setting, form: FloatFormat = "q4", depths_tok: tuple[int, ...] = DEPTHS_TOK) -> Section:
    section = Section("depth")
    shape = setting.shape
    with setting.ours(shape, form) as ours, setting.theirs(shape, form, 1024) as theirs:
        state_bytes = {at: ours.ask("stand", at) for at in depths_tok}
        # By turns, so that the depths that are compared share the same minutes.
        ours_at = _measure(shape, ours, (0, *depths_tok), _STEPS, setting.runs, setting.clock)
        theirs_at = None
        if theirs is not None:
            reachable = _reachable(theirs, depths_tok)
            theirs.ask("open", max((0, *reachable)) + 512)
            theirs_at = _measure(
                shape, theirs, (0, *reachable), _PEER_STEPS, setting.runs, setting.clock, at_once=True
            )
    section.facts.update(form=form, state_bytes=state_bytes, ours=ours_at.seconds, body=ours_at.body)
    if theirs_at is not None:
        section.facts.update(theirs=theirs_at.seconds, theirs_body=theirs_at.body)
    near = depths_tok[0]
    layers = f"{shape.config.layers} of {shape.layers} layers measured"
    for far in depths_tok[1:]:
        tell(
            section,
            Row(
                f"decode at depth {far:,}, {form}: slower than at {near:,}",
                100 * (ours_at.whole_s(far) / ours_at.whole_s(near) - 1),
                "%",
                Goal("at most", _FLAT_GOAL, "%"),
                ours_at.seconds[far].map(lambda s: per(s, 1), "tokens/s"),
                note=f"{layers}, scaled; state {state_bytes[far] / 1e6:.1f} MB",
            ),
        )
    for at in depths_tok:
        tell(section, _against(at, form, ours_at, theirs_at))
    return section


def _against(at: int, form: FloatFormat, ours: Depths, theirs: Depths | None) -> Row:
    ours_s = ours.whole_s(at)
    theirs_s, shown = None, MISSING
    if theirs is not None and at in theirs.seconds:
        theirs_s = theirs.whole_s(at)
        shown = str(theirs.seconds[at].map(lambda s: per(s, 1), "tokens/s"))
    elif theirs is not None and (line := _line(theirs)) is not None:
        theirs_s = line(at)
        shown = f"extrapolated from {max(theirs.seconds):,} tokens"
    scaled = f"{1 / ours_s:.2f}" + ("" if theirs_s is None else f" and {1 / theirs_s:.3g}")
    return Row(
        f"decode at depth {at:,}, {form}, to llama.cpp {PEER_FORMAT[form]}",
        None if theirs_s is None else theirs_s / ours_s,
        "×",
        None,
        ours.seconds[at].map(lambda s: per(s, 1), "tokens/s"),
        shown,
        f"scaled to all layers {scaled} tokens/s",
    )


def _measure(
    shape: Shape,
    worker: Worker,
    depths_tok: tuple[int, ...],
    steps: int,
    runs: int,
    clock: Clock,
    *,
    at_once: bool = False,
) -> Depths:
    """`at_once`: all runs at one depth, since moving there is slow."""
    found: dict[int, list[float]] = {at: [] for at in depths_tok}
    body: list[float] = []

    def run(at: int) -> None:
        found[at].append(worker.ask("step", steps).by(clock) / steps)
        if at == 0:
            body.append(worker.ask("step", steps, False).by(clock) / steps)

    for _ in range(1 if at_once else runs):
        for at in depths_tok:
            worker.ask("stand", at)
            worker.ask("step", 1)
            for _ in range(runs if at_once else 1):
                run(at)
    return Depths(shape, {at: figure(values) for at, values in found.items()}, figure(body))


def _reachable(theirs: Worker, depths_tok: tuple[int, ...]) -> tuple[int, ...]:
    room = psutil.virtual_memory().available * _MEMORY_SHARE
    token_bytes = theirs.ask("cache_bytes")
    return tuple(at for at in depths_tok if 2 * at * token_bytes <= room)


def _line(theirs: Depths) -> Callable[[int], float] | None:
    """Attention looks at every entry of the cache: time is a constant and a share of the depth."""
    if len(theirs.seconds) < 3:
        return None
    depths_tok = list(theirs.seconds)
    slope, start = np.polyfit(depths_tok, [theirs.whole_s(at) for at in depths_tok], 1)
    return lambda at: float(start + slope * at)
