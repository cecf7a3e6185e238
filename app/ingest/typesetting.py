"""Our own layout for formats without pages: A4, decided by the text alone, so import and drawing agree to
the hundredth.

Paragraphs are numbered in the margin. Nothing is drawn here; a page is a list of pieces of text with their
places, and
the same list gives the words and their boxes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from app.ingest.faces import ASCENT_EM, DESCENT_EM, FacedText, set_faces
from app.ingest.limits import Limits
from app.ingest.page_text import Glyph, is_ideograph
from app.ingest.refusals import IngestRefused
from app.ingest.stories import Block, Cell, PageBreak, Paragraph, Rule, Run, Story, Style, Table

PAGE_WIDTH_PT: Final = 595.0
PAGE_HEIGHT_PT: Final = 842.0
LEFT_PT: Final = 76.0
RIGHT_PT: Final = PAGE_WIDTH_PT - 64.0
TOP_PT: Final = 62.0
BOTTOM_PT: Final = PAGE_HEIGHT_PT - 66.0
MARGIN_NUMBER_SIZE_PT: Final = 6.5
_TAB_PT: Final = 36.0
_INDENT_PT: Final = 18.0
_CELL_PAD_PT: Final = 4.0
_NO_BREAK: Final = "\u00a0"
_GAP_OF: Final = {"\n": "\n", "\t": "\t", "\u00a0": _NO_BREAK, "\u202f": _NO_BREAK}
_GAP_RANK: Final = {"": 0, _NO_BREAK: 1, " ": 2, "\t": 3, "\n": 4}
_SEPARATOR_OF: Final = {_NO_BREAK: " "}
_CLOSING_SIGNS: Final = frozenset("，。、；：！？）》」』】〕”’%％")


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one style, in points."""

    size: float
    leading: float
    before: float
    after: float
    bold: bool = False
    numbered: bool = False


MEASURES: Final[dict[Style, Measures]] = {
    "title": Measures(18, 23, 0, 14, bold=True),
    "heading1": Measures(14, 18.5, 14, 6, bold=True),
    "heading2": Measures(12, 16, 11, 5, bold=True),
    "heading3": Measures(10.5, 15, 8, 3, bold=True),
    "body": Measures(10.5, 15, 0, 7, numbered=True),
    "field": Measures(10, 14.5, 0, 1.5),
    "small": Measures(8.5, 11.5, 0, 4),
}
_LIST_AFTER_PT: Final = 3.0
_LABEL_MAX_PT: Final = 150.0
_TABLE: Final = Measures(9.5, 12.5, 2, 10)


class Piece(NamedTuple):
    """Text in one face at a baseline; no face: a sign that cannot be drawn, shown as an empty box."""

    x: float
    baseline: float
    size: float
    face: str
    text: str
    width: float


@dataclass(slots=True)
class LaidPage:
    """What stands on one page.

    ``numbers`` are the margin's paragraph numbers, ``rules`` thin lines (x0, y, x1).
    """

    pieces: list[Piece] = field(default_factory=list)
    numbers: list[tuple[float, int]] = field(default_factory=list)
    rules: list[tuple[float, float, float]] = field(default_factory=list)
    words: list[tuple[str, Glyph]] = field(default_factory=list)

    @property
    def blank(self) -> bool:
        return not (self.pieces or self.rules)


Part = tuple[str, bool, bool]  # text, bold, italic


class Token(NamedTuple):
    """A word with the gap before it.

    The gap is "" (glued), " ", a no-break space, "\t", or "\n" for a line break of the author.
    """

    gap: str
    parts: tuple[Part, ...]
    pieces: tuple[FacedText, ...]
    em: float

    @property
    def text(self) -> str:
        return "".join(part[0] for part in self.parts)


Line = list[tuple[float, Token]]  # x offset of each word


