"""A million tokens and on: constant memory, constant time, no drift; and what a transformer would need."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import psutil

from engine.kernels import State
from engine.models.config import ModelConfig
from engine.models.loading import load
from tests.bench.peer.drift import GatedState
from tests.bench.peer.figures import Goal, Row, Section, Taken, figure, interleave
from tests.bench.peer.setting import MISSING, PEER_FORMAT, Setting, tell
from tests.bench.peer.shapes import HUNDRED_M
from tests.bench.peer.theirs import Peer
from tests.bench.peer.workers import Worker, timed
from tests.fixtures.random_model import write_random_model

LENGTH_TOK: Final = 1_000_000
FULL_LENGTH_TOK: Final = 4_000_000
_SLICE_TOK: Final = 2000
_PARTS: Final = 10
_TIME_GOAL: Final = 5.0
_MEMORY_GOAL: Final = 1.0
_DRIFT_GOAL: Final = 1.0
_NORM_GOAL: Final = 2.0
"""A sum that forgets a 130,000th a token has settled long before the last tenth of a million."""
_PEER_DEPTHS_TOK: Final = (4096, 16_384, 65_536)
_PEER_TOK: Final = 512
_LONGEST_GATE: Final = 9.0
"""A gate of so much forgets a 130,000th a token: channels that remember the whole dossier, which random
weights alone would not have."""


class Marathon:
    """Lives in a worker: one reading that goes on and on, and a float64 twin of its first layer."""

    def __init__(self, path: Path, threads: int) -> None:
        self._model = load(path, threads=threads).model
        self._state: State = self._model.new_state()
        self._twin = GatedState(path, layer=0)
        self._random = np.random.default_rng(7)
        self._kept: State | None = None

    def keep(self) -> None:
        """Remembers where the reading stands, to be timed again beside where it will stand."""
        self._kept = self._state.fork()

    def read_aside(self, tokens: int, kept: bool) -> Taken:
        """Reads on from the kept place or from this one, and throws it away."""
        state = (self._kept if kept and self._kept is not None else self._state).fork()
        ids = np.random.default_rng(11).integers(0, self._model.config.vocab_size, tokens, dtype=np.int32)
        return timed(lambda: self._model.prefill(state, ids, logits="none"))

    def read(self, tokens: int) -> Taken:
        ids = self._random.integers(0, self._model.config.vocab_size, tokens, dtype=np.int32)
        taken = timed(lambda: self._model.prefill(self._state, ids, logits="none"))
        self._twin.read(ids)
        return taken

    def look(self) -> dict[str, float]:
        """Where the reading stands: memory, the largest number in any gated state, whether all are finite,
        and how far the first layer is from its float64 twin, relative to it."""
        states = [
            self._model.gla_state(self._state, layer)
            for layer in range(self._model.config.layers)
            if layer not in self._model.config.attn_layers
        ]
        logits = self._model.step(self._state.fork(), 0)
        return {
            "position_tok": self._state.position,
            "state_bytes": self._state.nbytes,
            "resident_bytes": psutil.Process().memory_info().rss,
            "largest": max(float(np.abs(state).max()) for state in states),
            "norm": float(np.sqrt(sum(float(np.square(state, dtype=np.float64).sum()) for state in states))),
            "finite": float(np.isfinite(logits).all() and all(np.isfinite(state).all() for state in states)),
            "off": self._twin.distance(states[0]),
        }


def long(setting: Setting, config: ModelConfig = HUNDRED_M) -> Section:
    section = Section("long")
    length_tok = setting.long_tok or (FULL_LENGTH_TOK if setting.full else LENGTH_TOK)
    gates = np.linspace(0.0, _LONGEST_GATE, config.kv_dim, dtype=np.float32)
    name = f"ours-long-{config.hidden_size}-{config.layers}-{config.vocab_size}.gguf"
    path = setting.store.made(name, lambda at: write_random_model(at, "q8", config, gate_bias=gates))
    slices = max(1, length_tok // _PARTS // _SLICE_TOK)
    slice_tok = length_tok // _PARTS // slices
    parts: list[list[float]] = []
    looks: list[dict[str, float]] = []
    with Worker(Marathon, path, setting.threads) as runner:
        runner.ask("read", min(slice_tok, 256))
        for part in range(_PARTS):
            parts.append([runner.ask("read", slice_tok).by(setting.clock) / slice_tok for _ in range(slices)])
            if part == 0:
                runner.ask("keep")
            looks.append(runner.ask("look"))
        pairs = interleave(
            setting.runs,
            {
                "early": runner.timed("read_aside", slice_tok, True),
                "late": runner.timed("read_aside", slice_tok, False),
            },
            setting.clock,
        )
    section.facts.update(looks=looks, parts=[figure(part) for part in parts], pairs=pairs)
    _tell(section, pairs, slice_tok, parts, looks, length_tok)
    tell(section, *_peer(setting, config, length_tok, looks[-1]["resident_bytes"], figure(parts[-1]).value))
    return section


def _tell(
    section: Section,
    pairs: dict[str, list[float]],
    slice_tok: int,
    parts: list[list[float]],
    looks: list[dict[str, float]],
    length_tok: int,
) -> None:
    first, last = looks[0], looks[-1]
    told = f"{length_tok:,} tokens"
    growth = 100 * (last["resident_bytes"] / first["resident_bytes"] - 1)
    norms = [look["norm"] for look in looks]
    early, late = figure(pairs["early"]), figure(pairs["late"])
    went = ", ".join(f"{1 / figure(part).value:.0f}" for part in parts)
    tell(
        section,
        Row(
            f"{told}: time per token, at the end to after the first tenth, by turns",
            100 * (late.value / early.value - 1),
            "%",
            Goal("at most", _TIME_GOAL, "%"),
            late.map(lambda s: slice_tok / s, "tokens/s"),
            note=f"after the first tenth {early.map(lambda s: slice_tok / s, 'tokens/s')};"
            f" on the way, tenth by tenth {went}",
        ),
        Row(
            f"{told}: resident memory, end to the first tenth's",
            growth,
            "%",
            Goal("at most", _MEMORY_GOAL, "%"),
            note=f"{last['resident_bytes'] / 1e6:.1f} MB, of which state {last['state_bytes'] / 1e6:.2f} MB",
        ),
        Row(
            f"{told}: numbers that are none, in any state or logit",
            float(sum(look["finite"] != 1.0 for look in looks)),
            "of 10 looks",
            Goal("at most", 0, "of 10 looks"),
        ),
        Row(
            f"{told}: norm of the gated states, end to the last but one tenth's",
            100 * (norms[-1] / max(norms[:-1]) - 1),
            "%",
            Goal("at most", _NORM_GOAL, "%"),
            note=f"tenth by tenth {', '.join(f'{norm:.3g}' for norm in norms)}",
        ),
        Row(
            f"{told}: first layer's state off its float64 twin",
            100 * last["off"],
            "%",
            Goal("at most", _DRIFT_GOAL, "%"),
            note=f"{100 * first['off']:.3g} % after the first tenth; the twin rounds no activation",
        ),
    )


def _peer(
    setting: Setting, config: ModelConfig, length_tok: int, ours_bytes: float, ours_s: float
) -> list[Row]:
    what = f"{length_tok:,} tokens: the next one, to a transformer's of that size"
    if not setting.with_peer:
        return [Row(what, None, "×", theirs=MISSING)]
    path = setting.store.theirs(config, "q8")
    seconds: dict[int, list[float]] = {at: [] for at in _PEER_DEPTHS_TOK}
    with Worker(Peer, path, setting.threads, _PEER_DEPTHS_TOK[-1] + 2 * _PEER_TOK) as peer:
        token_bytes = peer.ask("cache_bytes")
        for at in _PEER_DEPTHS_TOK:
            peer.ask("stand", at)
            peer.ask("read_on", 1)
            for _ in range(3):
                seconds[at].append(peer.ask("read_on", _PEER_TOK).by(setting.clock) / _PEER_TOK)
    medians = {at: figure(values).value for at, values in seconds.items()}
    slope, start = np.polyfit(list(medians), list(medians.values()), 1)
    there_s = float(start + slope * length_tok)
    how = "extrapolated" if length_tok > max(medians) else "by the line through what was measured"
    return [
        Row(
            what,
            there_s / ours_s,
            "×",
            theirs=f"{PEER_FORMAT['q8']}: {1 / there_s:.3g} tokens/s, {how}",
            note=f"its cache {token_bytes * length_tok / 1e9:.1f} GB, ours {ours_bytes / 1e6:.0f} MB;"
            f" measured to {max(medians):,}",
        )
    ]
