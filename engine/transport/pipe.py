"""The channel over a named pipe, for Windows, where sockets cannot be inherited and descriptors cannot
travel.

The server makes a pipe of a random name for one client, and writes a one-time key to the worker's standard
input (not
to its arguments or environment, which other processes can read). Whoever connects must prove the key, both
ways
(`multiprocessing.connection` with an HMAC challenge; only its byte calls are used, so nothing is ever
unpickled).
A file travels as a handle duplicated into the other process, its number in the frame.
"""

from __future__ import annotations

import os
import secrets
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import BinaryIO, Final, Protocol

from engine.transport.channel import Channel, ChannelClosed, Frame, FrameRefused

assert sys.platform == "win32", "other systems carry the channel over an inherited socket pair"

import _winapi  # noqa: E402 - these exist on this system only
import msvcrt  # noqa: E402
from multiprocessing.connection import Client, Listener  # noqa: E402

_KEY_BYTES: Final = 32
_COUNT: Final = struct.Struct("<I")
_HANDLE: Final = struct.Struct("<Q")
_DUPLICATE_SAME_ACCESS: Final = 2


class _Connection(Protocol):
    """The byte half of `multiprocessing.connection.Connection`."""

    @property
    def closed(self) -> bool: ...

    def send_bytes(self, buf: bytes, /) -> None: ...

    def recv_bytes(self, maxlength: int, /) -> bytes: ...

    def close(self) -> None: ...


class PipeChannel:
    """One end of a named pipe. `peer_pid` is the process that handles are given to."""

    def __init__(
        self,
        connection: _Connection,
        peer_pid: int,
        *,
        max_receive_bytes: int,
        max_send_bytes: int,
        max_descriptors: int,
    ) -> None:
        self._connection = connection
        self._peer_pid = peer_pid
        self._max_receive_bytes = max_receive_bytes
        self._max_send_bytes = max_send_bytes
        self._max_descriptors = max_descriptors
        self._closing = threading.Lock()

    def send(self, payload: bytes, descriptors: Sequence[int] = ()) -> None:
        """See Channel.send."""
        if len(payload) > self._max_send_bytes or len(descriptors) > self._max_descriptors:
            raise FrameRefused(f"{len(payload)} bytes with {len(descriptors)} descriptors is over the limit")
        try:
            handles = b"".join(_HANDLE.pack(self._give(descriptor)) for descriptor in descriptors)
            self._connection.send_bytes(_COUNT.pack(len(descriptors)) + handles + payload)
        except (OSError, ValueError) as error:
            raise ChannelClosed(type(error).__name__) from None

    def receive(self) -> Frame:
        """See Channel.receive."""
        head_bytes = _COUNT.size + self._max_descriptors * _HANDLE.size
        try:
            whole = self._connection.recv_bytes(self._max_receive_bytes + head_bytes)
        except EOFError:
            raise ChannelClosed("end") from None
        except OSError as error:
            # an oversized message is told as an error without a system code, and the pipe is closed
            if error.errno is None and not getattr(error, "winerror", None):
                raise FrameRefused("a frame is over the limit") from None
            raise ChannelClosed(type(error).__name__) from None
        if len(whole) < _COUNT.size:
            raise FrameRefused("a frame without its header")
        (count,) = _COUNT.unpack_from(whole)
        start = _COUNT.size + count * _HANDLE.size
        if (
            count > self._max_descriptors
            or len(whole) < start
            or len(whole) - start > self._max_receive_bytes
        ):
            raise FrameRefused(f"a frame of {len(whole)} bytes with {count} descriptors is over the limit")
        handles = [_HANDLE.unpack_from(whole, _COUNT.size + i * _HANDLE.size)[0] for i in range(count)]
        flags = os.O_BINARY | os.O_NOINHERIT
        return Frame(whole[start:], tuple(msvcrt.open_osfhandle(handle, flags) for handle in handles))

    def close(self) -> None:
        """See Channel.close."""
        with self._closing:
            if not self._connection.closed:
                self._connection.close()

    def _give(self, descriptor: int) -> int:
        peer = _winapi.OpenProcess(_winapi.PROCESS_DUP_HANDLE, False, self._peer_pid)
        try:
            return _winapi.DuplicateHandle(
                _winapi.GetCurrentProcess(),
                msvcrt.get_osfhandle(descriptor),
                peer,
                0,
                False,
                _DUPLICATE_SAME_ACCESS,
            )
        finally:
            _winapi.CloseHandle(peer)


class PipeServer:
    """The application's side before the worker has come."""

    def __init__(self, *, max_request_bytes: int, max_reply_bytes: int, max_descriptors: int) -> None:
        self.address = rf"\\.\pipe\huisclos-{secrets.token_hex(16)}"
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._listener = Listener(self.address, "AF_PIPE", backlog=1, authkey=self._key)
        self._limits = (max_request_bytes, max_reply_bytes, max_descriptors)
        self._channel: PipeChannel | None = None

    def accept(self, process: subprocess.Popen[bytes]) -> Channel:
        """Give the key to the worker that was started, and take its connection.

        Raises OSError when it does not come.
        """
        stdin = process.stdin
        if stdin is None:
            raise OSError("the worker has no standard input")
        stdin.write(self._key)
        stdin.flush()
        gone = threading.Thread(target=self._close_when_gone, args=(process,), daemon=True)
        gone.start()
        try:
            connection = self._listener.accept()
        except Exception as error:
            raise OSError(f"the worker did not connect: {type(error).__name__}") from None
        max_request_bytes, max_reply_bytes, max_descriptors = self._limits
        self._channel = PipeChannel(
            connection,
            process.pid,
            max_receive_bytes=max_reply_bytes,
            max_send_bytes=max_request_bytes,
            max_descriptors=max_descriptors,
        )
        return self._channel

    def dispose(self) -> None:
        """Free the pipe."""
        if self._channel is not None:
            self._channel.close()
        self._listener.close()

    def _close_when_gone(self, process: subprocess.Popen[bytes]) -> None:
        # a worker that dies before it connects must not leave us waiting for it
        process.wait()
        if self._channel is None:
            self._listener.close()


def connect(
    address: str, stdin: BinaryIO, *, max_request_bytes: int, max_reply_bytes: int, max_descriptors: int
) -> Channel:
    """The worker's channel: the key from standard input, then the pipe. Raises OSError when either fails."""
    key = stdin.read(_KEY_BYTES)
    if len(key) != _KEY_BYTES:
        raise OSError("no key came")
    try:
        connection = Client(address, "AF_PIPE", authkey=key)
    except Exception as error:
        raise OSError(f"the pipe does not answer: {type(error).__name__}") from None
    return PipeChannel(
        connection,
        os.getppid(),
        max_receive_bytes=max_request_bytes,
        max_send_bytes=max_reply_bytes,
        max_descriptors=max_descriptors,
    )
