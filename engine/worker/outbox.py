"""What the worker has to say, in order, bounded: who produces faster than the application reads is made to
wait.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from engine.protocol import EngineMessage, encode_reply
from engine.transport import Channel, ChannelClosed

MAX_WAITING_BYTES: Final = 4 << 20


class Outbox:
    """Messages on their way to the application. `put` and `put_now` may be called from any thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._closed = False

    def put(self, message: EngineMessage, give_up: Callable[[], bool] = lambda: False) -> None:
        """Queue a message; waits while too much is unsent, unless `give_up` says to drop it."""
        payload = encode_reply(message)
        with self._changed:
            while self._waiting_bytes > MAX_WAITING_BYTES and not self._closed:
                if give_up():
                    return
                self._changed.wait(0.05)
            self._append(payload)

    def put_now(self, message: EngineMessage) -> None:
        """Queue a message that is small and owed in any case: an end, a sign of life."""
        payload = encode_reply(message)
        with self._changed:
            self._append(payload)

    def run(self) -> None:
        """Send until the channel closes; the body of the writer's thread."""
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                payload = self._waiting.popleft()
            try:
                self._channel.send(payload)
            except ChannelClosed:
                self.close()
                return
            with self._changed:
                self._waiting_bytes -= len(payload)
                self._changed.notify_all()

    def close(self) -> None:
        """Drop what waits and let everyone go."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()

    def _append(self, payload: bytes) -> None:
        if not self._closed:
            self._waiting.append(payload)
            self._waiting_bytes += len(payload)
            self._changed.notify_all()
