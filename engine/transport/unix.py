"""The channel over a pair of connected local sockets, made before the worker exists and inherited by it.

A frame is a header (payload length, number of descriptors, both little-endian) and the payload. Descriptors
travel with the header's first byte (SCM_RIGHTS). Lengths are checked before a byte of the payload is taken.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from typing import Final

from engine.transport.channel import ChannelClosed, Frame, FrameRefused

if sys.platform == "win32":
    raise ImportError("this system carries the channel over a named pipe")

_HEADER: Final = struct.Struct("<II")
_DESCRIPTOR_BYTES: Final = array.array("i").itemsize
_SLICE_BYTES: Final = 1 << 20


class UnixChannel:
    """One end of a socket pair. `max_receive_bytes` bounds what is taken in, `max_send_bytes` what goes
    out.
    """

    def __init__(
        self, end: socket.socket, *, max_receive_bytes: int, max_send_bytes: int, max_descriptors: int
    ) -> None:
        self._socket = end
        self._socket.setblocking(True)
        self._max_receive_bytes = max_receive_bytes
        self._max_send_bytes = max_send_bytes
        self._max_descriptors = max_descriptors
        self._closed = threading.Event()

    def send(self, payload: bytes, descriptors: Sequence[int] = ()) -> None:
        """See Channel.send."""
        if len(payload) > self._max_send_bytes or len(descriptors) > self._max_descriptors:
            raise FrameRefused(f"{len(payload)} bytes with {len(descriptors)} descriptors is over the limit")
        header = _HEADER.pack(len(payload), len(descriptors))
        rights = []
        if descriptors:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes())]
        try:
            sent = self._socket.sendmsg([header, payload], rights)
            rest = (
                memoryview(header + payload)[sent:]
                if sent < _HEADER.size
                else memoryview(payload)[sent - _HEADER.size :]
            )
            self._socket.sendall(rest)
        except OSError as error:
            raise ChannelClosed(type(error).__name__) from None

    def receive(self) -> Frame:
        """See Channel.receive."""
        descriptors: list[int] = []
        try:
            length, count = _HEADER.unpack(self._take(_HEADER.size, descriptors, at_frame_start=True))
            if length > self._max_receive_bytes:
                raise FrameRefused(f"a frame of {length} bytes is over {self._max_receive_bytes}")
            if count > self._max_descriptors:
                raise FrameRefused(f"a frame with {count} descriptors is over {self._max_descriptors}")
            payload = self._take(length, descriptors)
            if len(descriptors) != count:
                raise FrameRefused(f"{len(descriptors)} descriptors came where {count} were told")
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise
        return Frame(payload, tuple(descriptors))

    def close(self) -> None:
        """See Channel.close."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def dispose(self) -> None:
        """Free the descriptor, once no thread is inside `send` or `receive` any more."""
        self.close()
        self._socket.close()

    def _take(self, size: int, descriptors: list[int], *, at_frame_start: bool = False) -> bytes:
        parts: list[bytes] = []
        missing = size
        while missing:
            try:
                part, ancillary, flags, _ = self._socket.recvmsg(
                    min(missing, _SLICE_BYTES),
                    socket.CMSG_SPACE(4 * _DESCRIPTOR_BYTES),
                    getattr(socket, "MSG_CMSG_CLOEXEC", 0),
                )
            except OSError as error:
                raise ChannelClosed(type(error).__name__) from None
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    whole = len(data) - len(data) % _DESCRIPTOR_BYTES
                    descriptors.extend(array.array("i", data[:whole]))
            if flags & socket.MSG_CTRUNC:
                raise FrameRefused("more descriptors came than any frame may bring")
            if not part:
                at_start = at_frame_start and missing == size
                raise ChannelClosed("end" if at_start else "cut short")
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def open_pair(
    *, max_request_bytes: int, max_reply_bytes: int, max_descriptors: int
) -> tuple[UnixChannel, socket.socket]:
    """The application's channel, and the socket that the worker is to inherit."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    channel = UnixChannel(
        ours,
        max_receive_bytes=max_reply_bytes,
        max_send_bytes=max_request_bytes,
        max_descriptors=max_descriptors,
    )
    return channel, theirs


def adopt(
    descriptor: int, *, max_request_bytes: int, max_reply_bytes: int, max_descriptors: int
) -> UnixChannel:
    """The worker's channel, from the descriptor it inherited. OSError when it is no connected local
    socket.
    """
    end = socket.socket(fileno=descriptor)
    if end.family != socket.AF_UNIX or end.type != socket.SOCK_STREAM:
        end.close()
        raise OSError(f"descriptor {descriptor} is no local stream socket")
    end.set_inheritable(False)
    return UnixChannel(
        end,
        max_receive_bytes=max_request_bytes,
        max_send_bytes=max_reply_bytes,
        max_descriptors=max_descriptors,
    )
