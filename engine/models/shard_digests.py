"""SHA-256 of the shards of a checkpoint, taken while it is converted.

A shard is hashed from the moment the first of its tensors is read, by a thread of its own: what one of the
two reads from the disk, the other finds in memory.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from engine.models.errors import ModelFileError

_READ_BYTES: Final = 4 << 20
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class ShardDigest:
    """One file of the source as it was read."""

    name: str
    size_bytes: int
    sha256: str


class ShardDigests:
    """A context manager; leaving it stops the hashing. Use from one thread."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._seen: set[Path] = set()
        self._waiting: queue.SimpleQueue[tuple[Path, int] | None] = queue.SimpleQueue()
        self._found: list[ShardDigest] = []
        self._failure: ModelFileError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._hash_all, name="shard-digests", daemon=True)

    def __enter__(self) -> ShardDigests:
        if self._wanted:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._wanted:
            self._waiting.put(None)
            self._thread.join()

    def begin(self, shard: Path) -> None:
        """Hash this shard, unless it is being hashed already. Raises ModelFileError when it is gone."""
        if self._wanted and shard not in self._seen:
            self._seen.add(shard)
            try:
                self._waiting.put((shard, shard.stat().st_size))
            except OSError as error:
                raise _gone(shard, error) from error

    def finish(self, check_cancel: Callable[[], None]) -> tuple[ShardDigest, ...]:
        """Waits for the last one. Raises ModelFileError for a shard that could not be read to its end."""
        if not self._wanted:
            return ()
        self._waiting.put(None)
        while self._thread.is_alive():
            check_cancel()
            self._thread.join(_POLL_S)
        if self._failure is not None:
            raise self._failure
        return tuple(self._found)

    def _hash_all(self) -> None:
        while (waiting := self._waiting.get()) is not None and self._failure is None:
            shard, size_bytes = waiting
            try:
                found = self._hash(shard)
                if found.size_bytes != size_bytes and not self._stop.is_set():
                    self._failure = ModelFileError(
                        "model-file-truncated", f"{shard.name} changed while it was read."
                    )
                self._found.append(found)
            except OSError as error:
                self._failure = _gone(shard, error)

    def _hash(self, shard: Path) -> ShardDigest:
        digest, size = hashlib.sha256(), 0
        buffer = np.empty(_READ_BYTES, dtype=np.uint8)
        with shard.open("rb", buffering=0) as file:
            while (count := file.readinto(buffer.data)) and not self._stop.is_set():
                digest.update(buffer.data[:count])
                size += count
        return ShardDigest(shard.name, size, digest.hexdigest())


def _gone(shard: Path, error: OSError) -> ModelFileError:
    return ModelFileError(
        "model-file-unreadable", f"{shard.name} cannot be read any more: {error.strerror or error}."
    )
