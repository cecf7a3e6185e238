"""What parsing and rendering give back.

Coordinates are points (1/72 inch), origin at the top left of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.library.words import Word

__all__ = ["Attachment", "Layout", "Note", "ParsedDocument", "ParsedPage", "RenderedPage", "Word"]

Layout = Literal["original", "ours"]


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """One page, 1-based. ``text[word.start:word.end]`` is the word; words stand in reading order.

    Words of a line are joined by a space (none between Chinese or Japanese signs), lines by "\\n", blocks and
    paragraphs by an empty line. ``note`` is "" or a code of ``refusals.NOTE_TEMPLATES`` such as "no-text".
    """

    number: int
    width_pt: float
    height_pt: float
    text: str
    words: tuple[Word, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came inside a mail; ``name`` is cleaned already."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know about a document that was taken in all the same.

    ``page`` 0: the whole.
    """

    code: str
    page: int = 0


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """``layout`` says whose pages these are: the file's own, or ours for formats that have none."""

    media_type: str
    page_count: int
    layout: Layout
    title: str
    children: tuple[Attachment, ...]
    notes: tuple[Note, ...]
    pages_with_text: int  # among the pages parsed by this call

    def needs_ocr(self, pages_with_text_before: int = 0) -> bool:
        """True when no page has text: it can be viewed, but neither searched nor asked."""
        return self.pages_with_text + pages_with_text_before == 0


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """``rgb`` is ``width_px * height_px * 3`` bytes, rows from the top."""

    width_px: int
    height_px: int
    rgb: bytes
