"""From a file on a warm disk to a model that has computed a token, beside reading the file."""

from __future__ import annotations

import mmap
import time
from pathlib import Path
from typing import Final

import numpy as np

from engine.models.encoding import FloatFormat
from engine.models.loading import load
from tests.bench.peer.figures import Figure, Goal, Row, Section, Taken, figure
from tests.bench.peer.setting import MISSING, PEER_FORMAT, Setting, tell
from tests.bench.peer.theirs import Peer
from tests.bench.peer.workers import Worker, timed

_GOAL_S: Final = 3.0
_PIECE_BYTES: Final = 8 << 20
_PAUSE_S: Final = 4.0
"""After so long a virtual machine may have given back what a process left, and must ask for it again."""
_PAGE_BYTES: Final = 4096


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


class Toucher:
    """Lives in a worker of its own each time: takes fresh memory and leaves it."""

    def touch(self, size_bytes: int) -> Taken:
        """One byte of every page, in large pages where the system has them."""
        with mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            memory.madvise(mmap.MADV_HUGEPAGE)
            return timed(lambda: np.frombuffer(memory, np.uint8)[::_PAGE_BYTES].fill(1))


def load_time(setting: Setting, form: FloatFormat = "q8") -> Section:
    """By the wall's clock. Runs are fewer where the whole model is loaded.

    Each time once with memory as the system gives it after a pause, and once with memory that another process
    has just left: what differs is the machine's, not the loader's. How long fresh memory takes by itself is
    measured beside.
    """
    section = Section("load")
    shape = setting.shape
    ours, theirs = setting.store.ours(shape.config, form), None
    if setting.with_peer:
        theirs = setting.store.theirs(shape.config, form)
    size = ours.stat().st_size
    whole_size = size
    if not shape.is_whole:
        # Loading goes by bytes; the embeddings and the output matrix are there once.
        ends = 2 * shape.head_weights
        layers = size - ends
        whole_size = ends + layers * shape.layers // shape.config.layers
    copied = size - shape.head_weights  # all but the embeddings

    def loaded_s() -> float:
        with Worker(Loader, ours, setting.threads) as loader:
            return float(loader.ask("load").wall_s)

    def touched_s() -> float:
        with Worker(Toucher) as toucher:
            return float(toucher.ask("touch", copied).wall_s)

    names = ("read", "load", "touch_at_hand", "load_at_hand", "touch", "theirs")
    found: dict[str, list[float]] = {name: [] for name in names}
    with Worker(Reader) as reader:
        reader.ask("read", ours)
        for _ in range(setting.runs):
            time.sleep(_PAUSE_S)
            found["read"].append(reader.ask("read", ours).wall_s)
            found["load"].append(loaded_s())
            found["touch_at_hand"].append(touched_s())
            found["load_at_hand"].append(loaded_s())
            time.sleep(_PAUSE_S)
            found["touch"].append(touched_s())
            if theirs is not None:
                time.sleep(_PAUSE_S)
                with Worker(Peer, theirs, setting.threads, 512) as peer:
                    found["theirs"].append(peer.made.wall_s + peer.ask("step", 1).wall_s)

    def more(name: str) -> Figure:
        pairs = zip(found[name], found["read"], strict=True)
        return figure([(load_s - read_s) * whole_size / size for load_s, read_s in pairs])

    scaled = "" if shape.is_whole else f", scaled from {size / 1e9:.1f} to {whole_size / 1e9:.1f} GB by bytes"
    section.facts.update(seconds=found, size_bytes=size)
    tell(
        section,
        Row(
            f"{form} ready from a warm disk, more than reading the file",
            more("load").value,
            "s",
            Goal("at most", _GOAL_S, "s"),
            figure(found["load"]),
            figure(found["theirs"]) if found["theirs"] else MISSING,
            f"{PEER_FORMAT[form]} read, not mapped; reading our file {figure(found['read'])}{scaled}",
        ),
        Row(
            f"{form} ready from a warm disk, more than reading the file, with memory just left by others",
            more("load_at_hand").value,
            "s",
            None,
            figure(found["load_at_hand"]),
            None,
            f"{copied / 1e9:.1f} GB of memory to touch: {figure(found['touch'])} by itself, "
            f"{figure(found['touch_at_hand'])} when just left",
        ),
    )
    return section
