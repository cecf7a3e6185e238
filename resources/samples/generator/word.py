"""DOCX papers, written with python-docx and packed again with fixed dates."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from .markup import Block, Paper, typeset

ALIGNMENT = {"right": WD_ALIGN_PARAGRAPH.RIGHT, "centre": WD_ALIGN_PARAGRAPH.CENTER}


def add_runs(paragraph: Paragraph, text: str, language: str) -> None:
    """Add a line to a paragraph, **bold** and //italic// kept."""
    for piece in re.split(r"(\*\*.+?\*\*|//.+?//)", typeset(text, language)):
        if piece.startswith("**"):
            paragraph.add_run(piece[2:-2]).bold = True
        elif piece.startswith("//"):
            paragraph.add_run(piece[2:-2]).italic = True
        elif piece:
            paragraph.add_run(piece)


def add_page_field(paragraph: Paragraph) -> None:
    """Add Word's own page number field."""
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        run = paragraph.add_run()
        if kind:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        else:
            element = OxmlElement("w:instrText")
            element.text = text
        run._r.append(element)


def repack(data: bytes) -> bytes:
    """Return the same archive with every member dated 1980-01-01, so that equal text gives equal bytes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(sink, "w") as target:
        for member in source.infolist():
            entry = zipfile.ZipInfo(member.filename, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 0
            target.writestr(entry, source.read(member))
    return sink.getvalue()


class WordFile:
    """Writes one paper as DOCX."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.document = Document()
        self.colour = RGBColor.from_string(paper.first("colour", "333333"))
        normal = self.document.styles["Normal"]
        normal.font.name = "Times New Roman" if paper.first("font") == "Times" else "Arial"
        normal.font.size = Pt(float(paper.first("size", "10.5")))
        normal.paragraph_format.space_after = Pt(6)
        section = self.document.sections[0]
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.left_margin = section.right_margin = Mm(22)
        section.top_margin = section.bottom_margin = Mm(20)
        stamp = datetime.fromisoformat(paper.first("date"))
        properties = self.document.core_properties
        properties.title, properties.author = paper.first("title"), paper.first("author")
        properties.comments, properties.last_modified_by = "", paper.first("author")
        properties.created = properties.modified = stamp
        head = section.header.paragraphs[0]
        head.text = typeset("\n".join(paper.fields.get("head", [])), paper.language)
        for run in head.runs:
            run.font.size, run.font.color.rgb = Pt(8.5), self.colour
        foot = section.footer.paragraphs[0]
        foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
        foot.add_run(typeset(paper.first("foot"), paper.language) + " – page ")
        add_page_field(foot)

    def add_table(self, block: Block) -> None:
        """Add a ruled table with a bold first row."""
        rows = [[cell.strip() for cell in line.split(" | ")] for line in block.lines]
        table = self.document.add_table(rows=len(rows), cols=len(rows[0]))
        table.style = "Table Grid"
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                paragraph = table.cell(number, column).paragraphs[0]
                paragraph.paragraph_format.space_after = Pt(1)
                add_runs(paragraph, text, self.paper.language)
                if number == 0 and "nohead" not in block.option:
                    for run in paragraph.runs:
                        run.bold = True
        self.document.add_paragraph().paragraph_format.space_after = Pt(2)

    def add_block(self, block: Block) -> None:
        """Add one block."""
        language = self.paper.language
        if block.kind == "table":
            self.add_table(block)
        elif block.kind == "pagebreak":
            self.document.add_page_break()
        elif block.kind in {"title", "section", "subsection"}:
            level = {"title": 1, "section": 2, "subsection": 3}[block.kind]
            heading = self.document.add_heading(typeset(" ".join(block.lines), language), level)
            for run in heading.runs:
                run.font.color.rgb = self.colour
        elif block.kind == "bullet":
            add_runs(self.document.add_paragraph(style="List Bullet"), " ".join(block.lines), language)
        elif block.kind in {"left", "right", "centre"}:
            paragraph = self.document.add_paragraph()
            if block.kind in ALIGNMENT:
                paragraph.alignment = ALIGNMENT[block.kind]
            for number, line in enumerate(block.lines):
                if number:
                    paragraph.add_run().add_break()
                add_runs(paragraph, line, language)
        elif block.kind in {"paragraph", "box"}:
            add_runs(self.document.add_paragraph(), " ".join(block.lines), language)
        else:
            raise ValueError(f"{self.paper.name}: {block.kind} has no form in a DOCX")

    def write(self) -> bytes:
        """Return the DOCX."""
        for block in self.paper.blocks:
            self.add_block(block)
        sink = io.BytesIO()
        self.document.save(sink)
        return repack(sink.getvalue())


def write_docx(paper: Paper) -> bytes:
    """Return the paper as a DOCX."""
    return WordFile(paper).write()
