"""From a file on a warm disk to a model that has computed a token, beside reading the file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from engine.models.encoding import FloatFormat
from engine.models.loading import load
from tests.bench.peer.figures import Goal, Row, Section, Taken, figure
from tests.bench.peer.setting import MISSING, PEER_FORMAT, Setting, tell
from tests.bench.peer.theirs import Peer
from tests.bench.peer.workers import Worker, timed

_GOAL_S: Final = 3.0
_PIECE_BYTES: Final = 8 << 20


class Reader:
    """Lives in a worker: reads a file and keeps nothing of it."""

    def read(self, path: Path) -> Taken:
        room = np.empty(_PIECE_BYTES, np.uint8)

        def through() -> None:
            with path.open("rb", buffering=0) as file:
                while file.readinto(room.data):
                    pass

        return timed(through)


class Loader:
    """Lives in a worker of its own each time, since loading is what a fresh process does."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path, self._threads = path, threads

    def load(self) -> Taken:
        """Loads, and decodes a token: until then a mapped file has only been promised."""

        def ready() -> None:
            model = load(self._path, threads=self._threads).model
            model.step(model.new_state(), 1)

        return timed(ready)


def load_time(setting: Setting, form: FloatFormat = "q8") -> Section:
    """By the wall's clock. Runs are fewer where the whole model is loaded."""
    section = Section("load")
    shape = setting.shape
    ours, theirs = setting.store.ours(shape.config, form), None
    if setting.with_peer:
        theirs = setting.store.theirs(shape.config, form)
    found: dict[str, list[float]] = {"read": [], "load": [], "theirs": []}
    with Worker(Reader) as reader:
        reader.ask("read", ours)
        for _ in range(setting.runs):
            found["read"].append(reader.ask("read", ours).wall_s)
            with Worker(Loader, ours, setting.threads) as loader:
                found["load"].append(loader.ask("load").wall_s)
            if theirs is not None:
                with Worker(Peer, theirs, setting.threads, 512) as peer:
                    found["theirs"].append(peer.made.wall_s + peer.ask("step", 1).wall_s)
    size = ours.stat().st_size
    whole_size = size
    if not shape.is_whole:
        # Loading goes by bytes; the embeddings and the output matrix are there once.
        ends = 2 * shape.head_weights
        layers = size - ends
        whole_size = ends + layers * shape.layers // shape.config.layers
    more = [
        (load_s - read_s) * whole_size / size
        for load_s, read_s in zip(found["load"], found["read"], strict=True)
    ]
    scaled = "" if shape.is_whole else f", scaled from {size / 1e9:.1f} to {whole_size / 1e9:.1f} GB by bytes"
    section.facts.update(seconds=found, size_bytes=size)
    tell(
        section,
        Row(
            f"{form} ready from a warm disk, more than reading the file",
            figure(more).value,
            "s",
            Goal("at most", _GOAL_S, "s"),
            figure(found["load"]),
            figure(found["theirs"]) if found["theirs"] else MISSING,
            f"{PEER_FORMAT[form]} read, not mapped; reading our file {figure(found['read'])}{scaled}",
        ),
    )
    return section
