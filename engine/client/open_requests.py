"""The requests that the client still owes an end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.client.errors import EngineCancelled, EngineDied, EngineError
from engine.client.request import Request
from engine.protocol import Load, Work


@dataclass(slots=True)
class OpenRequest:
    """One request: what it asks, encoded, and the kind of result it must end with. `descriptor` is ours
    until sent."""

    request: Request[object]
    message: Work
    payload: bytes
    result: type
    descriptor: int | None = None
    sent: bool = False
    cancel_by_s: float | None = None

    @property
    def request_id(self) -> int:
        """Its number."""
        return self.message.request_id

    @property
    def is_load(self) -> bool:
        """Whether it asks for a model."""
        return isinstance(self.message, Load)

    def finish(self, result: object, error: EngineError | None = None) -> None:
        """End it, outside any lock: the caller's callbacks run here."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
        self.request.end(result, error)

    def die(self, reason: str) -> None:
        """End it because the engine went away; who had cancelled got what was asked for."""
        self.finish(None, EngineDied(reason) if self.cancel_by_s is None else EngineCancelled())


class OpenRequests:
    """Open requests by number. Not thread safe: the client holds its lock."""

    def __init__(self) -> None:
        self._entries: dict[int, OpenRequest] = {}

    def __iter__(self) -> Iterator[OpenRequest]:
        return iter(tuple(self._entries.values()))

    def add(self, entry: OpenRequest) -> None:
        """Owe it an end."""
        self._entries[entry.request_id] = entry

    def find(self, request_id: int) -> OpenRequest | None:
        """The open request of this number, or None."""
        return self._entries.get(request_id)

    def take(self, request_id: int) -> OpenRequest | None:
        """The open request of this number, no longer owed."""
        return self._entries.pop(request_id, None)

    def take_all(self, which: Callable[[OpenRequest], bool]) -> Iterable[OpenRequest]:
        """Those of a kind, no longer owed."""
        taken = [entry for entry in self if which(entry)]
        for entry in taken:
            del self._entries[entry.request_id]
        return taken

    def deadlines_s(self) -> list[float]:
        """By when cancelled requests must have ended."""
        return [entry.cancel_by_s for entry in self if entry.cancel_by_s is not None]
