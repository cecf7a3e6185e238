"""Our engine as the peer's counterpart: one model in a process of its own, through `engine.kernels`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine import kernels
from engine.models.loading import LoadedModel, load
from tests.bench.peer.figures import Taken
from tests.bench.peer.workers import timed


class Engine:
    """Lives in a worker. Every method gives what the work took and leaves the standing state as it was."""

    def __init__(
        self, path: Path, threads: int, *, spike_k: float | None = None, spiking_down: bool = False
    ) -> None:
        kernels.self_test()
        self._path = path
        self._spikes = (spike_k, spiking_down)
        self._models: dict[int, LoadedModel] = {}
        self._read: dict[int, bytes] = {}
        """Dumped states by how many tokens were really read into them."""
        self.use(threads)
        self._state = self._model.new_state()

    def use(self, threads: int) -> None:
        """From here on with so many threads; a model that was used before is kept."""
        if threads not in self._models:
            k, down = self._spikes
            self._models[threads] = load(self._path, threads=threads, spike_k=k, spiking_down=down)
        self._model = self._models[threads].model

    def prefill(self, tokens: int, head: bool = True) -> Taken:
        """Reads `tokens` into an empty state, the last one's logits computed or not."""
        state = self._model.new_state()
        ids = self._ids(tokens)
        return timed(lambda: self._model.prefill(state, ids, logits="last" if head else "none"))

    def read_on(self, tokens: int) -> Taken:
        """Reads `tokens` from where the standing state is, the last one's logits computed."""
        state = self._state.fork()
        ids = self._ids(tokens)
        return timed(lambda: self._model.prefill(state, ids))

    def step(self, count: int, head: bool = True) -> Taken:
        """Decodes `count` tokens from where the standing state is."""
        state = self._state.fork()
        ids = self._ids(count)

        def decode() -> None:
            for place, token in enumerate(ids):
                if head:
                    self._model.step(state, int(token))
                else:
                    self._model.prefill(state, ids[place : place + 1], logits="none")

        return timed(decode)

    def stand(self, depth: int) -> int:
        """Moves the standing state to `depth` tokens, its window full of what was really read; gives its
        bytes. Deeper than the window the same state is used at another position: nothing else in it can
        tell the depth."""
        if depth == 0:
            self._state = self._model.new_state()
            return self._state.nbytes
        filled = min(depth, self._model.config.sliding_window + 1)
        if filled not in self._read:
            state = self._model.new_state()
            self._model.prefill(state, self._ids(filled), logits="none")
            pieces: list[bytes] = []
            state.dump(lambda piece: pieces.append(bytes(piece)))
            self._read[filled] = b"".join(pieces)
        payload = memoryview(depth.to_bytes(8, "little", signed=True) + self._read[filled][8:])
        place = 0

        def read(count: int) -> memoryview:
            nonlocal place
            place += count
            return payload[place - count : place]

        self._state = self._model.new_state()
        self._state.load(read)
        if self._state.position != depth or place != len(payload):
            raise ValueError("the standing state is not what was asked for")
        return self._state.nbytes

    def describe(self) -> dict[str, object]:
        return {
            "isa": self._model.isa,
            "threads": self._model.threads,
            "build": kernels.features().build_hash,
        }

    def _ids(self, count: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        vocab = self._model.config.vocab_size
        return np.random.default_rng(count).integers(0, vocab, count, dtype=np.int32)
