"""PDF files: words with their boxes in reading order, and pixels.

Scripts, links and embedded files stay untouched.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

from app.ingest.drawn_accents import are_drawn_apart, compose
from app.ingest.limits import Limits
from app.ingest.messages import NoteMessage, PageMessage, Pixels
from app.ingest.mupdf import pymupdf
from app.ingest.page_text import Glyph, build_page_text, has_ideographs, is_ideograph
from app.ingest.reading_order import Segment, order_segments
from app.ingest.refusals import IngestRefused

MEDIA_TYPE: Final = "application/pdf"
_WORD_FLAGS: Final = pymupdf.TEXTFLAGS_WORDS & ~pymupdf.TEXT_PRESERVE_LIGATURES
_TICK: Final = "☑"
_TICKED: Final = (pymupdf.PDF_WIDGET_TYPE_CHECKBOX, pymupdf.PDF_WIDGET_TYPE_RADIOBUTTON)
_A4_PT: Final = (595.0, 842.0)


class PdfSource:
    """An open PDF. Raises IngestRefused when it asks for a password, has no pages, or too many."""

    media_type = MEDIA_TYPE
    layout: Literal["original", "ours"] = "original"

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._limits = limits
        try:
            self._document = pymupdf.open(stream=data, filetype="pdf")
            needs_password = bool(self._document.needs_pass)
            count = 0 if needs_password else int(self._document.page_count)
        except MemoryError:
            raise
        except Exception as error:
            raise IngestRefused("too-much-memory" if "alloc" in str(error) else "damaged") from None
        if needs_password:
            raise IngestRefused("password")
        repaired = bool(self._document.is_repaired)
        if count < 1:
            raise IngestRefused("damaged" if repaired else "no-pages")
        if count > limits.pages:
            raise IngestRefused("too-many-pages", pages=count, limit=limits.pages)
        self.page_count = count
        self._has_form = bool(self._document.is_form_pdf)
        self.title = str((self._document.metadata or {}).get("title") or "")
        self.notes = [NoteMessage("repaired")] if repaired else []

    def page(self, number: int) -> PageMessage:
        """The words of a page; a page that cannot be read comes back empty with a note."""
        try:
            page = self._document.load_page(number - 1)
            width_pt, height_pt = self._size(page)
            words = self._words(page)
        except MemoryError:
            raise
        except Exception as error:
            if "alloc" in str(error):
                raise
            return PageMessage(number, *_A4_PT, "", [], "page-damaged")
        finally:
            pymupdf.TOOLS.store_shrink(100)
        built = build_page_text(order_segments(words), width_pt, height_pt, self._limits)
        note = "text-cut" if built.cut else ("" if built.words else "no-text")
        return PageMessage(number, width_pt, height_pt, built.text, built.words, note)

    def draw(self, number: int, width_px: int) -> Pixels:
        """A page with its annotations, as wide as asked within the limits of side and area."""
        if not 1 <= number <= self.page_count:
            raise IngestRefused("page-missing", page=number)
        try:
            page = self._document.load_page(number - 1)
        except Exception as error:
            if isinstance(error, MemoryError) or "alloc" in str(error):
                raise
            return blank_pixels(*_A4_PT, width_px, self._limits)
        return draw_page(page, width_px, self._limits)

    def attachments(self) -> Iterable[tuple[str, bytes]]:
        """None: files embedded in a PDF are not opened."""
        return ()

    def _size(self, page: Any) -> tuple[float, float]:
        width_pt, height_pt = float(page.rect.width), float(page.rect.height)
        if not (math.isfinite(width_pt) and math.isfinite(height_pt) and width_pt > 0 and height_pt > 0):
            return _A4_PT
        side = self._limits.page_side_pt
        return min(width_pt, side), min(height_pt, side)

    def _words(self, page: Any) -> list[Segment]:
        turn = page.rotation_matrix if page.rotation else None
        text_page = page.get_textpage(flags=_WORD_FLAGS)
        raw = text_page.extractWORDS()
        if self._has_form:
            raw = _with_ticks(raw, page)
        if any(has_ideographs(word[4]) for word in raw):
            return _segments_of_signs(text_page.extractRAWDICT(), turn)
        return _segments_of_words(raw, turn)


def _with_ticks(raw: Sequence[Any], page: Any) -> list[Any]:
    """Ticks of boxes and buttons as ticks: their font stores them as digits and letters ("4" shows as ✔)."""
    places: list[Any] = []
    with suppress(Exception):  # a broken field is no reason to lose the page
        places += [field.rect for field in page.widgets(types=_TICKED)]
    if not places:
        return list(raw)
    words = []
    for x0, y0, x1, y1, text, *rest in raw:
        middle = pymupdf.Point((x0 + x1) / 2, (y0 + y1) / 2)
        ticked = len(text) == 1 and any(middle in place for place in places)
        words.append((x0, y0, x1, y1, _TICK if ticked else text, *rest))
    return words


def _segments_of_words(raw: Sequence[Any], turn: Any) -> list[Segment]:
    segments: list[Segment] = []
    line_before: tuple[int, int] | None = None
    apart = are_drawn_apart([word[4] for word in raw])
    for x0, y0, x1, y1, text, block, line, _ in raw:
        glyph = Glyph(compose(text) if apart else text, *_turned((x0, y0, x1, y1), turn))
        if (block, line) == line_before:
            segments[-1].glyphs.append(glyph)
        else:
            segments.append(Segment([glyph], block))
            line_before = (block, line)
    return segments


def _segments_of_signs(raw: dict[str, Any], turn: Any) -> list[Segment]:
    """Word for word, but every Chinese or Japanese sign is a word of its own, glued to its neighbours."""
    segments: list[Segment] = []
    for number, block in enumerate(raw["blocks"]):
        for line in block.get("lines", ()):
            glyphs: list[Glyph] = []
            open_word = False
            glued = False
            for sign in (sign for span in line["spans"] for sign in span["chars"]):
                text, box = sign["c"], _turned(sign["bbox"], turn)
                if text.isspace():
                    open_word = glued = False
                    continue
                if is_ideograph(text):
                    glyphs.append(Glyph(text, *box, glued=glued))
                    open_word = False
                elif open_word:
                    glyphs[-1] = glyphs[-1].joined(Glyph(text, *box))
                else:
                    glyphs.append(Glyph(text, *box, glued=glued))
                    open_word = True
                glued = True
            if glyphs:
                segments.append(Segment(glyphs, number))
    return segments


def _turned(box: tuple[float, float, float, float], turn: Any) -> tuple[float, float, float, float]:
    if turn is None:
        return box
    rect = pymupdf.Rect(box) * turn
    return (rect.x0, rect.y0, rect.x1, rect.y1)


def draw_page(page: Any, width_px: int, limits: Limits) -> Pixels:
    """Draw any page of the library's as RGB within the limits."""
    width_pt, height_pt = float(page.rect.width), float(page.rect.height)
    if not (math.isfinite(width_pt) and math.isfinite(height_pt) and width_pt > 0 and height_pt > 0):
        return blank_pixels(*_A4_PT, width_px, limits)
    scale = _scale(width_pt, height_pt, width_px, limits)
    picture = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=False)
    pixels = Pixels(picture.width, picture.height, bytes(picture.samples))
    pymupdf.TOOLS.store_shrink(50)
    return pixels


def blank_pixels(width_pt: float, height_pt: float, width_px: int, limits: Limits) -> Pixels:
    """A white page."""
    scale = _scale(width_pt, height_pt, width_px, limits)
    width, height = max(1, round(width_pt * scale)), max(1, round(height_pt * scale))
    return Pixels(width, height, b"\xff" * (width * height * 3))


def _scale(width_pt: float, height_pt: float, width_px: int, limits: Limits) -> float:
    # two pixels of room, since the library rounds outwards
    side = limits.render_side_px - 2
    scale = min(max(width_px, 1) / width_pt, side / width_pt, side / height_pt)
    area = (width_pt * scale + 2) * (height_pt * scale + 2)
    return (
        scale * math.sqrt(min(1.0, limits.render_area_px / area)) if area > limits.render_area_px else scale
    )
