"""What a channel is, whichever system carries it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class ChannelClosed(Exception):
    """The other side is gone, or this side was closed. It is the death notice: nothing more comes or goes."""


class FrameRefused(Exception):
    """The other side sent, or this side was asked to send, a frame beyond the limits. The channel is
    unusable.
    """


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as bytes, and the file descriptors that came with it: whoever holds the frame closes
    them.
    """

    payload: bytes
    descriptors: tuple[int, ...] = ()

    def close_descriptors(self) -> None:
        """Close every descriptor that came along."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Channel(Protocol):
    """One end. One thread may send while another receives; neither call may run twice at once."""

    def send(self, payload: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one frame whole; blocks while the other side does not read. The descriptors stay the
        caller's.
        """

    def receive(self) -> Frame:
        """Wait for one frame. Raises ChannelClosed at the end, FrameRefused for anything beyond the
        limits.
        """

    def close(self) -> None:
        """Give up the channel and wake whoever waits in it. May be called from any thread, and again."""
