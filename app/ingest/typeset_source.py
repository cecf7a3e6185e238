"""A story laid out by us, behind the same face as a file with pages of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from app.ingest.faces import font
from app.ingest.limits import Limits
from app.ingest.messages import NoteMessage, PageMessage, Pixels
from app.ingest.mupdf import pymupdf
from app.ingest.page_text import build_page_text
from app.ingest.pdfs import draw_page
from app.ingest.refusals import IngestRefused
from app.ingest.stories import Story
from app.ingest.typesetting import (
    LEFT_PT,
    MARGIN_NUMBER_SIZE_PT,
    PAGE_HEIGHT_PT,
    PAGE_WIDTH_PT,
    RIGHT_PT,
    LaidPage,
    typeset,
)

FOOTER: Final = "layout by Huis Clos"
_INK: Final = (0.09, 0.09, 0.11)
_GREY: Final = (0.55, 0.56, 0.6)
_LINE: Final = (0.78, 0.79, 0.82)
_FOOTER_SIZE_PT: Final = 7.0
_FOOTER_BASELINE_PT: Final = PAGE_HEIGHT_PT - 34.0


class TypesetSource:
    """Pages of our layout. Raises IngestRefused when there is no text at all, or too many pages of it."""

    layout: Literal["original", "ours"] = "ours"

    def __init__(self, story: Story, limits: Limits) -> None:
        self._limits = limits
        self._story = story
        self._pages = typeset(story, limits)
        if not any(page.words for page in self._pages):
            raise IngestRefused("nothing-to-read")
        self.media_type = story.media_type
        self.title = story.title
        self.page_count = len(self._pages)
        if any(not piece.face for page in self._pages for piece in page.pieces):
            story.note("signs-missing")
        self.notes = [NoteMessage(code) for code in story.notes]

    def page(self, number: int) -> PageMessage:
        """The words of a page; margin numbers and the footer are ours and are not among them."""
        laid = self._laid(number)
        built = build_page_text(laid.words, PAGE_WIDTH_PT, PAGE_HEIGHT_PT, self._limits)
        note = "text-cut" if built.cut else ("" if built.words else "no-text")
        return PageMessage(number, PAGE_WIDTH_PT, PAGE_HEIGHT_PT, built.text, built.words, note)

    def draw(self, number: int, width_px: int) -> Pixels:
        """A page as pixels."""
        document = self.paint(number)
        try:
            return draw_page(document[0], width_px, self._limits)
        finally:
            document.close()

    def paint(self, number: int) -> Any:
        """The page as a PDF document of one page, drawn at the places its words were measured for."""
        laid = self._laid(number)
        document = pymupdf.open()
        page = document.new_page(width=PAGE_WIDTH_PT, height=PAGE_HEIGHT_PT)
        for x0, y, x1 in laid.rules:
            page.draw_line((x0, y), (x1, y), color=_LINE, width=0.5)
        ink = pymupdf.TextWriter(page.rect, color=_INK)
        for piece in laid.pieces:
            if piece.face:
                ink.append((piece.x, piece.baseline), piece.text, font=font(piece.face), fontsize=piece.size)
            else:
                self._draw_missing(page, piece.x, piece.baseline, piece.size, piece.width, len(piece.text))
        ink.write_text(page)
        grey = pymupdf.TextWriter(page.rect, color=_GREY)
        for baseline, count in laid.numbers:
            _append_right(grey, f"¶ {count}", LEFT_PT - 14, baseline, MARGIN_NUMBER_SIZE_PT)
        grey.append((LEFT_PT, _FOOTER_BASELINE_PT), FOOTER, font=font("helv"), fontsize=_FOOTER_SIZE_PT)
        _append_right(grey, f"{number} / {self.page_count}", RIGHT_PT, _FOOTER_BASELINE_PT, _FOOTER_SIZE_PT)
        grey.write_text(page)
        return document

    def attachments(self) -> Iterable[tuple[str, bytes]]:
        """Files that came inside a mail."""
        return self._story.attachments

    def _laid(self, number: int) -> LaidPage:
        if not 1 <= number <= self.page_count:
            raise IngestRefused("page-missing", page=number)
        return self._pages[number - 1]

    def _draw_missing(
        self, page: Any, x: float, baseline: float, size: float, width: float, signs: int
    ) -> None:
        step = width / max(signs, 1)
        for index in range(signs):
            left = x + index * step
            box = pymupdf.Rect(left + 0.08 * size, baseline - 0.7 * size, left + step - 0.08 * size, baseline)
            page.draw_rect(box, color=_GREY, width=0.5)


def _append_right(writer: Any, text: str, right: float, baseline: float, size: float) -> None:
    width = font("helv").text_length(text, fontsize=size)
    writer.append((right - width, baseline), text, font=font("helv"), fontsize=size)
