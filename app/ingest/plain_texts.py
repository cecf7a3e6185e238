"""Plain text and Markdown: which encoding it is in, and where its paragraphs are."""

from __future__ import annotations

import codecs
import re
from typing import Final

from app.ingest.limits import Limits
from app.ingest.refusals import IngestRefused
from app.ingest.stories import Block, Cell, PageBreak, Paragraph, Rule, Run, Story, Table, plain

TEXT_MEDIA_TYPE: Final = "text/plain"
MARKDOWN_MEDIA_TYPE: Final = "text/markdown"

# longer marks first: a UTF-32 mark begins like a UTF-16 one
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS_ALLOWED: Final = frozenset("\t\n\r\f\x1b\x85")
_MANY_HIGH_BYTES: Final = 0.3
_WESTERN: Final = ("iso-8859-", "iso8859-", "windows-125", "cp125", "latin", "us-ascii", "ascii")
_MEANT_AS_WINDOWS: Final = frozenset(
    ("iso-8859-1", "iso8859-1", "latin-1", "latin1", "us-ascii", "ascii", "windows-1252")
)
_GOOD_PER_BROKEN: Final = 4
_HIGH_RUNS: Final = re.compile(rb"[\x80-\xff]+")
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n\s*?(?=\S|\Z)")
_HEADING: Final = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t#]*$")
_BULLET: Final = re.compile(r"([ \t]*)([-*+•]|\d{1,4}[.)])[ \t]+(.+)$")
_TABLE_LINE: Final = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_TABLE_RULE: Final = re.compile(r"[ \t]*\|[ \t:|-]+\|[ \t]*$")
_BOLD: Final = re.compile(r"(?:\*\*|__)(\S(?:.*?\S)?)(?:\*\*|__)")


def read_text(data: bytes, limits: Limits) -> Story:
    """Paragraphs as blank lines part them; lines stay lines. IngestRefused when the bytes are no text."""
    story = Story(TEXT_MEDIA_TYPE)
    story.blocks = text_blocks(decode_text(data))
    if not story.blocks:
        raise IngestRefused("nothing-to-read")
    return story.check_length(limits)


def text_blocks(text: str) -> list[Block]:
    """Paragraphs of plain text; a form feed begins a page."""
    blocks: list[Block] = []
    for index, sheet in enumerate(_lines_unified(text).split("\f")):
        if index and blocks:
            blocks.append(PageBreak())
        for paragraph in _BLANK_LINES.split(sheet):
            lines = [line.rstrip() for line in paragraph.split("\n")]
            kept = "\n".join(line for line in lines if line.strip())
            if kept:
                blocks.append(plain(kept))
    return blocks


def read_markdown(data: bytes, limits: Limits) -> Story:
    """Headings, lists, tables and paragraphs. IngestRefused when the bytes are no text."""
    story = Story(MARKDOWN_MEDIA_TYPE)
    lines = _lines_unified(decode_text(data)).split("\n")
    paragraph: list[str] = []
    fenced = False
    at = 0

    def finish_paragraph() -> None:
        if paragraph:
            story.blocks.append(Paragraph(_inline("\n".join(paragraph))))
            paragraph.clear()

    while at < len(lines):
        line = lines[at].rstrip()
        at += 1
        if line.lstrip().startswith(("```", "~~~")):
            finish_paragraph()
            fenced = not fenced
        elif fenced:
            paragraph.append(line)
        elif not line.strip():
            finish_paragraph()
        elif heading := _HEADING.match(line):
            finish_paragraph()
            level = len(heading.group(1))
            text = heading.group(2)
            if level == 1 and not story.title:
                story.title = text
                story.blocks.append(plain(text, "title"))
            else:
                style = ("heading1", "heading1", "heading2", "heading3")[min(level, 4) - 1]
                story.blocks.append(plain(text, style))  # type: ignore[arg-type]
        elif set(line.strip()) <= set("-_* ") and len(line.strip()) >= 3 and not _BULLET.match(line):
            finish_paragraph()
            story.blocks.append(Rule())
        elif bullet := _BULLET.match(line):
            finish_paragraph()
            label = bullet.group(2)
            level = len(bullet.group(1).expandtabs(4)) // 2
            label = "•" if label in "-*+•" else label
            story.blocks.append(Paragraph(_inline(bullet.group(3)), label=label, level=level))
        elif _TABLE_LINE.match(line):
            finish_paragraph()
            rows = [line]
            while at < len(lines) and _TABLE_LINE.match(lines[at]):
                rows.append(lines[at])
                at += 1
            story.blocks.append(_table(rows))
        else:
            paragraph.append(line)
    finish_paragraph()
    if not story.blocks:
        raise IngestRefused("nothing-to-read")
    return story.check_length(limits)


def decode_text(data: bytes, charset: str = "") -> str:
    """The text of some bytes: a mark decides, else UTF-8 under a Western label, else the charset named, else
    UTF-8 even with a few breaks, else what fits best.

    IngestRefused when the outcome is not something a person wrote.
    """
    text = _decode(data, charset)
    controls = sum(sign < " " or "\x7f" <= sign < "\xa0" for sign in text) - sum(
        text.count(sign) for sign in _CONTROLS_ALLOWED
    )
    if controls * 100 > len(text):
        raise IngestRefused("not-text")
    return text


def _decode(data: bytes, charset: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    label = charset.strip().lower().replace("_", "-")
    western = label.startswith(_WESTERN)
    for encoding in ("utf-8", label) if western else filter(None, (label, "utf-8")):
        # Many mails wear a Western label over UTF-8, and Latin-1 itself almost always means its Windows form.
        try:
            return data.decode("cp1252" if encoding in _MEANT_AS_WINDOWS else encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    if sum(sign > "\x7f" for sign in text) > _GOOD_PER_BROKEN * broken:
        return text  # UTF-8 that was cut or damaged in a few places
    if _seems_chinese(data):
        return data.decode("gb18030", errors="replace")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _seems_chinese(data: bytes) -> bool:
    """Western text has few bytes above 127; Chinese in GB18030 has mostly these, in runs of even length."""
    sample = data[:65_536]
    runs = _HIGH_RUNS.findall(sample)
    high = sum(map(len, runs))
    if high < max(_MANY_HIGH_BYTES * len(sample), 8):
        return False
    if sum(len(run) for run in runs if len(run) % 2 == 0) < 0.9 * high:
        return False
    wide = [sign for sign in sample.decode("gb18030", errors="ignore") if sign > "\x7f"]
    common = sum("\u4e00" <= sign <= "\u9fff" or "\u3000" <= sign <= "\u303f" for sign in wide)
    return common >= 0.8 * len(wide)


def _lines_unified(text: str) -> str:
    unified = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    return unified.replace("\u2028", "\n").replace("\u2029", "\n\n").replace("\x0b", "\n")


def _inline(text: str) -> tuple[Run, ...]:
    runs: list[Run] = []
    at = 0
    for match in _BOLD.finditer(text):
        runs.append(Run(text[at : match.start()]))
        runs.append(Run(match.group(1), bold=True))
        at = match.end()
    runs.append(Run(text[at:]))
    return tuple(run for run in runs if run.text)


def _table(lines: list[str]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    head = len(lines) > 1 and bool(_TABLE_RULE.match(lines[1]))
    for index, line in enumerate(lines):
        if _TABLE_RULE.match(line):
            continue
        texts = line.strip().strip("|").split("|")
        bold = head and index == 0
        rows.append(tuple(Cell((Run(text.strip(), bold=bold),)) for text in texts))
    return Table(tuple(rows))
