"""Word documents: paragraphs, numbering, tables row by row, headers, notes.

Deleted and hidden text stays out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, Final

from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.part import PartFactory
from docx.oxml.ns import qn
from docx.package import Package
from docx.parts.document import DocumentPart

from app.ingest.limits import Limits
from app.ingest.refusals import IngestRefused
from app.ingest.stories import Block, Cell, PageBreak, Paragraph, Rule, Run, Story, Style, Table
from app.ingest.word_numbering import Numbering
from app.ingest.word_signs import face_of_run, read_sign, read_signs

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

_MC_CHOICE: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Choice"
_MC_ALTERNATE: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"
_PICTURE: Final = "{http://schemas.openxmlformats.org/drawingml/2006/picture}pic"
_MATH_TEXT: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_GONE: Final = frozenset(
    (qn("w:del"), qn("w:moveFrom"), qn("w:delText"), qn("w:instrText"), qn("w:pPr"), qn("w:rPr"))
)
_NOTE_KINDS: Final = {
    qn("w:footnoteReference"): "footnote",
    qn("w:endnoteReference"): "endnote",
    qn("w:commentReference"): "comment",
}
_NOTE_PARTS: Final = {
    "footnote": RELATIONSHIP_TYPE.FOOTNOTES,
    "endnote": RELATIONSHIP_TYPE.ENDNOTES,
    "comment": RELATIONSHIP_TYPE.COMMENTS,
}
_CALLED: Final = {"footnote": "note", "endnote": "note", "comment": "comment"}
_OTHER_MAIN_TYPES: Final = (
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
)
_HEADING: Final = re.compile(r"heading (\d)$", re.IGNORECASE)
_OUTLINE_STYLES: Final[tuple[Style, ...]] = ("heading1", "heading2", "heading3")
_WORDS: Final = re.compile(r"[^\W\d_]{2,}")


def read_word_document(data: bytes, limits: Limits) -> Story:
    """Read a document whose packing was checked before. IngestRefused where it cannot be read."""
    try:
        document = _open(data)
        return _Reader(document).read().check_length(limits)
    except (IngestRefused, MemoryError):
        raise
    except Exception:  # python-docx and lxml raise a dozen kinds for a broken part
        raise IngestRefused("damaged") from None


def _open(data: bytes) -> Any:
    """Also a template, or a document with macros (which stay what they are: bytes nobody looks at)."""
    for kind in _OTHER_MAIN_TYPES:
        PartFactory.part_type_for[kind] = DocumentPart
    main = Package.open(io.BytesIO(data)).main_document_part
    if not isinstance(main, DocumentPart):
        raise IngestRefused("damaged")
    return main.document


class _Reader:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._story = Story(MEDIA_TYPE)
        self._styles = {
            style.get(qn("w:styleId")): style for style in document.styles.element.iter(qn("w:style"))
        }
        self._numbering = Numbering(_related(document.part, RELATIONSHIP_TYPE.NUMBERING), self._styles)
        self._after: list[Any] = []  # text boxes met inside the paragraph being read
        self._notes_met: list[tuple[str, str]] = []

    def read(self) -> Story:
        story = self._story
        story.title = str(self._document.core_properties.title or "")
        body = self._document.element.body
        for reference in ("w:headerReference", "w:footerReference"):
            blocks = self._margins(body, reference)
            if reference == "w:headerReference":
                story.blocks += blocks
                story.blocks += list(self._blocks(body))
                story.blocks += self._footnotes()
            elif blocks:
                story.blocks += [Rule(), *blocks]
        if next(body.iter(_PICTURE), None) is not None:
            story.note("images-left-out")
        return story

    def _blocks(self, container: Any) -> Iterator[Block]:
        for element in container:
            tag = element.tag
            if tag == qn("w:p"):
                yield from self._paragraph(element)
            elif tag == qn("w:tbl"):
                yield self._table(element)
            elif tag in {qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:moveTo"), qn("w:customXml")}:
                yield from self._blocks(element)
            elif tag == _MC_ALTERNATE:
                choice = element.find(_MC_CHOICE)
                if choice is not None:
                    yield from self._blocks(choice)

    def _paragraph(self, element: Any) -> Iterator[Block]:
        runs: list[Run] = []
        breaks: list[list[Run]] = [runs]
        for run in self._runs(element, bold=False, italic=False):
            if run.text == "\f":
                runs = []
                breaks.append(runs)
            else:
                runs.append(run)
        properties = element.find(qn("w:pPr"))
        style_id = _value(properties, "w:pStyle")
        style, label, level = self._style(style_id, properties), "", 0
        if any(run.text.strip() for part in breaks for run in part):
            label, level = self._numbering.next_label(properties, style_id)
        if properties is not None and _switched_on(properties.find(qn("w:pageBreakBefore"))):
            yield PageBreak()
        for index, part in enumerate(breaks):
            if index:
                yield PageBreak()
            if "".join(run.text for run in part).strip():
                yield Paragraph(tuple(part), style, label, level)
                label = ""
        boxes, self._after = self._after, []
        for box in boxes:
            yield from self._blocks(box)

    def _runs(self, element: Any, *, bold: bool, italic: bool) -> Iterator[Run]:
        for child in element:
            tag = child.tag
            if tag in _GONE or not isinstance(tag, str):
                continue
            if tag == qn("w:r"):
                face = child.find(qn("w:rPr"))
                if face is not None and (
                    _switched_on(face.find(qn("w:vanish"))) or _switched_on(face.find(qn("w:webHidden")))
                ):
                    continue
                is_bold = face is not None and _switched_on(face.find(qn("w:b")))
                is_italic = face is not None and _switched_on(face.find(qn("w:i")))
                yield from self._runs(child, bold=is_bold, italic=is_italic)
            elif tag in {qn("w:t"), _MATH_TEXT}:
                yield Run(read_signs(child.text or "", face_of_run(element)), bold, italic)
            elif tag == qn("w:sym"):
                yield Run(read_sign(child.get(qn("w:char"), ""), child.get(qn("w:font"), "")), bold, italic)
            elif tag == qn("w:tab") or tag == qn("w:ptab"):
                yield Run("\t", bold, italic)
            elif tag == qn("w:br"):
                yield Run("\f" if child.get(qn("w:type")) == "page" else "\n", bold, italic)
            elif tag == qn("w:cr"):
                yield Run("\n", bold, italic)
            elif tag == qn("w:noBreakHyphen"):
                yield Run("\u2011", bold, italic)
            elif tag == qn("w:softHyphen"):
                yield Run("\u00ad", bold, italic)
            elif tag in _NOTE_KINDS:
                yield Run(self._meet_note(_NOTE_KINDS[tag], child), bold, italic)
            elif tag == _MC_ALTERNATE:
                choice = child.find(_MC_CHOICE)
                if choice is not None:
                    yield from self._runs(choice, bold=bold, italic=italic)
            elif tag in {qn("w:drawing"), qn("w:pict"), qn("w:object")}:
                self._after += _outermost(child, qn("w:txbxContent"))
            else:
                yield from self._runs(child, bold=bold, italic=italic)

    def _table(self, table: Any) -> Table:
        rows = []
        for row in table.iter(qn("w:tr")):
            if (
                _enclosing(row, qn("w:tbl")) is not table
                or row.find(f"{qn('w:trPr')}/{qn('w:del')}") is not None
            ):
                continue
            rows.append(
                tuple(
                    self._cell(cell) for cell in row.iter(qn("w:tc")) if _enclosing(cell, qn("w:tr")) is row
                )
            )
        return Table(tuple(row for row in rows if row))

    def _cell(self, cell: Any) -> Cell:
        properties = cell.find(qn("w:tcPr"))
        span = _value(properties, "w:gridSpan")
        merge = None if properties is None else properties.find(qn("w:vMerge"))
        width = int(span) if span.isdigit() and 0 < int(span) < 100 else 1
        if merge is not None and merge.get(qn("w:val"), "continue") == "continue":
            return Cell((), width)
        runs: list[Run] = []
        for block in self._blocks(cell):
            if runs:
                runs.append(Run("\n"))
            if isinstance(block, Paragraph):
                if block.label:
                    runs.append(Run(block.label + " "))
                runs += block.runs
            elif isinstance(block, Table):  # a table in a cell becomes lines of it
                for row in block.rows:
                    for inner in row:
                        runs += (*inner.runs, Run(" "))
                    runs.append(Run("\n"))
        return Cell(tuple(runs), width)

    def _margins(self, body: Any, reference: str) -> list[Block]:
        """Headers or footers, each text once; bare page numbers are left out."""
        blocks: list[Block] = []
        seen: set[str] = set()
        for element in body.iter(qn(reference)):
            part = self._document.part.related_parts.get(element.get(qn("r:id")))
            if part is None:
                continue
            for block in self._blocks(part.element):
                text = block.text if isinstance(block, Paragraph) else repr(block)
                words = [
                    word
                    for word in _WORDS.findall(text)
                    if word.lower() not in {"page", "sur", "of", "von", "de"}
                ]
                if words and text not in seen:
                    seen.add(text)
                    blocks.append(Paragraph(block.runs, "small") if isinstance(block, Paragraph) else block)
        return blocks

    def _meet_note(self, kind: str, reference: Any) -> str:
        self._notes_met.append((kind, reference.get(qn("w:id"), "")))
        return f" ({_CALLED[kind]} {len(self._notes_met)})"

    def _footnotes(self) -> list[Block]:
        if not self._notes_met:
            return []
        texts: dict[tuple[str, str], Any] = {}
        for kind, relation in _NOTE_PARTS.items():
            root = _related(self._document.part, relation)
            if root is not None:
                for note in root.iter(qn(f"w:{kind}")):
                    texts[kind, note.get(qn("w:id"), "")] = note
        blocks: list[Block] = [Rule()]
        for number, key in enumerate(list(self._notes_met), start=1):
            note = texts.get(key)
            if note is None:
                continue
            author = note.get(qn("w:author"), "")
            label = f"({_CALLED[key[0]]} {number}{', ' if author else ''}{author})"
            for block in self._blocks(note):
                if isinstance(block, Paragraph):
                    blocks.append(Paragraph((Run(f"{label} ".lstrip()), *block.runs), "small"))
                    label = ""
        return blocks

    def _style(self, style_id: str, properties: Any) -> Style:
        outline = _value(properties, "w:outlineLvl")
        for _ in range(20):
            style = self._styles.get(style_id)
            if style is None:
                break
            name = _value(style, "w:name")
            if name.lower() == "title":
                return "title"
            if heading := _HEADING.match(name):
                return _OUTLINE_STYLES[min(int(heading.group(1)) or 1, 3) - 1]
            outline = outline or _value(style.find(qn("w:pPr")), "w:outlineLvl")
            style_id = _value(style, "w:basedOn")
        if outline.isdigit() and int(outline) < 9:
            return _OUTLINE_STYLES[min(int(outline), 2)]
        return "body"


def _related(part: Any, relation: str) -> Any:
    """The root element of a related part, parsed with python-docx's own parser; None when there is none."""
    try:
        related = part.part_related_by(relation)
    except KeyError:
        return None
    element = getattr(related, "element", None)
    if element is None:
        from docx.oxml.parser import parse_xml

        element = parse_xml(related.blob)
    return element


def _value(parent: Any, name: str) -> str:
    """The w:val of a child element; empty when there is none."""
    if parent is None:
        return ""
    child = parent.find(qn(name))
    return "" if child is None else str(child.get(qn("w:val"), ""))


def _switched_on(element: Any) -> bool:
    return element is not None and element.get(qn("w:val"), "true") not in {"0", "false", "off"}


def _outermost(element: Any, tag: str) -> list[Any]:
    found = []
    for child in element:
        if child.tag == tag:
            found.append(child)
        else:
            found += _outermost(child, tag)
    return found


def _enclosing(element: Any, tag: str) -> Any:
    parent = element.getparent()
    while parent is not None and parent.tag != tag:
        parent = parent.getparent()
    return parent
