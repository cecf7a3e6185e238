"""A kept reading of the 7B's shape, sealed and opened: its size, and its speed beside cipher and disk."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine import kernels
from engine.models.config import ModelConfig
from engine.models.loading import load
from engine.states.disk import FileWriter
from engine.states.snapshot import SnapshotIdentity, read_snapshot, write_snapshot
from engine.states.stream import CHUNK_BYTES, KEY_BYTES, TAG_BYTES
from tests.bench.peer.figures import Figure, Goal, Row, Section, Taken, figure, interleave
from tests.bench.peer.setting import Setting, tell
from tests.bench.peer.workers import Worker, timed

KNOWN: Final = Path(__file__).parents[2] / "fixtures" / "golden" / "float-7bshape-1layerpair"
POSITION_TOK: Final = 100_000
_SIZE_GOAL_MB: Final = {"f16": 125.0, "int8": 65.0}
_SPEED_GOAL: Final = 0.8
_WAYS: Final = ("save", "seal", "write", "restore", "open", "read", "write_early")
_NARROW: Final = 128
_NONCE: Final = bytes(12)


class Keeper:
    """Lives in a worker: a state of a large model's shape, kept in a file.

    The state's size depends on heads, layers and window alone, so the model that fills it has small matrices.
    """

    def __init__(self, config: ModelConfig, precision: kernels.WindowPrecision, path: Path) -> None:
        native = kernels.NativeConfig(
            vocab_size=256,
            hidden_size=_NARROW,
            layers=config.layers,
            heads=config.kv_heads,
            kv_heads=config.kv_heads,
            head_dim=config.head_dim,
            intermediate_size=_NARROW,
            gate_rank=config.gate_rank,
            sliding_window=config.sliding_window,
            attn_layers=config.attn_layers,
        )
        self._model = kernels.Model(native, _weights(native), threads=1)
        self._precision: kernels.WindowPrecision = precision
        self._path = path
        self._key = secrets.token_bytes(KEY_BYTES)
        state = self._new()
        ids = np.random.default_rng(0).integers(0, 256, config.sliding_window + 64, dtype=np.int32)
        self._model.prefill(state, ids, logits="none")
        pieces: list[bytes] = []
        state.dump(lambda piece: pieces.append(bytes(piece)))
        payload = POSITION_TOK.to_bytes(8, "little") + b"".join(pieces)[8:]
        place = 0

        def read(count: int) -> bytes:
            nonlocal place
            place += count
            return payload[place - count : place]

        state.load(read)
        self._state = state
        self._identity = SnapshotIdentity("shape", state.layout, "measured")
        self._sealed_bytes = 0
        self.save()
        self._plain = secrets.token_bytes(self._sealed_bytes)

    def size_bytes(self) -> int:
        return self._sealed_bytes

    def save(self) -> Taken:
        """The state into the file, synced."""
        with self._opened(os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:

            def write() -> None:
                self._sealed_bytes = write_snapshot(file, self._key, self._identity, self._state, bytes(32))
                os.fsync(file)

            return timed(write)

    def restore(self, warm: bool = False) -> Taken:
        """The file into a fresh state; what the system still holds of the file is dropped first."""
        with self._opened(os.O_RDONLY) as file:
            if not warm:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            found: list[kernels.State] = []

            def read() -> None:
                state = self._new()
                read_snapshot(file, self._key, self._identity, state)
                found.append(state)

            taken = timed(read)
        if found[0].position != POSITION_TOK:
            raise ValueError("the restored state stands elsewhere")
        return taken

    def seal(self) -> Taken:
        """As many bytes through the cipher alone, into room that is there."""
        cipher, data = AESGCM(self._key), memoryview(self._plain)
        room = memoryview(bytearray(CHUNK_BYTES + TAG_BYTES))

        def work() -> None:
            for start in range(0, len(data), CHUNK_BYTES):
                piece = data[start : start + CHUNK_BYTES]
                cipher.encrypt_into(_NONCE, piece, b"", room[: len(piece) + TAG_BYTES])

        return timed(work)

    def open(self) -> Taken:
        """As many bytes through the cipher alone, the other way."""
        cipher, data = AESGCM(self._key), memoryview(self._plain)
        pieces = [
            cipher.encrypt(_NONCE, data[at : at + CHUNK_BYTES], b"")
            for at in range(0, len(data), CHUNK_BYTES)
        ]

        room = memoryview(bytearray(CHUNK_BYTES))

        def work() -> None:
            for piece in pieces:
                cipher.decrypt_into(_NONCE, piece, b"", room[: len(piece) - TAG_BYTES])

        return timed(work)

    def write(self) -> Taken:
        """As many bytes to the disk alone, synced, as programs do it."""
        return self._written(lambda file: lambda piece: os.write(file, piece))

    def write_early(self) -> Taken:
        """The same, the disk beginning while the rest is still written, as in `save`."""
        return self._written(lambda file: FileWriter(file).write)

    def _written(self, open_writer: Callable[[int], Callable[[memoryview], object]]) -> Taken:
        data = memoryview(self._plain)
        with self._opened(os.O_WRONLY | os.O_CREAT | os.O_TRUNC, ".plain") as file:
            write = open_writer(file)

            def work() -> None:
                for start in range(0, len(data), CHUNK_BYTES):
                    write(data[start : start + CHUNK_BYTES])
                os.fsync(file)

            return timed(work)

    def read(self) -> Taken:
        """As many bytes from the disk alone."""
        with self._opened(os.O_RDONLY, ".plain") as file:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)

            def work() -> None:
                while os.read(file, CHUNK_BYTES):
                    pass

            return timed(work)

    def _new(self) -> kernels.State:
        return self._model.new_state(window_precision=self._precision)

    @contextmanager
    def _opened(self, flags: int, suffix: str = "") -> Iterator[int]:
        file = os.open(self._path.with_name(self._path.name + suffix), flags, 0o600)
        try:
            yield file
        finally:
            os.close(file)


def snapshots(setting: Setting) -> Section:
    section = Section("snapshots")
    setting.folder.mkdir(parents=True, exist_ok=True)
    for precision in ("f16", "int8"):
        path = setting.folder / f"snapshot-{precision}"
        with Worker(Keeper, setting.config, precision, path) as keeper:
            size_mb = keeper.ask("size_bytes") / 1e6
            ways = {name: keeper.timed(name) for name in _WAYS}
            seconds = interleave(setting.runs, ways, "wall")
        section.facts[precision] = seconds
        bits = {"f16": 16, "int8": 8}[precision]
        off, same = _window_error(precision)
        error = f"logits off by {off:.2g}, relative to a 32-bit window; same best token {same:.1%}"
        taken = {name: figure(values) for name, values in seconds.items()}
        tell(
            section,
            Row(
                f"snapshot, {bits}-bit window",
                size_mb,
                "MB",
                Goal("at most", _SIZE_GOAL_MB[precision], "MB") if setting.config.layers == 28 else None,
                note=error,
            ),
            _against("save", taken["save"], taken["seal"], taken["write"], size_mb, bits),
            _against("restore", taken["restore"], taken["open"], taken["read"], size_mb, bits),
            Row(
                f"snapshot, {bits}-bit window: save, to a disk that begins early as it does",
                taken["write_early"].value / taken["save"].value,
                "×",
                note=f"disk {taken['write_early'].map(lambda s: size_mb / s, 'MB/s')}",  # noqa: B023
            ),
        )
    for path in setting.folder.glob("snapshot-*"):
        path.unlink()
    return section


def _against(what: str, taken: Figure, cipher: Figure, disk: Figure, size_mb: float, bits: int) -> Row:
    slower = max(cipher.value, disk.value)
    rates = [f.map(lambda s: size_mb / s, "MB/s") for f in (taken, cipher, disk)]
    return Row(
        f"snapshot, {bits}-bit window: {what}, to the slower of cipher and disk",
        slower / taken.value,
        "×",
        Goal("at least", _SPEED_GOAL, "×"),
        rates[0],
        note=f"{taken}; cipher {rates[1]}, disk {rates[2]}",
    )


def _window_error(precision: kernels.WindowPrecision) -> tuple[float, float]:
    """Of logits against a float32 window, on the known answers' model with the heads of the 7B: relative
    error, and how often the best token is the same."""
    model = load(KNOWN, threads=1).model
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, 256, dtype=np.int32)
    exact, found = (
        model.prefill(model.new_state(window_precision=kind), ids, logits="all")
        for kind in ("f32", precision)
    )
    off = float(np.linalg.norm(found - exact) / np.linalg.norm(exact))
    return off, float((found.argmax(1) == exact.argmax(1)).mean())


def _weights(config: kernels.NativeConfig) -> dict[str, kernels.Weight]:
    random = np.random.default_rng(1)
    found = {}
    for name, shape in kernels.expected_tensors(config).items():
        values = random.standard_normal(shape, np.float32)
        values = 1 + values * np.float32(0.1) if "norm" in name else values * np.float32(shape[-1] ** -0.5)
        found[name] = kernels.Weight("f32", shape, values)
    return found
