"""One life of the worker: its process and the three threads that serve it (reader, writer, log)."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable

from engine.client.errors import ENDED, GARBLED
from engine.client.launch import LaunchedWorker
from engine.client.log_tail import LogTail
from engine.protocol import EngineMessage, MessageInvalid, decode_reply
from engine.transport import ChannelClosed, FrameRefused

_LOG_LINE_BYTES = 4000


class Incarnation:
    """Owns a worker process. `on_message` and `on_death` are called on its reader thread; the death comes
    once, last, and after the worker's last words: its log is then whole, unless a process that left the
    channel keeps its log open for more than `last_words_s`. What it writes later still goes into `log`.

    `post` may be called from any thread. `release` joins every thread and must not be called from one of
    them.
    """

    def __init__(
        self,
        worker: LaunchedWorker,
        on_message: Callable[[Incarnation, EngineMessage], None],
        on_death: Callable[[Incarnation, str], None],
        last_words_s: float,
    ) -> None:
        self._worker = worker
        self._last_words_s = last_words_s
        self._on_message = on_message
        self._on_death = on_death
        self._outbox: queue.SimpleQueue[tuple[bytes, int | None] | None] = queue.SimpleQueue()
        self._reason = ENDED
        self._reason_lock = threading.Lock()
        self.heard_at_s = time.monotonic()
        self.log = LogTail()
        reader, writer, self._drain = (
            threading.Thread(target=target, name=f"engine-{name}", daemon=True)
            for name, target in (("reader", self._read), ("writer", self._write), ("log", self._drain_log))
        )
        # the log's first: the reader waits for it
        self._threads = (self._drain, reader, writer)
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The worker's process."""
        return self._worker.process.pid

    def owns_this_thread(self) -> bool:
        """Whether the caller runs on one of our threads, inside a callback."""
        return threading.current_thread() in self._threads

    def post(self, payload: bytes, descriptor: int | None = None) -> None:
        """Queue an encoded message. The descriptor becomes ours and is closed once sent."""
        self._outbox.put((payload, descriptor))

    def kill(self, reason: str) -> None:
        """End the process at once; its death is then told with this reason."""
        with self._reason_lock:
            if self._reason == ENDED:
                self._reason = reason
        self._worker.process.kill()
        self._worker.channel.close()

    def release(self, grace_s: float) -> None:
        """Wait for the process to leave (ending it after `grace_s`), join the threads and free
        everything."""
        process = self._worker.process
        self._outbox.put(None)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._worker.channel.close()
        for thread in self._threads:
            thread.join()
        if process.stdout is not None:
            process.stdout.close()
        if process.stdin is not None:
            process.stdin.close()
        self._worker.dispose()
        while not self._outbox.empty():
            left = self._outbox.get()
            if left is not None and left[1] is not None:
                os.close(left[1])

    def _read(self) -> None:
        try:
            while True:
                frame = self._worker.channel.receive()
                frame.close_descriptors()  # the engine has none to give
                self.heard_at_s = time.monotonic()
                self._on_message(self, decode_reply(frame.payload))
        except ChannelClosed:
            pass
        except (FrameRefused, MessageInvalid) as error:
            self.log.append(f"client: {error}")
            self.kill(GARBLED)
        finally:
            self._worker.channel.close()
            self._outbox.put(None)
            self._drain.join(self._last_words_s)
            with self._reason_lock:
                reason = self._reason
            self._on_death(self, reason)

    def _write(self) -> None:
        while (item := self._outbox.get()) is not None:
            payload, descriptor = item
            try:
                self._worker.channel.send(payload, () if descriptor is None else (descriptor,))
            except (ChannelClosed, FrameRefused):
                return
            finally:
                if descriptor is not None:
                    os.close(descriptor)

    def _drain_log(self) -> None:
        stream = self._worker.process.stdout
        if stream is None:
            return
        with contextlib.suppress(ValueError, OSError):
            while line := stream.readline(_LOG_LINE_BYTES):
                self.log.append(line.decode("utf-8", "replace").rstrip())
