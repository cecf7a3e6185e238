"""What the runtime asks of a model, so that it runs the native one and a small fake alike."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.protocol import (
    ChatMessage,
    Generate,
    GenerateDone,
    MemoryShape,
    ModelInfo,
    ReadDone,
    SpikeReport,
    WindowMode,
    WindowPrecision,
)

if TYPE_CHECKING:
    from engine.runtime.answering import Emit
    from engine.runtime.interrupt import Interrupt
    from engine.runtime.reading import Report
    from engine.runtime.sessions import Session, Sessions

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


class ComputedDraft(Protocol):
    """Tokens computed beside a state (engine.kernels.Draft); dropped, they leave it as it was."""

    logits: NDArray[np.float32]
    """[T, vocab], after each of the tokens."""

    def commit(self, count: int) -> None:
        """Read the first `count` of them, 1 or more, into the state; once."""


class DraftStep(Protocol):
    """engine.kernels.Model.draft_step: `ids` [T] in the decode phase, each a step after those before it."""

    def __call__(
        self, state: ReadingState, ids: NDArray[np.int32], *, cancel: Flag | None = None
    ) -> ComputedDraft: ...


class Watch(Protocol):
    """Follows what a spiking model codes (engine.runtime.watching.SpikeWatch)."""

    def watch_reading(self, state: ReadingState) -> None: ...

    def watch_answer(self, state: ReadingState, prompt_ids: NDArray[np.int32]) -> None: ...

    def fed(self, token_id: int) -> None: ...

    def report(self, scope: Literal["answer", "all"], *, sample: bool) -> SpikeReport | None: ...


class ContextFull(Exception):
    """A model that keeps every token has no room for more; the state is whole."""


class LoadedBackend(Protocol):
    """A loaded model, whoever computes it: what the worker needs and nothing more.

    An engine that hands out logits is a `RunnableModel`. One that only takes and gives text (a server, say)
    implements `read` and `generate` itself: see engine/backends/README.md.
    """

    @property
    def info(self) -> ModelInfo: ...

    @property
    def identity(self) -> str: ...

    @property
    def watch(self) -> Watch | None: ...

    @property
    def memory(self) -> MemoryShape | None: ...

    def new_state(self) -> ReadingState: ...

    def count_text(self, text: str) -> int: ...

    def count_prompt(self, messages: Sequence[ChatMessage]) -> int: ...

    def read(
        self, sessions: Sessions, name: str, texts: Sequence[str], interrupt: Interrupt, report: Report
    ) -> Generator[None, None, ReadDone]:
        """engine.runtime.reading.read_texts."""

    def generate(
        self, request: Generate, session: Session | None, interrupt: Interrupt, report: Report, emit: Emit
    ) -> Generator[None, None, GenerateDone]:
        """engine.runtime.answering.answer."""


@dataclass(frozen=True, slots=True)
class RunnableModel:
    """A loaded model with everything a reading or an answer needs.

    `encode_text` takes untrusted text and never makes a special token of it; `encode_prompt` renders the
    model's own template around untrusted contents. `token_bytes` gives what one token stands for.
    `vocabulary` is the number of ids the tokenizer knows. `stopped` is what the kernel raises at a chunk
    boundary after its flag was set. `identity` binds snapshots: model, tokenizer, format and coding.
    `watch` follows the spikes of a model that has any; `memory` says what a reading takes. `draft_step` is
    there where several tokens of an answer cost little more than one, so that guessing them pays.
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
    draft_step: DraftStep | None = None

    def new_state(self) -> ReadingState:
        """An empty state in the precision and mode this model was loaded with."""
        return self.kernel.new_state(window_precision=self.window_precision, window_mode=self.window_mode)

    def count_text(self, text: str) -> int:
        """Tokens of a text."""
        return len(self.encode_text(text))

    def count_prompt(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the prompt these messages become."""
        return len(self.encode_prompt(messages))

    def read(
        self, sessions: Sessions, name: str, texts: Sequence[str], interrupt: Interrupt, report: Report
    ) -> Generator[None, None, ReadDone]:
        """Appends texts to a session."""
        from engine.runtime.reading import read_texts

        return read_texts(self, sessions, name, texts, interrupt, report)

    def generate(
        self, request: Generate, session: Session | None, interrupt: Interrupt, report: Report, emit: Emit
    ) -> Generator[None, None, GenerateDone]:
        """Answers, from a copy of a session where there is one."""
        from engine.runtime.answering import answer

        return answer(self, request, session, interrupt, report, emit)
