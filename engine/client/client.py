"""The engine as the application holds it: what can be asked of it. No Qt, no callbacks under a lock."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from engine.client.lifeline import Lifeline
from engine.client.outgoing import as_turns, as_unicode
from engine.client.request import Request
from engine.protocol import (
    ChatMessage,
    CountPrompt,
    CountTokens,
    Drop,
    Fork,
    Generate,
    GenerateDone,
    Inspect,
    Inspection,
    Load,
    ModelInfo,
    Read,
    ReadDone,
    RestoreState,
    SaveState,
    SessionPosition,
    StateSaved,
    TokenCounts,
    WindowMode,
    WindowPrecision,
)


class EngineClient(Lifeline):
    """One engine. Every method may be called from any thread and none waits for the worker (but `close`).

    `on_status` is called on one of the client's threads whenever the status changes. `model_folders` are
    the folders whose files the worker may read from its start; a model elsewhere costs a restart of the
    empty worker.
    """

    def __enter__(self) -> EngineClient:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(
        self,
        path: Path | str,
        *,
        threads: int | None = None,
        window_precision: WindowPrecision = "f16",
        window_mode: WindowMode = "hf",
        spikes_k: float | None = None,
        spiking_down: bool = False,
        quiet: bool = False,
    ) -> Request[ModelInfo]:
        """Load a model. Another model means another worker: live sessions and open requests are lost.

        `spikes_k` codes its inputs as spikes (0: not at all; None: as it was made). `quiet` leaves half
        of the cores to others where `threads` says nothing.
        """
        resolved = Path(path).resolve()
        folder = resolved if resolved.is_dir() else resolved.parent
        message = Load(
            self._take_id(),
            str(resolved),
            threads,
            window_precision,
            window_mode,
            spikes_k,
            spiking_down,
            quiet,
        )
        return self._ask_for_model(message, folder)

    def count_tokens(self, texts: Sequence[str]) -> Request[TokenCounts]:
        """Count the tokens of each text."""
        return self._ask(CountTokens(self._take_id(), tuple(map(as_unicode, texts))), TokenCounts)

    def count_prompt(self, messages: Sequence[ChatMessage]) -> Request[TokenCounts]:
        """Count the tokens of the prompt these messages become (one count)."""
        return self._ask(CountPrompt(self._take_id(), as_turns(messages)), TokenCounts)

    def read(self, session: str, texts: Sequence[str], *, background: bool = True) -> Request[ReadDone]:
        """Append texts to a live session, made when absent. A stopped reading keeps the texts that were
        read whole.
        """
        return self._ask(Read(self._take_id(), session, tuple(map(as_unicode, texts)), background), ReadDone)

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        from_session: str | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> Request[GenerateDone]:
        """Answer a conversation; the session it starts from, if any, is left as it is."""
        message = Generate(
            self._take_id(),
            as_turns(messages),
            from_session,
            max_tokens,
            temperature,
            top_p,
            repetition_penalty,
            seed,
            tuple(stop),
        )
        return self._ask(message, GenerateDone)

    def save_state(self, session: str, file: int, key: bytes, identity_text: str) -> Request[StateSaved]:
        """Write a session's state, sealed, into an open file at its current offset. The caller syncs and
        closes it.
        """
        return self._ask(SaveState(self._take_id(), session, key, identity_text), StateSaved, os.dup(file))

    def restore_state(
        self, session: str, file: int, key: bytes, identity_text: str
    ) -> Request[SessionPosition]:
        """Make a session from a snapshot, read from the file's current offset to its end."""
        message = RestoreState(self._take_id(), session, key, identity_text)
        return self._ask(message, SessionPosition, os.dup(file))

    def inspect(
        self, *, scope: Literal["answer", "all"] = "answer", sample: bool = False
    ) -> Request[Inspection]:
        """What is inside the model: the spikes of the last answer, or of all since it was loaded, and what a
        reading takes. With `sample`, counts of a few neurons for a picture.
        """
        return self._ask(Inspect(self._take_id(), scope, sample), Inspection)

    def fork(self, source: str, target: str) -> Request[SessionPosition]:
        """Copy a session under another name."""
        return self._ask(Fork(self._take_id(), source, target), SessionPosition)

    def drop(self, session: str) -> Request[SessionPosition]:
        """Forget a session."""
        return self._ask(Drop(self._take_id(), session), SessionPosition)
