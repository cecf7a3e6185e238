"""Requests on their way out: made sendable, and refused here when they are beyond the protocol's limits."""

from __future__ import annotations

from collections.abc import Sequence

from engine.protocol import ChatMessage, Work, decode_request, encode_request


def encode_checked(message: Work) -> bytes:
    """The bytes of a request, read back once: a caller's mistake is told here and never reaches the worker.

    Raises MessageInvalid for a message beyond the protocol's limits.
    """
    payload = encode_request(message)
    decode_request(payload)
    return payload


def as_unicode(text: str) -> str:
    """The text with halves of characters, which no encoding can carry, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def as_turns(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """The conversation with every content made sendable."""
    return tuple(ChatMessage(message.role, as_unicode(message.content)) for message in messages)