def typeset(story: Story, limits: Limits) -> list[LaidPage]:
    """Lay a story out. IngestRefused when it takes more pages than a document may have."""
    setter = _Setter(limits)
    for block in story.blocks:
        setter.place(block)
    return setter.pages


class _Setter:
    def __init__(self, limits: Limits) -> None:
        self._pages_max = limits.pages
        self.pages = [LaidPage()]
        self._y = TOP_PT
        self._number = 0
        self._style_before: Style | None = None

    def place(self, block: Block) -> None:
        if isinstance(block, Paragraph):
            self._paragraph(block)
            self._style_before = block.style
            return
        self._style_before = None
        if isinstance(block, Table):
            self._table(block)
        elif isinstance(block, Rule):
            self._rule()
        elif isinstance(block, PageBreak) and not self.pages[-1].blank:
            self._new_page()

    def _paragraph(self, paragraph: Paragraph) -> None:
        measures = MEASURES[paragraph.style]
        tokens = tokenize(paragraph.runs, bold=measures.bold)
        if not tokens:
            return
        label = tokenize((Run(paragraph.label),), bold=measures.bold) if paragraph.label else []
        label_width = _line_width(label, measures.size)
        if label_width > _LABEL_MAX_PT:  # a whole phrase: it runs on into the text
            tokens = tokenize((Run(paragraph.label + " "), *paragraph.runs), bold=measures.bold)
            label, label_width = [], 0.0
        left = LEFT_PT + _INDENT_PT * min(paragraph.level, 8)
        indent = left + (max(_INDENT_PT, label_width + 6) if label else 0.0)
        lines = list(break_lines(tokens, measures.size, RIGHT_PT - indent))
        keep = 2.5 * MEASURES["body"].leading if measures.bold else 0.0
        follows_field = paragraph.style == "field" == self._style_before
        self._make_room(
            min(measures.before + measures.leading * min(len(lines), 2) + keep, BOTTOM_PT - TOP_PT)
        )
        if not self.pages[-1].blank:
            self._y += measures.before
        separator = "\n" if follows_field else "\n\n"
        for index, line in enumerate(lines):
            self._make_room(measures.leading)
            baseline = self._y + measures.size * ASCENT_EM
            if index == 0:
                if measures.numbered:
                    self._number += 1
                    self.pages[-1].numbers.append((baseline, self._number))
                if label:
                    at = next(break_lines(label, measures.size, RIGHT_PT - left))
                    self._put_line(at, left, baseline, measures.size, separator)
                    separator = " "
            self._put_line(line, indent, baseline, measures.size, separator)
            separator = ""
            self._y += measures.leading
        self._y += _LIST_AFTER_PT if label else measures.after

    def _table(self, table: Table) -> None:
        widths = column_widths(table, RIGHT_PT - LEFT_PT, _TABLE.size)
        self._y += _TABLE.before
        first = "\n\n"
        for row in table.rows:
            self._row(row, widths, first)
            first = "\n"
        self.pages[-1].rules.append((LEFT_PT, self._y, RIGHT_PT))
        self._y += _TABLE.after

    def _row(self, row: tuple[Cell, ...], widths: list[float], first: str) -> None:
        cells: list[tuple[float, list[Line]]] = []
        x, column = LEFT_PT, 0
        for cell in row:
            width = sum(widths[column : column + cell.span])
            column += cell.span
            inner = max(width - 2 * _CELL_PAD_PT, 12.0)
            lines = list(break_lines(tokenize(cell.runs), _TABLE.size, inner))
            cells.append((x + _CELL_PAD_PT, lines))
            x += width
        total = max((len(lines) for _, lines in cells), default=0)
        done = 0
        separator = first
        while done < total:
            room = BOTTOM_PT - self._y - 2 * _CELL_PAD_PT
            fits = int(room / _TABLE.leading)
            if (
                fits < total - done and not self.pages[-1].blank and (total - done) * _TABLE.leading < 400
            ) or fits < 1:
                self._new_page()
                continue
            take = min(fits, total - done)
            self.pages[-1].rules.append((LEFT_PT, self._y, RIGHT_PT))
            self._y += _CELL_PAD_PT
            for x, lines in cells:
                for index, line in enumerate(lines[done : done + take]):
                    baseline = self._y + index * _TABLE.leading + _TABLE.size * ASCENT_EM
                    self._put_line(line, x, baseline, _TABLE.size, separator, soft=" ")
                    separator = ""
                separator = "\t"
            self._y += take * _TABLE.leading + _CELL_PAD_PT
            done += take
            separator = "\n"

    def _rule(self) -> None:
        self._make_room(14)
        if not self.pages[-1].blank:
            self.pages[-1].rules.append((LEFT_PT, self._y + 5, RIGHT_PT))
            self._y += 14

    def _put_line(
        self, line: Line, left: float, baseline: float, size: float, first: str, *, soft: str = "\n"
    ) -> None:
        """``first`` is the separator before the line; "" leaves it to the first word.

        ``soft`` replaces "\\n".
        """
        page = self.pages[-1]
        for index, (offset, token) in enumerate(line):
            x = left + offset
            separator = first if index == 0 and first else _SEPARATOR_OF.get(token.gap, token.gap)
            if separator == "\n" and not first:
                separator = soft
            right = x + token.em * size
            page.words.append(
                (
                    separator,
                    Glyph(token.text, x, baseline - ASCENT_EM * size, right, baseline + DESCENT_EM * size),
                )
            )
            for text, face, em in token.pieces:
                page.pieces.append(Piece(x, baseline, size, face, text, em * size))
                x += em * size

    def _make_room(self, height: float) -> None:
        if self._y + height > BOTTOM_PT and not self.pages[-1].blank:
            self._new_page()

    def _new_page(self) -> None:
        if len(self.pages) >= self._pages_max:
            raise IngestRefused("too-many-pages", pages=len(self.pages) + 1, limit=self._pages_max)
        self.pages.append(LaidPage())
        self._y = TOP_PT


