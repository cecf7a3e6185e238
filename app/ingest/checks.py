"""The application's own look at everything a caged child says: the child is assumed to be taken over."""

from __future__ import annotations

import math
import unicodedata

from app.core.errors import Param
from app.ingest.limits import Limits
from app.ingest.messages import Opened, PageMessage, Pixels, Refused
from app.ingest.names import clean_file_name
from app.ingest.refusals import NOTE_TEMPLATES, REFUSAL_TEMPLATES, IngestRefused
from app.ingest.values import Note, ParsedPage, RenderedPage
from app.library.words import round_pt

MEDIA_TYPES = frozenset(
    {
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "text/plain",
        "text/markdown",
        "message/rfc822",
    }
)
_TITLE_CHARACTERS_MAX = 300
_NOTES_MAX = 200
_BOX_SLACK_PT = 0.02


class Misbehaviour(Exception):
    """The child said something that cannot be true."""


def check_opened(message: Opened, limits: Limits) -> Opened:
    """The same, with a title of one clean line. Misbehaviour."""
    if message.media_type not in MEDIA_TYPES or not 1 <= message.page_count <= limits.pages:
        raise Misbehaviour
    if (message.layout == "original") != (message.media_type == "application/pdf"):
        raise Misbehaviour
    if len(message.notes) > _NOTES_MAX or any(note.code not in NOTE_TEMPLATES for note in message.notes):
        raise Misbehaviour
    title = clean_line(message.title, _TITLE_CHARACTERS_MAX)
    return Opened(message.media_type, message.layout, message.page_count, title, message.notes)


def check_notes(message: Opened) -> tuple[Note, ...]:
    """The notes of a message that was checked."""
    return tuple(Note(note.code, max(0, min(note.page, message.page_count))) for note in message.notes)


def check_page(message: PageMessage, number: int, limits: Limits) -> ParsedPage:
    """The page, if it is the one that is due and its words and boxes can be. Misbehaviour."""
    width_pt, height_pt = round_pt_finite(message.width_pt), round_pt_finite(message.height_pt)
    if message.number != number or not (
        0 < width_pt <= limits.page_side_pt and 0 < height_pt <= limits.page_side_pt
    ):
        raise Misbehaviour
    if len(message.words) > limits.page_words or len(message.text.encode()) > limits.page_text_bytes:
        raise Misbehaviour
    if (message.note and message.note not in NOTE_TEMPLATES) or "\0" in message.text:
        raise Misbehaviour
    text_end, end_before = len(message.text), 0
    right, bottom = width_pt + _BOX_SLACK_PT, height_pt + _BOX_SLACK_PT
    for word in message.words:
        if not end_before <= word.start < word.end <= text_end:
            raise Misbehaviour
        # written so that a NaN fails too
        if not (0 <= word.x0 <= word.x1 <= right and 0 <= word.y0 <= word.y1 <= bottom):
            raise Misbehaviour
        end_before = word.end
    return ParsedPage(number, width_pt, height_pt, message.text, tuple(message.words), message.note)


def check_pixels(message: Pixels, limits: Limits) -> RenderedPage:
    """The picture, if its sides, area and bytes agree. Misbehaviour."""
    width_px, height_px = message.width_px, message.height_px
    if not (0 < width_px <= limits.render_side_px and 0 < height_px <= limits.render_side_px):
        raise Misbehaviour
    if width_px * height_px > limits.render_area_px or len(message.rgb) != width_px * height_px * 3:
        raise Misbehaviour
    return RenderedPage(width_px, height_px, message.rgb)


def check_refused(message: Refused) -> IngestRefused:
    """The refusal; its words come from our own table, its params are short and clean. Misbehaviour."""
    if message.code not in REFUSAL_TEMPLATES or len(message.params) > 8:
        raise Misbehaviour
    params: dict[str, Param] = {}
    for key, value in message.params.items():
        if not key.isidentifier() or len(key) > 20 or (isinstance(value, float) and not math.isfinite(value)):
            raise Misbehaviour
        params[key] = clean_line(value, 80) if isinstance(value, str) else value
    return IngestRefused(message.code, **params)


def check_attachment_name(name: str) -> str:
    return clean_file_name(name[:4096], fallback="attachment")


def clean_line(text: str, characters_max: int) -> str:
    """One line without control or direction signs."""
    kept = (sign if unicodedata.category(sign)[0] != "C" else " " for sign in text[: 4 * characters_max])
    return " ".join("".join(kept).split())[:characters_max]


def round_pt_finite(value_pt: float) -> float:
    """Rounded to what packing keeps. Misbehaviour for infinities and NaN."""
    if not math.isfinite(value_pt):
        raise Misbehaviour
    return round_pt(value_pt)
