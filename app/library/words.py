"""Word boxes of a page, and the few bytes they are kept in.

Packed form, version 1, all numbers LEB128 (7 bits a byte, low first, top bit = more to come), signed ones
zigzag:

    01 | number of words | for each word: start - end of the word before, end - start,
        x0 - x1 of the word before (signed), y0 - y0 of the word before (signed), x1 - x0, y1 - y0

Coordinates are whole hundredths of a point. Words stand in the order of the text and never overlap in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

VERSION = 1
UNITS_PER_PT = 100
_COORDINATE_MAX = 1 << 40
_NUMBER_BITS_MAX = 63


class Word(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``page.text[start:end]`` is the word; the box is in points, origin at the top left of the page."""

    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


class WordsDamaged(ValueError):
    """The bytes are not packed words."""


def round_pt(value_pt: float) -> float:
    """The nearest hundredth of a point, which is what packing keeps."""
    return round(value_pt * UNITS_PER_PT) / UNITS_PER_PT


def pack_words(words: Sequence[Word]) -> bytes:
    """Pack words; coordinates are rounded to hundredths.

    ValueError for words out of order or turned-over boxes.
    """
    out = bytearray((VERSION,))
    _put(out, len(words))
    end_before = right_before = top_before = 0
    for word in words:
        x0, y0, x1, y1 = (round(value * UNITS_PER_PT) for value in (word.x0, word.y0, word.x1, word.y1))
        if word.start < end_before or word.end <= word.start or x1 < x0 or y1 < y0:
            raise ValueError("words are out of order, empty, or have a turned-over box")
        if max(abs(x0), abs(y0), x1, y1) > _COORDINATE_MAX:
            raise ValueError("a word lies outside of any page")
        _put(out, word.start - end_before)
        _put(out, word.end - word.start)
        _put_signed(out, x0 - right_before)
        _put_signed(out, y0 - top_before)
        _put(out, x1 - x0)
        _put(out, y1 - y0)
        end_before, right_before, top_before = word.end, x1, y0
    return bytes(out)


def unpack_words(packed: bytes) -> tuple[Word, ...]:
    """The words that ``pack_words`` packed. WordsDamaged for anything else."""
    if not packed or packed[0] != VERSION:
        raise WordsDamaged("the first byte is not a known version")
    numbers = _numbers(packed)
    count = numbers[0] if numbers else -1
    if count < 0 or len(numbers) != 1 + 6 * count:
        raise WordsDamaged("the number of words does not fit the bytes")
    words = []
    end_before = right_before = top_before = 0
    for at in range(1, len(numbers), 6):
        start = end_before + numbers[at]
        end = start + numbers[at + 1]
        x0 = right_before + _signed(numbers[at + 2])
        y0 = top_before + _signed(numbers[at + 3])
        x1 = x0 + numbers[at + 4]
        y1 = y0 + numbers[at + 5]
        if max(end, abs(x0), abs(y0), x1, y1) > _COORDINATE_MAX:
            raise WordsDamaged("a number is too large")
        words.append(
            Word(start, end, x0 / UNITS_PER_PT, y0 / UNITS_PER_PT, x1 / UNITS_PER_PT, y1 / UNITS_PER_PT)
        )
        end_before, right_before, top_before = end, x1, y0
    return tuple(words)


def _put(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _put_signed(out: bytearray, number: int) -> None:
    _put(out, number << 1 if number >= 0 else (-number << 1) - 1)


def _signed(number: int) -> int:
    return number >> 1 if not number & 1 else -(number + 1 >> 1)


def _numbers(packed: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in memoryview(packed)[1:]:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            if shift > _NUMBER_BITS_MAX:
                raise WordsDamaged("a number is too long")
        else:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise WordsDamaged("the bytes end within a number")
    return numbers