def tokenize(runs: Iterable[Run], *, bold: bool = False) -> list[Token]:
    """Words with the gap before each. Chinese and Japanese signs are words of their own, glued."""
    tokens: list[Token] = []
    gap = ""
    parts: list[Part] = []

    def finish() -> None:
        nonlocal gap
        if parts:
            tokens.append(_token(gap, parts))
            parts.clear()
            gap = ""

    for run in runs:
        for stretch, space in _stretches(run.text):
            if space:
                finish()
                gap = _stronger(gap, space)
                continue
            for text, alone in _split_ideographs(stretch):
                if alone or (parts and is_ideograph(parts[-1][0])):
                    finish()
                parts.append((text, run.bold or bold, run.italic))
                if alone:
                    finish()
    finish()
    return tokens


def _token(gap: str, parts: Iterable[Part]) -> Token:
    kept = tuple(parts)
    pieces = tuple(piece for part in kept for piece in set_faces(*part))
    return Token(gap, kept, pieces, sum(piece[2] for piece in pieces))


def _stronger(first: str, second: str) -> str:
    return first if _GAP_RANK[first] >= _GAP_RANK[second] else second


def _stretches(text: str) -> Iterator[tuple[str, str]]:
    """Stretches without white space, and for each stretch of white space what it amounts to."""
    start = 0
    at = 0
    length = len(text)
    while at < length:
        if not text[at].isspace():
            at += 1
            continue
        if at > start:
            yield text[start:at], ""
        space = ""
        while at < length and text[at].isspace():
            space = _stronger(space, _GAP_OF.get(text[at], " "))
            at += 1
        yield "", space
        start = at
    if start < length:
        yield text[start:], ""


def _split_ideographs(text: str) -> Iterator[tuple[str, bool]]:
    if text.isascii():
        yield text, False
        return
    start = 0
    for at, sign in enumerate(text):
        if is_ideograph(sign):
            if at > start:
                yield text[start:at], False
            yield sign, True
            start = at + 1
    if start < len(text):
        yield text[start:], False


