"""From a span of a page's text to rectangles on the page, one per line."""

from __future__ import annotations

from collections.abc import Iterable

from app.chat.values import Box
from app.library.words import Word

_COLUMN_GAP_HEIGHTS = 4.0  # a wider gap on one line means another column or table cell


def boxes_of(words: Iterable[Word], start: int, end: int) -> tuple[Box, ...]:
    """Boxes (points) of the words that touch ``[start, end)``, words of one line merged."""
    merged: list[Box] = []
    for word in words:
        if word.end <= start or word.start >= end:
            continue
        box = Box(word.x0, word.y0, word.x1, word.y1)
        if merged and _same_line(merged[-1], box):
            last = merged[-1]
            merged[-1] = Box(
                min(last.x0, box.x0), min(last.y0, box.y0), max(last.x1, box.x1), max(last.y1, box.y1)
            )
        else:
            merged.append(box)
    return tuple(merged)


def _same_line(left: Box, right: Box) -> bool:
    height = max(1e-6, min(left.y1 - left.y0, right.y1 - right.y0))
    overlap = min(left.y1, right.y1) - max(left.y0, right.y0)
    gap = max(right.x0 - left.x1, left.x0 - right.x1)
    return overlap > 0.5 * height and gap < _COLUMN_GAP_HEIGHTS * height
