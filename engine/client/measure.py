"""Measurements through the real protocol: the worker's memory while it reads on and on, and its
snapshots."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import psutil

from engine.client.client import EngineClient

READING_LENGTHS_TOK: Final = (1_000, 8_000, 32_000, 256_000)

_SENTENCES: Final = (
    "the patient was seen on monday with a letter from the court about invoice number and dose of five mg",
    "le dossier contient un courrier du tribunal et une ordonnance de la clinique pour la semaine suivante",
)
_WORDS: Final = " ".join(_SENTENCES).split()
_TEXT_WORDS: Final = 180


@dataclass(frozen=True, slots=True)
class ReadingMemory:
    """The worker after `position_tok` tokens of one reading; `seconds` is what the stretch since the last
    point took."""

    position_tok: int
    rss_bytes: int
    state_bytes: int
    seconds: float
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class SnapshotCost:
    """One snapshot of a reading, saved (with fsync) and restored."""

    position_tok: int
    size_bytes: int
    save_s: float
    restore_s: float


def measure_reading_memory(
    client: EngineClient,
    lengths_tok: Sequence[int] = READING_LENGTHS_TOK,
    *,
    session: str = "measure-memory",
    tell: Callable[[ReadingMemory], None] = lambda point: None,
) -> list[ReadingMemory]:
    """Read invented text into one session of the loaded model; the resident memory at each length.

    The session is dropped at the end. Raises what requests raise, and ValueError when no worker runs.
    """
    texts = _texts()
    text_tok = client.count_tokens([next(texts)]).result(60).counts[0]
    points: list[ReadingMemory] = []
    position_tok = 0
    try:
        for length_tok in lengths_tok:
            began_s, began_tok = time.monotonic(), position_tok
            while position_tok < length_tok:
                # few texts at a time, so that the request itself is no memory to speak of
                count = max(1, min(16, (length_tok - position_tok) // text_tok))
                batch = [next(texts) for _ in range(count)]
                position_tok = client.read(session, batch).result(None).position_tok
            seconds = time.monotonic() - began_s
            point = ReadingMemory(
                position_tok=position_tok,
                rss_bytes=_resident_bytes(client),
                state_bytes=client.status.state_bytes,
                seconds=seconds,
                tokens_per_s=(position_tok - began_tok) / seconds,
            )
            points.append(point)
            tell(point)
    finally:
        client.drop(session)
    return points


def measure_snapshot(
    client: EngineClient, length_tok: int, *, session: str = "measure-snapshot"
) -> SnapshotCost:
    """Read `length_tok` tokens, save them to a temporary file and restore them; both sessions are
    dropped."""
    texts, position_tok = _texts(), 0
    key, copy = secrets.token_bytes(32), f"{session}-copy"
    try:
        while position_tok < length_tok:
            position_tok = client.read(session, [next(texts)]).result(None).position_tok
        with tempfile.TemporaryFile() as file:
            began_s = time.monotonic()
            saved = client.save_state(session, file.fileno(), key, "measure").result(None)
            os.fsync(file.fileno())
            saved_s = time.monotonic()
            file.seek(0)
            client.restore_state(copy, file.fileno(), key, "measure").result(None)
            restored_s = time.monotonic()
    finally:
        client.drop(session)
        client.drop(copy)
    return SnapshotCost(position_tok, saved.size_bytes, saved_s - began_s, restored_s - saved_s)


def _texts() -> Iterator[str]:
    """Texts of equal length in ordinary words, never the same twice running."""
    turn = 0
    while True:
        words = (_WORDS[(turn * 7 + place * (turn % 5 + 1)) % len(_WORDS)] for place in range(_TEXT_WORDS))
        yield " ".join(words) + f". {turn}\n"
        turn += 1


def _resident_bytes(client: EngineClient) -> int:
    pid = client.status.pid
    if pid is None:
        raise ValueError("no worker runs")
    return int(psutil.Process(pid).memory_info().rss)