def break_lines(tokens: Iterable[Token], size: float, width: float) -> Iterator[Line]:
    """Fill lines greedily; words tied by a no-break space stay together; a word longer than a line is cut."""
    space = face_space() * size
    line: Line = []
    x = 0.0
    for tied in _tied(tokens, size, width, space):
        length = _tied_width(tied, size, space)
        gap = _gap_width(tied[0].gap, x, space) if line else 0.0
        long = x + gap + length > width and not (tied[0].gap == "" and tied[0].text in _CLOSING_SIGNS)
        if line and (tied[0].gap == "\n" or long):
            yield line
            line, x, gap = [], 0.0, 0.0
        for index, token in enumerate(tied):
            x += gap if index == 0 else space
            line.append((x, token))
            x += token.em * size
    if line:
        yield line


def _tied(tokens: Iterable[Token], size: float, width: float, space: float) -> Iterator[list[Token]]:
    """Groups of words that may not be parted, none wider than a line."""
    group: list[Token] = []
    for token in tokens:
        for part in _cut(token, size, width):
            joins = group and part.gap == _NO_BREAK and _tied_width([*group, part], size, space) <= width
            if group and not joins:
                yield group
                group = []
            group.append(part)
    if group:
        yield group


def _tied_width(group: list[Token], size: float, space: float) -> float:
    return sum(token.em for token in group) * size + space * (len(group) - 1)


def face_space() -> float:
    """The width of a space in em."""
    return set_faces(" ", False, False)[0][2]


def _gap_width(gap: str, x: float, space: float) -> float:
    if gap == "\t":
        stop = (int((x + space) / _TAB_PT) + 1) * _TAB_PT
        return stop - x
    return space if gap else 0.0


def _cut(token: Token, size: float, width: float) -> Iterator[Token]:
    if token.em * size <= width:
        yield token
        return
    gap, em = token.gap, 0.0
    parts: list[Part] = []
    for text, bold, italic in token.parts:
        for sign in text:
            sign_em = sum(piece[2] for piece in set_faces(sign, bold, italic))
            if parts and (em + sign_em) * size > width:
                yield _token(gap, _merged(parts))
                gap, em, parts = "", 0.0, []
            parts.append((sign, bold, italic))
            em += sign_em
    yield _token(gap, _merged(parts))


def _merged(parts: list[Part]) -> Iterator[Part]:
    """Neighbours in the same style as one."""
    for style, group in itertools.groupby(parts, key=lambda part: part[1:]):
        yield "".join(part[0] for part in group), *style


def _line_width(tokens: list[Token], size: float) -> float:
    return sum(token.em * size + (face_space() * size if token.gap else 0.0) for token in tokens)


def column_widths(table: Table, width: float, size: float) -> list[float]:
    """Share the width: every column gets its longest word if that is possible, the rest by how much text it
    has."""
    columns = max((sum(cell.span for cell in row) for row in table.rows), default=1)
    least = [16.0] * columns
    wish = [24.0] * columns
    for row in table.rows:
        at = 0
        for cell in row:
            if cell.span == 1:
                tokens = tokenize(cell.runs)
                longest = max((token.em for token in tokens), default=0.0) * size
                least[at] = max(least[at], longest + 2 * _CELL_PAD_PT + 0.5)
                wish[at] = max(wish[at], _line_width(tokens, size) + 2 * _CELL_PAD_PT + 0.5)
            at += cell.span
    if sum(wish) <= width:
        spare = (width - sum(wish)) / columns
        return [wished + spare for wished in wish]
    if sum(least) >= width:
        return [width * part / sum(least) for part in least]
    share = (width - sum(least)) / max(sum(wish) - sum(least), 1e-6)
    return [low + (wished - low) * share for low, wished in zip(least, wish, strict=True)]
