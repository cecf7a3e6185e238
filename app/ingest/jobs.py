"""Handles of caged children, as the application holds them: one by fork from the nursery, one by a fresh
process.

The application never forks itself: it hands two socket ends to the nursery, which forks. One end is the
channel of
the job, the other its lifeline: closing ours makes the nursery kill the child, and when the child dies
first, the
nursery writes how. Without fork (Windows) a fresh interpreter per job takes the nursery's place.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import struct
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from app.ingest.frames import ChannelClosed, FrameAssembler

OBITUARY: Final = struct.Struct("<id")  # wait status, processor seconds
_READ_BYTES: Final = 1 << 20
_OBITUARY_WAIT_S: Final = 10.0  # a busy machine's nursery is late to tell how a child ended, and is believed


@dataclass(frozen=True, slots=True)
class Death:
    """How a child ended: the signal (0 for none), its exit code and the processor time it had used."""

    signal: int = 0
    exit_code: int = 0
    cpu_s: float = 0.0


class Job(Protocol):
    """One caged child. Not thread safe; ``kill`` may come from any thread."""

    def send(self, data: bytes, timeout_s: float) -> None:
        """Write all of it. ChannelClosed when the child is gone or does not take it in time."""

    def next_frame(self, cap_bytes: int, timeout_s: float) -> bytes | None:
        """The next frame, None when none came in time. ChannelClosed, FrameTooLarge."""

    def death(self) -> Death:
        """Wait briefly for the end of a child whose channel closed, and say how it ended."""

    def close(self) -> None:
        """End the child, whatever it is doing, and let go of everything. May be called again."""


class ForkedJob:
    """A child of the nursery."""

    def __init__(self, channel: socket.socket, lifeline: socket.socket) -> None:
        self._channel = channel
        self._lifeline = lifeline
        self._frames = FrameAssembler(self._read_some)

    def send(self, data: bytes, timeout_s: float) -> None:
        try:
            self._channel.settimeout(timeout_s)
            self._channel.sendall(data)
        except OSError as error:
            raise ChannelClosed from error

    def next_frame(self, cap_bytes: int, timeout_s: float) -> bytes | None:
        return self._frames.next_frame(cap_bytes, timeout_s)

    def death(self) -> Death:
        with contextlib.suppress(OSError):
            self._channel.close()
            self._lifeline.settimeout(_OBITUARY_WAIT_S)
            written = self._lifeline.recv(OBITUARY.size)
            if len(written) == OBITUARY.size:
                status, cpu_s = OBITUARY.unpack(written)
                code = os.waitstatus_to_exitcode(status)
                return Death(signal=-code if code < 0 else 0, exit_code=max(code, 0), cpu_s=cpu_s)
        return Death()

    def close(self) -> None:
        self._channel.close()
        self._lifeline.close()

    def _read_some(self, timeout_s: float) -> bytes | None:
        try:
            self._channel.settimeout(timeout_s)
            return self._channel.recv(_READ_BYTES)
        except TimeoutError:
            return None
        except OSError:
            return b""


class SpawnedJob:
    """A fresh process with two pipes; a thread reads, since a pipe cannot be waited for with a timeout
    everywhere."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            close_fds=True,
        )
        self._pieces: queue.Queue[bytes] = queue.Queue(maxsize=64)
        self._frames = FrameAssembler(self._read_some)
        self._reader = threading.Thread(target=self._pump, name="parser-pipe", daemon=True)
        self._reader.start()
        self._closed = False

    def send(self, data: bytes, timeout_s: float) -> None:
        stdin = self._process.stdin
        watchdog = threading.Timer(timeout_s, self._process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            if stdin is None:
                raise ChannelClosed
            stdin.write(data)
            stdin.flush()
        except (OSError, ValueError) as error:
            raise ChannelClosed from error
        finally:
            watchdog.cancel()
            watchdog.join()

    def next_frame(self, cap_bytes: int, timeout_s: float) -> bytes | None:
        return self._frames.next_frame(cap_bytes, timeout_s)

    def death(self) -> Death:
        try:
            code = self._process.wait(_OBITUARY_WAIT_S)
        except subprocess.TimeoutExpired:
            return Death()
        return Death(signal=-code if code < 0 else 0, exit_code=max(code, 0))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._process.kill()
        while self._reader.is_alive():
            with contextlib.suppress(queue.Empty):
                self._pieces.get(timeout=0.02)
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def _pump(self) -> None:
        stdout = self._process.stdout
        piece = b"-"
        while stdout is not None and piece:
            try:
                piece = os.read(stdout.fileno(), _READ_BYTES)
            except OSError:
                piece = b""
            self._pieces.put(piece)

    def _read_some(self, timeout_s: float) -> bytes | None:
        try:
            return self._pieces.get(timeout=max(timeout_s, 0.001))
        except queue.Empty:
            return None
