"""What the runtime asks of a model, so that it runs the native one and a small fake alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.protocol import ChatMessage, MemoryShape, ModelInfo, SpikeReport, WindowMode, WindowPrecision

S = TypeVar("S", bound="ReadingState")


class Flag(Protocol):
    """Raised from any thread, never lowered; looked at by native code at least every 100 ms."""

    def set(self) -> None: ...

    def is_set(self) -> bool: ...


class ReadingState(Protocol):
    """What one reading remembers (engine.kernels.State)."""

    @property
    def position(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    @property
    def payload_bytes(self) -> int: ...

    @property
    def layout(self) -> str: ...

    def fork(self: S) -> S: ...

    def dump(self, write: Callable[[memoryview], object]) -> None: ...

    def load(self, read: Callable[[int], bytes | bytearray | memoryview]) -> None: ...


class Kernel(Protocol[S]):
    """The computing half of a model (engine.kernels.Model)."""

    def new_state(self, *, window_precision: WindowPrecision, window_mode: WindowMode) -> S: ...

    def prefill(
        self,
        state: S,
        ids: NDArray[np.int32],
        *,
        logits: Literal["none", "last", "all"] = "last",
        cancel: Flag | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.float32]: ...

    def step(self, state: S, token_id: int, *, cancel: Flag | None = None) -> NDArray[np.float32]: ...


class Watch(Protocol):
    """Follows what a spiking model codes (engine.runtime.watching.SpikeWatch)."""

    def watch_reading(self, state: ReadingState) -> None: ...

    def watch_answer(self, state: ReadingState, prompt_ids: NDArray[np.int32]) -> None: ...

    def fed(self, token_id: int) -> None: ...

    def report(self, scope: Literal["answer", "all"], *, sample: bool) -> SpikeReport | None: ...


@dataclass(frozen=True, slots=True)
class RunnableModel:
    """A loaded model with everything a reading or an answer needs.

    `encode_text` takes untrusted text and never makes a special token of it; `encode_prompt` renders the
    model's own template around untrusted contents. `token_bytes` gives what one token stands for.
    `vocabulary` is the number of ids the tokenizer knows. `stopped` is what the kernel raises at a chunk
    boundary after its flag was set. `identity` binds snapshots: model, tokenizer, format and coding.
    `watch` follows the spikes of a model that has any; `memory` says what a reading takes.
    """

    kernel: Kernel[ReadingState]
    encode_text: Callable[[str], Sequence[int]]
    encode_prompt: Callable[[Sequence[ChatMessage]], Sequence[int]]
    token_bytes: Callable[[int], bytes]
    stop_ids: frozenset[int]
    vocabulary: int
    identity: str
    info: ModelInfo
    window_precision: WindowPrecision
    window_mode: WindowMode
    new_flag: Callable[[], Flag]
    stopped: type[Exception]
    watch: Watch | None = None
    memory: MemoryShape | None = None

    def new_state(self) -> ReadingState:
        """An empty state in the precision and mode this model was loaded with."""
        return self.kernel.new_state(window_precision=self.window_precision, window_mode=self.window_mode)
