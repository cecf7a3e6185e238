"""Segments of a page in the order a person reads them: columns one after the other, tables row by row.

A gutter is a vertical strip that hardly any line crosses. Lines that do cross it (titles, full-width
paragraphs) cut
the page into bands; a band is read column by column only where both sides look like prose, otherwise row
by row, so
that a label and its value, or a result and its unit, stay together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from app.ingest.page_text import Glyph

_BIN_PT: Final = 2.0
_BINS_MAX: Final = 2_000
_GUTTER_PT: Final = 8.0
_SIDE_LINES: Final = 4
_PROSE_WORDS: Final = 3
_PROSE_FILL: Final = 0.55
_COLUMN_DEPTH: Final = 3
_TAB_EM: Final = 1.0
_PARAGRAPH_GAP: Final = 0.75  # of a line's height


@dataclass(slots=True)
class Segment:
    """A stretch of words on one line as the file has it; ``block`` is the file's own grouping."""

    glyphs: list[Glyph]
    block: int = 0
    x0: float = field(init=False, default=0.0)
    y0: float = field(init=False, default=0.0)
    x1: float = field(init=False, default=0.0)
    y1: float = field(init=False, default=0.0)

    def measure(self) -> Segment:
        """Set the box from the words."""
        self.x0 = min(glyph.x0 for glyph in self.glyphs)
        self.y0 = min(glyph.y0 for glyph in self.glyphs)
        self.x1 = max(glyph.x1 for glyph in self.glyphs)
        self.y1 = max(glyph.y1 for glyph in self.glyphs)
        return self

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def upright(self) -> bool:
        """False for a line of text turned by a quarter."""
        signs = sum(len(glyph.text) for glyph in self.glyphs)
        return signs < 4 or self.height < 3 * (self.x1 - self.x0)


def order_segments(segments: Sequence[Segment]) -> Iterator[tuple[str, Glyph]]:
    """Words in reading order, each with the separator that belongs before it."""
    measured = [segment.measure() for segment in segments if segment.glyphs]
    upright = [segment for segment in measured if segment.upright]
    for row in _order_region(upright, 0):
        yield from row
    for segment in measured:
        if not segment.upright:
            yield from _with_separators([segment], "\n\n")


Row = list[tuple[str, Glyph]]


def _order_region(segments: list[Segment], depth: int) -> Iterator[Row]:
    gutter = _find_gutter(segments) if depth < _COLUMN_DEPTH else None
    if gutter is None:
        yield from _rows(segments)
        return
    crossing = sorted(
        (segment for segment in segments if segment.x0 < gutter < segment.x1), key=lambda segment: segment.y0
    )
    beside = [segment for segment in segments if not segment.x0 < gutter < segment.x1]
    bands: list[list[Segment]] = [[] for _ in range(len(crossing) + 1)]
    edges = [(segment.y0 + segment.y1) / 2 for segment in crossing]
    for segment in beside:
        middle = (segment.y0 + segment.y1) / 2
        bands[_count_below(edges, middle)].append(segment)
    loose: list[Segment] = []  # full-width lines and rows of tables between two bands of columns
    for index, band in enumerate(bands):
        left = [segment for segment in band if segment.x1 <= gutter]
        right = [segment for segment in band if segment.x1 > gutter]
        if _is_prose(left) and _is_prose(right):
            yield from _rows(loose)
            loose = []
            yield from _order_region(left, depth + 1)
            yield from _order_region(right, depth + 1)
        else:
            loose += band
        if index < len(crossing):
            loose.append(crossing[index])
    yield from _rows(loose)


def _count_below(edges: list[float], middle: float) -> int:
    low, high = 0, len(edges)
    while low < high:
        at = (low + high) // 2
        if edges[at] < middle:
            low = at + 1
        else:
            high = at
    return low


