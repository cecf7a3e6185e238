"""What travels between the application and a caged child: typed, capped, and nothing else.

The application sends one ``ParseRequest`` or ``ViewRequest`` followed by the raw bytes of the file. A
parse is
answered by ``Opened``, pages in order, attachments, ``Finished``; a view by ``Opened``, then one
``Pixels`` for each
``RenderRequest``. ``Refused`` may come instead of anything and ends the child.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from app.ingest.limits import Limits
from app.library.words import Word

MIB: Final = 1 << 20
REQUEST_BYTES_MAX: Final = 64 * 1024
SMALL_BYTES_MAX: Final = MIB
PART_BYTES: Final = MIB


class ParseRequest(msgspec.Struct, frozen=True, tag="parse"):
    name: str
    depth: int  # how many mails the file came in
    first_page: int
    last_page: int  # formats without pages ignore it
    size_bytes: int
    cpu_s: int
    limits: Limits


class ViewRequest(msgspec.Struct, frozen=True, tag="view"):
    name: str
    size_bytes: int
    cpu_s: int
    limits: Limits


class RenderRequest(msgspec.Struct, frozen=True, tag="render"):
    page: int
    width_px: int


class NoteMessage(msgspec.Struct, frozen=True):
    code: str
    page: int = 0


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    media_type: str
    layout: Literal["original", "ours"]
    page_count: int
    title: str
    notes: list[NoteMessage]


class PageMessage(msgspec.Struct, frozen=True, tag="page"):
    number: int
    width_pt: float
    height_pt: float
    text: str
    words: list[Word]
    note: str


class AttachmentMessage(msgspec.Struct, frozen=True, tag="attachment"):
    """Followed by as many ``Part`` as the size asks for."""

    name: str
    size_bytes: int


class Part(msgspec.Struct, frozen=True, tag="part"):
    data: bytes


class Pixels(msgspec.Struct, frozen=True, tag="pixels"):
    width_px: int
    height_px: int
    rgb: bytes


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    code: str
    params: dict[str, str | int | float]


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    next_page: int  # 0 when the document is through


Request = ParseRequest | ViewRequest
Answer = Opened | PageMessage | AttachmentMessage | Part | Pixels | Refused | Finished

_ENCODER: Final = msgspec.msgpack.Encoder()
_REQUESTS: Final = msgspec.msgpack.Decoder(Request)
_RENDER_REQUESTS: Final = msgspec.msgpack.Decoder(RenderRequest)
_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


def encode(message: Request | RenderRequest | Answer) -> bytes:
    return _ENCODER.encode(message)


def decode_request(payload: bytes) -> Request:
    """msgspec.MsgspecError when the bytes are no such message."""
    request: Request = _REQUESTS.decode(payload)
    return request


def decode_render_request(payload: bytes) -> RenderRequest:
    return _RENDER_REQUESTS.decode(payload)


def decode_answer(payload: bytes) -> Answer:
    answer: Answer = _ANSWERS.decode(payload)
    return answer


def page_bytes_max(limits: Limits) -> int:
    """The longest frame a page can honestly need: its text, and at most 60 bytes for a word."""
    return limits.page_text_bytes + 60 * limits.page_words + SMALL_BYTES_MAX


def pixel_bytes_max(width_px: int, limits: Limits) -> int:
    """The longest frame a picture of that width can honestly need."""
    side_px = min(width_px, limits.render_side_px)
    return 3 * min(limits.render_area_px, side_px * limits.render_side_px) + 1024
