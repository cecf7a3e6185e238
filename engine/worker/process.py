"""The worker's first moments: the channel, the handshake, the narrower cage. Third-party code comes
after."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from engine.cage import Guarantee, forbid_sockets
from engine.protocol import (
    MAX_DESCRIPTORS,
    MAX_REPLY_BYTES,
    MAX_REQUEST_BYTES,
    PROTOCOL_VERSION,
    Hello,
    MessageInvalid,
    Rejected,
    Welcome,
    build_hash,
    codes,
    decode_request,
    encode_reply,
)
from engine.transport import Channel, ChannelClosed, FrameRefused
from engine.worker.log import write_log

if TYPE_CHECKING:
    from engine.worker.work import Loader

EXIT_DONE: Final = 0
EXIT_REFUSED: Final = 3
EXIT_GARBLED: Final = 4


def main(
    guarantee: Guarantee, loader: Loader | None = None, arguments: Sequence[str] | None = None
) -> NoReturn:
    """Serve the application on the inherited channel until it ends; never returns."""
    faulthandler.enable()
    # an interrupt from the terminal is the application's to handle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = _open_channel(arguments)
    guarantee = _shake_hands(channel, guarantee)
    from engine.worker.service import serve

    serve(channel, guarantee, loader)


def _open_channel(arguments: Sequence[str] | None) -> Channel:
    parser = argparse.ArgumentParser(prog="engine.worker", allow_abbrev=False)
    carrier = parser.add_mutually_exclusive_group(required=True)
    carrier.add_argument("--channel-fd", type=int)
    carrier.add_argument("--channel-pipe")
    chosen = parser.parse_args(arguments)
    try:
        if sys.platform == "win32":
            from engine.transport.pipe import connect

            return connect(
                chosen.channel_pipe,
                sys.stdin.buffer,
                max_request_bytes=MAX_REQUEST_BYTES,
                max_reply_bytes=MAX_REPLY_BYTES,
                max_descriptors=MAX_DESCRIPTORS,
            )
        from engine.transport.unix import adopt

        return adopt(
            chosen.channel_fd,
            max_request_bytes=MAX_REQUEST_BYTES,
            max_reply_bytes=MAX_REPLY_BYTES,
            max_descriptors=MAX_DESCRIPTORS,
        )
    except (OSError, TypeError, ValueError) as error:
        write_log(f"no channel: {error}")
        leave(EXIT_REFUSED)


def _shake_hands(channel: Channel, guarantee: Guarantee) -> Guarantee:
    """Take the first message; narrow the cage to its folders; answer. Leaves when the two builds do not
    match.
    """
    try:
        frame = channel.receive()
        frame.close_descriptors()
        hello = decode_request(frame.payload)
    except ChannelClosed:
        leave(EXIT_DONE)
    except (FrameRefused, MessageInvalid) as error:
        _reject(channel, codes.MESSAGE_INVALID, str(error))
    if not isinstance(hello, Hello):
        _reject(channel, codes.MESSAGE_INVALID, "the first message must be a greeting")
    if (hello.protocol_version, hello.build_hash) != (PROTOCOL_VERSION, build_hash()):
        _reject(channel, codes.PROTOCOL_MISMATCH, "the engine and the application are of different builds")
    if guarantee.landlock_abi:
        guarantee = forbid_sockets([Path(folder) for folder in hello.readable_folders])
    welcome = Welcome(
        protocol_version=PROTOCOL_VERSION,
        build_hash=build_hash(),
        pid=os.getpid(),
        platform=guarantee.platform,
        kernel_filter=guarantee.kernel_filter,
        landlock_abi=guarantee.landlock_abi,
        kept=tuple(sorted(guarantee.kept)),
        broken=tuple(sorted(guarantee.broken)),
        cage_reason=guarantee.reason,
    )
    try:
        channel.send(encode_reply(welcome))
    except ChannelClosed:
        leave(EXIT_DONE)
    return guarantee


def _reject(channel: Channel, code: str, message: str) -> NoReturn:
    with contextlib.suppress(ChannelClosed):
        channel.send(encode_reply(Rejected(code, message, PROTOCOL_VERSION, build_hash())))
    write_log(f"rejected: {code}")
    leave(EXIT_REFUSED)


def leave(code: int) -> NoReturn:
    """End the process at once: no state is worth a tidy end, and native code may be computing."""
    os._exit(code)
