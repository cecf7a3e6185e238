"""Cuts a page's text into passages: a few whole sentences, at most about sixty words, never across pages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.retrieval import words

MAX_WORDS = 60
SCRAP_WORDS = 8
ENOUGH_WORDS = 28  # past this a blank line or a heading starts a new passage

_BLANK = re.compile(r"\n[ \t\u00a0]*\n")
_SENTENCE_END = re.compile(r"[.!?…。！？；][»”\"')\]]*(?=\s|$)|[。！？；]")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(«\"'’])(?:[A-Z]|M|MM|Mr|Mrs|Ms|Mme|Mlle|Mes|Me|Dr|Drs|Pr|Prof|St|Ste|art|al|p|pp|n|no|nos|vol|ch|cf|vs|v|"
    r"e\.g|i\.e|etc|env|tel|tél|av|bd|bvd|inc|ltd|co|corp|approx|max|min|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|"
    r"nov|dec|janv|févr|avr|juil|déc|réf|ref|fig|dept|ext|hon|esq|jr|sr)\.$",
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*(?:[-–—•●▪◦*·]|\(?\d{1,3}[.)]|\(?[a-z]\)|[IVX]{1,5}[.)])\s+")


@dataclass(frozen=True, slots=True)
class Passage:
    """``text[start:end]`` of one page; ``heading`` is the last heading above it on the page, or empty."""

    start: int
    end: int
    heading: str


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    words: int
    opens: bool  # begins a paragraph, a list item or a line of its own
    heading: bool


def _lines(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for line in text.splitlines(keepends=True):
        spans.append((start, start + len(line)))
        start += len(line)
    return spans


def _looks_like_heading(line: str, next_line: str) -> bool:
    """Short, no full stop at the end, some letters, and something follows it."""
    bare = line.strip()
    if not bare or not next_line.strip() or len(bare) > 70 or words.count(bare) > 9:
        return False
    if bare.endswith(":") and words.count(bare) <= 6:
        return True
    if bare[-1] in ".,;!?" or not any(c.isalpha() for c in bare) or _BULLET.match(line):
        return False
    letters = [c for c in bare if c.isalpha()]
    upper = sum(c.isupper() for c in letters) / len(letters)
    return upper > 0.75 or (bare[0].isupper() and not any(c.isdigit() for c in bare) and ":" not in bare)


def _blocks(text: str) -> list[tuple[int, int, bool]]:
    """Stretches (start, end, is_heading) between which no sentence runs on: paragraphs, list items, short
    lines.
    """
    lines = _lines(text)
    width = max((end - start for start, end in lines), default=0)
    blocks: list[tuple[int, int, bool]] = []
    open_at: int | None = None
    for i, (start, end) in enumerate(lines):
        line = text[start:end]
        following = text[lines[i + 1][0] : lines[i + 1][1]] if i + 1 < len(lines) else ""
        if not line.strip():
            if open_at is not None:
                blocks.append((open_at, start, False))
                open_at = None
            continue
        if open_at is not None and _BULLET.match(line):
            blocks.append((open_at, start, False))
            open_at = None
        short = len(line.rstrip()) < 0.6 * width
        if open_at is None and (short or len(lines) == 1) and _looks_like_heading(line, following):
            blocks.append((start, end, True))
            continue
        if open_at is None:
            open_at = start
        # A short line whose successor starts like a new thought is a row or a label, not a wrapped sentence.
        starts_anew = bool(following) and (
            following.lstrip()[:1].isupper() or following.lstrip()[:1].isdigit()
        )
        if short and starts_anew:
            blocks.append((open_at, end, False))
            open_at = None
    if open_at is not None:
        blocks.append((open_at, len(text), False))
    return blocks


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans, at = [], start
    for match in _SENTENCE_END.finditer(text, start, end):
        stop = match.end()
        if match.group() == "." and _ABBREVIATION.search(text[max(at, stop - 12) : stop]):
            continue
        rest = text[stop:end].lstrip()
        if match.group()[0] == "." and rest[:1].islower():
            continue
        spans.append((at, stop))
        at = stop
    if text[at:end].strip():
        spans.append((at, end))
    return spans


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _cut_long(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Cuts a sentence that is too long by itself, preferably after a comma or a line end."""
    spans = []
    while words.count(text[start:end]) > MAX_WORDS:
        tokens = words.split(text[start:end])
        per_token = max(1, len(tokens) // max(1, words.count(text[start:end])))
        limit = min(MAX_WORDS * per_token, len(tokens) - 1)
        cut = start + tokens[limit].start
        soft = max(text.rfind(mark, start, cut) for mark in (", ", "\n", "; ", "，", "、"))
        if soft > start + (cut - start) // 2:
            cut = soft + 1
        spans.append((start, cut))
        start = cut
    spans.append((start, end))
    return spans


def _pieces(text: str) -> list[_Piece]:
    pieces = []
    for start, end, heading in _blocks(text):
        opens = True
        for s, e in [(start, end)] if heading else _sentences(text, start, end):
            for cut_s, cut_e in _cut_long(text, s, e):
                a, b = _trim(text, cut_s, cut_e)
                if a < b:
                    pieces.append(_Piece(a, b, words.count(text[a:b]), opens, heading))
                    opens = False
    return pieces


def cut(text: str) -> list[Passage]:
    """Passages of one page in order. Each non-space character lies in exactly one passage."""
    passages: list[Passage] = []
    heading = ""
    group: list[_Piece] = []
    total = 0

    def close() -> None:
        nonlocal total
        if group:
            passages.append(Passage(group[0].start, group[-1].end, heading))
            group.clear()
            total = 0

    for piece in _pieces(text):
        # A group made of headings alone waits for the text they announce.
        only_headings = all(p.heading for p in group)
        full = total + piece.words > MAX_WORDS
        at_joint = (piece.heading and not only_headings) or (piece.opens and total >= ENOUGH_WORDS)
        if group and (full or at_joint):
            close()
        if piece.heading:
            heading = " ".join(text[piece.start : piece.end].split())
        group.append(piece)
        total += piece.words
    close()
    return _join_scraps(text, passages)


def _join_scraps(text: str, passages: list[Passage]) -> list[Passage]:
    """A few words on their own (a signature, the last row of a table) belong to what stands above them."""
    joined: list[Passage] = []
    for passage in passages:
        body = " ".join(text[passage.start : passage.end].split())
        size = words.count(body)
        announced = body.startswith(passage.heading) and words.count(passage.heading) not in (0, size)
        if joined and size < SCRAP_WORDS and not announced:
            before = joined[-1]
            if words.count(text[before.start : before.end]) + size <= MAX_WORDS:
                joined[-1] = Passage(before.start, passage.end, before.heading)
                continue
        joined.append(passage)
    return joined
