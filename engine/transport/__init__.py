"""A duplex channel of capped byte messages between two processes of one machine. It knows no message
kinds.
"""

from engine.transport.channel import Channel, ChannelClosed, Frame, FrameRefused

__all__ = ["Channel", "ChannelClosed", "Frame", "FrameRefused"]
