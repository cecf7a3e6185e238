"""Messages to bytes and back: MessagePack with types, and sizes checked before anything is decoded."""

from __future__ import annotations

from typing import Final, TypeVar, cast

import msgspec

from engine.protocol.replies import EngineMessage
from engine.protocol.requests import AppMessage

MAX_REQUEST_BYTES: Final = 32 << 20
MAX_REPLY_BYTES: Final = 8 << 20
MAX_DESCRIPTORS: Final = 1
"""File descriptors that may travel with one message."""

_encoder: Final = msgspec.msgpack.Encoder()
_request_decoder: Final = msgspec.msgpack.Decoder(cast("type[AppMessage]", AppMessage))
_reply_decoder: Final = msgspec.msgpack.Decoder(cast("type[EngineMessage]", EngineMessage))


_M = TypeVar("_M")


class MessageInvalid(Exception):
    """Bytes that are no message of this protocol, or a message beyond its limits. Never holds the bytes."""


def encode_request(message: AppMessage) -> bytes:
    """Raises MessageInvalid when the message is larger than the engine reads."""
    return _encode(message, MAX_REQUEST_BYTES)


def encode_reply(message: EngineMessage) -> bytes:
    """Raises MessageInvalid when the message is larger than the client reads."""
    return _encode(message, MAX_REPLY_BYTES)


def decode_request(payload: bytes) -> AppMessage:
    """Raises MessageInvalid for anything but one whole message of the application within its limits."""
    return _decode(_request_decoder, payload, MAX_REQUEST_BYTES)


def decode_reply(payload: bytes) -> EngineMessage:
    """Raises MessageInvalid for anything but one whole message of the engine within its limits."""
    return _decode(_reply_decoder, payload, MAX_REPLY_BYTES)


def _encode(message: msgspec.Struct, limit_bytes: int) -> bytes:
    try:
        payload = _encoder.encode(message)
    except UnicodeError:
        raise MessageInvalid(f"a {type(message).__name__} holds a text that is no Unicode") from None
    if len(payload) > limit_bytes:
        raise MessageInvalid(f"a {type(message).__name__} of {len(payload)} bytes is over {limit_bytes}")
    return payload


def _decode(decoder: msgspec.msgpack.Decoder[_M], payload: bytes, limit_bytes: int) -> _M:
    if len(payload) > limit_bytes:
        raise MessageInvalid(f"{len(payload)} bytes are over {limit_bytes}")
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        # the decoder's own sentence names fields and limits, never values
        raise MessageInvalid(str(error)) from None