def _find_gutter(segments: list[Segment]) -> float | None:
    """The middle of the clearest vertical strip with prose on both sides, or None."""
    if len(segments) < 2 * _SIDE_LINES:
        return None
    left = min(segment.x0 for segment in segments)
    right = max(segment.x1 for segment in segments)
    width = right - left
    if not 100 < width < _BIN_PT * _BINS_MAX:
        return None
    bins = int(width / _BIN_PT) + 1
    steps = [0] * (bins + 1)
    for segment in segments:
        steps[int((segment.x0 - left) / _BIN_PT)] += 1
        steps[min(int((segment.x1 - left) / _BIN_PT) + 1, bins)] -= 1
    cover, running = [], 0
    for step in steps[:bins]:
        running += step
        cover.append(running)
    inner = range(bins // 6, bins - bins // 6)
    strips: list[tuple[int, int, int]] = []  # cover, -length, start
    start = inner.start
    for at in inner:
        if cover[at] != cover[start]:
            strips.append((cover[start], start - at, start))
            start = at
    strips.append((cover[start], start - inner.stop, start))
    for _, negative_length, begin in sorted(strips)[:6]:
        length_pt = -negative_length * _BIN_PT
        if length_pt < _GUTTER_PT:
            continue
        gutter = left + (begin * _BIN_PT) + length_pt / 2
        if _is_prose([s for s in segments if s.x1 <= gutter]) and _is_prose(
            [s for s in segments if s.x0 >= gutter]
        ):
            return gutter
    return None


def _is_prose(side: list[Segment]) -> bool:
    if len(side) < _SIDE_LINES:
        return False
    width = max(segment.x1 for segment in side) - min(segment.x0 for segment in side)
    words = median(len(segment.glyphs) for segment in side)
    fill = median(segment.x1 - segment.x0 for segment in side)
    return words >= _PROSE_WORDS and fill >= _PROSE_FILL * width


def _rows(segments: list[Segment]) -> Iterator[Row]:
    """Segments at the same height side by side, top to bottom."""
    row: list[Segment] = []
    bottom_before: float | None = None
    for segment in sorted(segments, key=lambda item: (item.y0 + item.y1) / 2):
        if row and not _same_row(row, segment):
            yield _row_words(row, bottom_before)
            bottom_before = max(item.y1 for item in row)
            row = []
        row.append(segment)
    if row:
        yield _row_words(row, bottom_before)


def _same_row(row: list[Segment], segment: Segment) -> bool:
    anchor = row[0]
    overlap = min(anchor.y1, segment.y1) - max(anchor.y0, segment.y0)
    return overlap > 0.5 * min(anchor.height, segment.height)


def _row_words(row: list[Segment], bottom_before: float | None) -> Row:
    top = min(segment.y0 for segment in row)
    height = max(segment.height for segment in row)
    new_paragraph = bottom_before is None or abs(top - bottom_before) > _PARAGRAPH_GAP * height
    leftwards = sum(map(_direction, row)) < 0
    ordered = sorted(row, key=lambda segment: -segment.x1 if leftwards else segment.x0)
    return list(_with_separators(ordered, "\n\n" if new_paragraph else "\n"))


def _direction(segment: Segment) -> int:
    """Words read to the right less words read to the left (Hebrew, Arabic)."""
    count = 0
    for glyph in segment.glyphs:
        if not glyph.text.isascii():
            count -= unicodedata.bidirectional(glyph.text[0]) in {"R", "AL"}
        count += glyph.text[0].isalpha() and unicodedata.bidirectional(glyph.text[0]) == "L"
    return count


def _with_separators(row: Iterable[Segment], first: str) -> Iterator[tuple[str, Glyph]]:
    separator = first
    left, right = 0.0, 0.0
    for number, segment in enumerate(row):
        if number:
            gap = max(segment.x0 - right, left - segment.x1)
            separator = "\t" if gap > _TAB_EM * segment.height else " "
        for index, glyph in enumerate(segment.glyphs):
            yield (separator if index == 0 else "" if glyph.glued else " "), glyph
        left, right = segment.x0, segment.x1
