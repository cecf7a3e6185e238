"""A small deterministic model at the runtime's seam: every token depends on every token before it.

Its file is a JSON of `Habits`, so that a test can make it slow, deaf, deadly or large.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.protocol import ChatMessage, Load, ModelInfo
from engine.runtime.seam import DraftStep, Flag, Kernel, ReadingState, RunnableModel
from engine.worker.desk import RequestFailed

VOCABULARY = 258
END_ID = 257
ROLE_ID = 256
CHUNK_TOK = 64


class Habits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model behaves. Times are per chunk and per step."""

    chunk_s: float = 0.0
    step_s: float = 0.0
    load_s: float = 0.0
    count_s: float = 0.0
    deaf: bool = False
    dies_on_load: bool = False
    dies_at_step: int = 0
    script: str = ""
    breaks: str = ""
    payload_bytes: int = 200
    probe: bool = False


class FakeStopped(Exception):
    pass


class FakeFlag:
    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)


class FakeState:
    layout = "fake;window=f16"

    def __init__(self, size_bytes: int) -> None:
        self.position = 0
        self.memory = bytes(32)
        self._size_bytes = size_bytes

    @property
    def nbytes(self) -> int:
        return self._size_bytes

    @property
    def payload_bytes(self) -> int:
        return 8 + 32 + self._size_bytes

    def fork(self) -> FakeState:
        copy = FakeState(self._size_bytes)
        copy.position, copy.memory = self.position, self.memory
        return copy

    def dump(self, write: Callable[[memoryview], object]) -> None:
        write(memoryview(self.position.to_bytes(8, "little")))
        write(memoryview(self.memory))
        write(memoryview(self._filling()))

    def load(self, read: Callable[[int], bytes | bytearray | memoryview]) -> None:
        position = int.from_bytes(read(8), "little")
        memory = bytes(read(32))
        self.position, self.memory = position, memory
        assert bytes(read(self._size_bytes)) == self._filling()

    def take(self, token_id: int) -> None:
        self.memory = hashlib.sha256(self.memory + token_id.to_bytes(4, "little")).digest()
        self.position += 1

    def _filling(self) -> bytes:
        return (self.memory * (self._size_bytes // 32 + 1))[: self._size_bytes]


class FakeDraft:
    def __init__(self, state: FakeState, ids: NDArray[np.int32], logits: NDArray[np.float32]) -> None:
        self._state, self._ids, self._position = state, ids, state.position
        self.logits = logits

    def commit(self, count: int) -> None:
        assert 1 <= count <= len(self._ids)
        assert self._state.position == self._position
        for token_id in self._ids[:count]:
            self._state.take(int(token_id))


class FakeKernel:
    def __init__(self, habits: Habits) -> None:
        self._habits = habits

    def new_state(self, *, window_precision: str, window_mode: str) -> FakeState:
        return FakeState(self._habits.payload_bytes)

    def prefill(
        self,
        state: FakeState,
        ids: NDArray[np.int32],
        *,
        logits: Literal["none", "last", "all"] = "last",
        cancel: FakeFlag | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.float32]:
        for start in range(0, len(ids), CHUNK_TOK):
            self._compute(self._habits.chunk_s, cancel)
            chunk = ids[start : start + CHUNK_TOK]
            for token_id in chunk:
                state.take(int(token_id))
            if progress is not None:
                progress(start + len(chunk))
        return self._logits(state) if logits == "last" else np.empty(0, np.float32)

    def step(self, state: FakeState, token_id: int, *, cancel: FakeFlag | None = None) -> NDArray[np.float32]:
        self._compute(self._habits.step_s, cancel)
        state.take(token_id)
        return self._logits(state)

    def draft_step(
        self, state: FakeState, ids: NDArray[np.int32], *, cancel: FakeFlag | None = None
    ) -> FakeDraft:
        self._compute(self._habits.step_s, cancel)
        beside, rows = state.fork(), []
        for token_id in ids:
            beside.take(int(token_id))
            rows.append(self._logits(beside))
        return FakeDraft(state, ids, np.stack(rows))

    def _compute(self, seconds: float, cancel: FakeFlag | None) -> None:
        if self._habits.deaf:
            time.sleep(seconds)
        elif cancel is not None and cancel.wait(seconds):
            raise FakeStopped

    def _logits(self, state: FakeState) -> NDArray[np.float32]:
        if self._habits.breaks == "nan":
            return np.full(VOCABULARY, np.nan, np.float32)
        if self._habits.breaks == "generating":
            raise ValueError("a bug that repeats the canary it was given")
        logits = np.full(VOCABULARY, -10.0, np.float32)
        logits[97 + state.memory[0] % 26] = 3.0
        logits[97 + state.memory[1] % 26] = 2.0
        return logits


class ScriptedKernel(FakeKernel):
    """Says a given text, then ends; how far it is stands in the state's position since the prompt."""

    def __init__(self, habits: Habits) -> None:
        super().__init__(habits)
        self._begun = 0

    def prefill(self, state: FakeState, ids: NDArray[np.int32], **options: Any) -> NDArray[np.float32]:
        self._begun = state.position + len(ids)
        return super().prefill(state, ids, **options)

    def _logits(self, state: FakeState) -> NDArray[np.float32]:
        script = [*self._habits.script.encode(), END_ID]
        logits = np.full(VOCABULARY, -10.0, np.float32)
        said = state.position - self._begun
        logits[script[min(said, len(script) - 1)]] = 10.0
        if self._habits.dies_at_step and said + 1 >= self._habits.dies_at_step:
            os.abort()
        return logits


def encode_text(text: str) -> Sequence[int]:
    return list(text.encode())


def encode_prompt(messages: Sequence[ChatMessage]) -> Sequence[int]:
    ids: list[int] = []
    for message in messages:
        ids += [ROLE_ID, *message.content.encode()]
    return ids


def make_model(habits: Habits, *, identity: str = "fake") -> RunnableModel:
    """A runnable model with these habits."""
    kernel = ScriptedKernel(habits) if habits.script else FakeKernel(habits)

    def count(text: str) -> Sequence[int]:
        time.sleep(habits.count_s)
        return encode_text(text)

    def prompt(messages: Sequence[ChatMessage]) -> Sequence[int]:
        if habits.breaks == "words":
            raise RequestFailed("template-refused", "half a character: \ud800")
        return encode_prompt(messages)

    return RunnableModel(
        kernel=cast("Kernel[ReadingState]", kernel),
        encode_text=count,
        encode_prompt=prompt,
        token_bytes=lambda token_id: bytes([token_id]) if token_id < 256 else b"",
        stop_ids=frozenset({END_ID}),
        vocabulary=VOCABULARY,
        identity=identity,
        info=make_info(identity),
        window_precision="f16",
        window_mode="hf",
        new_flag=cast("Callable[[], Flag]", FakeFlag),
        stopped=FakeStopped,
        draft_step=cast("DraftStep", kernel.draft_step),
    )


def make_info(identity: str) -> ModelInfo:
    return ModelInfo(
        name="fake", label_en="Fake", label_fr="Factice", format="f32", parameters=1, size_bytes=1,
        identity=identity, vocab_size=VOCABULARY, layers=1, hidden_size=1, window_tok=32, context_tok=1024,
        evidence_tok=100, reads_on=True, confidence_floor=0.5, reader=False, licence="", source="",
        threads=1, isa="scalar", window_precision="f16", window_mode="hf", state_bytes=200, load_s=0.0,
    )  # fmt: skip


def load_fake(message: Load) -> RunnableModel:
    """The loader of the fake worker."""
    content = Path(message.path).read_bytes()
    habits = msgspec.json.decode(content, type=Habits)
    time.sleep(habits.load_s)
    if habits.dies_on_load:
        os.abort()
    model = make_model(habits, identity=hashlib.sha256(content).hexdigest())
    if habits.probe:
        info = msgspec.structs.replace(model.info, source=json.dumps(probe_cage(Path(message.path))))
        return dataclasses.replace(model, info=info)
    return model


def probe_cage(model: Path) -> dict[str, str]:
    """What this process can still do, tried one by one."""
    attempts: dict[str, Callable[[], object]] = {
        "internet": lambda: socket.socket(socket.AF_INET).close(),
        "local": lambda: socket.socket(socket.AF_UNIX).close(),
        "pair": socket.socketpair,
        "fork": os.fork,
        "signal": lambda: os.kill(os.getppid(), 0),
        "read the model": model.read_bytes,
        "read beside": lambda: (model.parent.parent / "beside").read_bytes(),
        "write": lambda: (model.parent / "new").write_bytes(b"x"),
    }
    told: dict[str, str] = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            told[name] = "done"
        except OSError as error:
            told[name] = errno.errorcode.get(error.errno or 0, "?")
    told["modules"] = " ".join(sorted({"pickle", "ssl", "http", "urllib", "asyncio"} & set(sys.modules)))
    told["environment"] = " ".join(sorted(os.environ))
    told["arguments"] = " ".join(sys.argv[1:])
    return told
