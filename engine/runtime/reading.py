"""The reading loop: texts go into a session, each whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.protocol import ReadDone
from engine.runtime.interrupt import Interrupt, Stopped
from engine.runtime.seam import ReadingState, RunnableModel
from engine.runtime.sessions import Session, Sessions, extend_text_sha256

SLICE_TOK: Final = 288
"""Tokens between two looks at what else waits; a multiple of the kernel's chunk."""

Report = Callable[[int, int], None]
"""Called with tokens done and tokens in all."""


class ReadingStopped(Stopped):
    """The reading was cancelled; `partial` tells what was kept."""

    def __init__(self, partial: ReadDone) -> None:
        super().__init__()
        self.partial = partial


def feed(
    model: RunnableModel,
    state: ReadingState,
    ids: NDArray[np.int32],
    interrupt: Interrupt,
    progress: Callable[[int], None],
    *,
    want_logits: bool,
) -> Generator[None, None, NDArray[np.float32]]:
    """Put `ids` [T], T >= 1, into `state`; yields wherever other work may run. Returns the last logits
    [vocab], or [0].

    The slices depend on the position alone, never on time, so the same ids always give the same state. Raises
    Stopped when cancelled, the state then at a boundary.
    """
    start = 0
    logits: NDArray[np.float32] = np.empty(0, np.float32)
    while start < len(ids):
        interrupt.check()
        end = min(len(ids), start - start % SLICE_TOK + SLICE_TOK)
        before = state.position
        told = start
        try:
            logits = model.kernel.prefill(
                state,
                ids[start:end],
                logits="last" if want_logits and end == len(ids) else "none",
                cancel=interrupt.arm(model.new_flag),
                progress=lambda done, told=told: progress(told + done),  # type: ignore[misc]
            )
        except model.stopped:
            interrupt.check()
        start += state.position - before
        if start < len(ids):
            yield
    return logits


def read_texts(
    model: RunnableModel,
    sessions: Sessions,
    name: str,
    texts: Sequence[str],
    interrupt: Interrupt,
    report: Report,
) -> Generator[None, None, ReadDone]:
    """Append texts to the session `name`, made when absent; yields wherever other work may run.

    Each text is computed on a copy and kept when it is whole, so a stop or a crash between two texts loses
    nothing that was told as kept. Raises ReadingStopped when cancelled, SessionLimit when no session can be
    made.
    """
    began_s = time.monotonic()
    session = sessions.find(name) or Session(model.new_state())
    sessions.keep(name, session)
    first = session.position_tok
    done_tok = 0

    def account(texts_done: int) -> ReadDone:
        return ReadDone(
            position_tok=session.position_tok,
            tokens=session.position_tok - first,
            seconds=time.monotonic() - began_s,
            texts_done=texts_done,
            text_sha256=session.text_sha256.hex(),
        )

    encoded: list[NDArray[np.int32]] = []
    for text in texts:
        if interrupt.cancelled:
            raise ReadingStopped(account(0))
        encoded.append(np.asarray(model.encode_text(text), dtype=np.int32))
        yield
    total = sum(len(ids) for ids in encoded)
    report(0, total)
    for index, (text, ids) in enumerate(zip(texts, encoded, strict=True)):
        so_far = done_tok
        try:
            interrupt.check()
            state = session.state.fork()
            if model.watch is not None:
                model.watch.watch_reading(state)
            yield from feed(
                model,
                state,
                ids,
                interrupt,
                lambda done, so_far=so_far: report(so_far + done, total),  # type: ignore[misc]
                want_logits=False,
            )
        except Stopped:
            raise ReadingStopped(account(index)) from None
        done_tok += len(ids)
        session = Session(state, extend_text_sha256(session.text_sha256, text))
        sessions.keep(name, session)
        yield
    return account(len(texts))
