"""PDF papers: blocks laid out with reportlab, byte-stable."""

from __future__ import annotations

import io
import re
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from .furniture import PAGE_HEIGHT, PAGE_WIDTH, Signature, Stamp, draw_folio, draw_letterhead, face
from .markup import Block, Paper, typeset
from .vitals import build_vitals

MARGIN_MM = 24
HEAD_HEIGHT_MM = {"band": 38, "centre": 44, "left": 42, "side": 42, "plain": 20}


def inline(text: str, language: str) -> str:
    """Return reportlab's inline XML for one line, refusing what the base-14 fonts cannot draw."""
    text = typeset(text, language)
    text.encode("cp1252")
    text = escape(text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    return re.sub(r"//(.+?)//", r"<i>\1</i>", text)


class Sheet:
    """Lays out one paper."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.font = paper.first("font", "Helvetica")
        self.size = float(paper.first("size", "10"))
        self.colour = HexColor("#" + paper.first("colour", "333333"))
        self.side = paper.first("style") == "side"
        self.width = PAGE_WIDTH - (86 if self.side else 2 * MARGIN_MM) * mm
        leading = self.size * float(paper.first("leading", "1.45"))
        base = ParagraphStyle("base", fontName=face(self.font), fontSize=self.size, leading=leading)
        justified = TA_JUSTIFY if paper.first("justify", "yes") == "yes" else 0

        def style(name: str, **changes: object) -> ParagraphStyle:
            return ParagraphStyle(name, parent=base, **changes)

        bold = face(self.font, "bold")
        self.styles = {
            "paragraph": style(
                "paragraph", spaceAfter=self.size * 0.75, alignment=justified, allowWidows=0, allowOrphans=0
            ),
            "bullet": style("bullet", leftIndent=14, bulletIndent=4, spaceAfter=2.5),
            "left": style("left", spaceAfter=self.size * 0.7),
            "right": style("right", spaceAfter=self.size * 0.7, leftIndent=self.width * 0.52),
            "centre": style("centre", alignment=TA_CENTER, spaceAfter=self.size * 0.8),
            "box": style(
                "box",
                borderColor=self.colour,
                borderWidth=0.8,
                borderPadding=6,
                spaceBefore=14,
                spaceAfter=12,
                backColor=HexColor("#F6F6F2"),
            ),
            "title": style(
                "title",
                fontName=bold,
                fontSize=self.size + 4,
                leading=self.size + 8,
                alignment=TA_CENTER,
                spaceBefore=6,
                spaceAfter=10,
                textColor=self.colour,
            ),
            "section": style(
                "section",
                fontName=bold,
                fontSize=self.size + 1,
                spaceBefore=9,
                spaceAfter=5,
                textColor=self.colour,
                keepWithNext=1,
            ),
            "subsection": style("subsection", fontName=bold, spaceBefore=4, spaceAfter=2, keepWithNext=1),
        }
        cell_size = self.size - 0.8
        self.cell = style("cell", fontSize=cell_size, leading=cell_size * 1.22)
        self.cell_right = ParagraphStyle("cell_right", parent=self.cell, alignment=TA_RIGHT)

    def build_table(self, block: Block) -> Table:
        """Build a table; its option names column shares, right-aligned columns and the rules wanted."""
        words = block.option.split()
        shares = next(([float(n) for n in w.split(",")] for w in words if w[0].isdigit()), [])
        right = next(({int(n) for n in w[2:].split(",")} for w in words if w.startswith("r=")), set())
        rows = [[cell.strip() for cell in line.split(" | ")] for line in block.lines]
        shares = shares or [1.0] * max(len(row) for row in rows)
        if any(len(row) != len(shares) for row in rows):
            raise ValueError(f"{self.paper.name}: ragged table at {rows[0]}")
        headed = "nohead" not in words
        light = white if "lines" not in words else black
        cells = []
        for number, row in enumerate(rows):
            line = []
            for column, text in enumerate(row):
                marked = inline(text, self.paper.language)
                if number == 0 and headed:
                    tint = "#FFFFFF" if light is white else "#000000"
                    marked = f'<font color="{tint}"><b>{marked}</b></font>'
                line.append(Paragraph(marked, self.cell_right if column in right else self.cell))
            cells.append(line)
        total = sum(shares)
        commands: list[tuple[object, ...]] = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ]
        if "plain" not in words:
            if "lines" in words:
                commands += [("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#999999"))]
            else:
                commands += [("GRID", (0, 0), (-1, -1), 0.4, HexColor("#888888"))]
                if headed:
                    commands += [("BACKGROUND", (0, 0), (-1, 0), self.colour)]
        table = Table(
            cells,
            colWidths=[f"{share / total * 100:.4f}%" for share in shares],
            repeatRows=1 if headed else 0,
            spaceBefore=3,
            spaceAfter=8,
        )
        table.setStyle(TableStyle(commands))
        return table

    def build_flowables(self) -> list[Flowable]:
        """Build reportlab's story from the paper's blocks."""
        language = self.paper.language
        story: list[Flowable] = [NextPageTemplate("later")]
        for block in self.paper.blocks:
            if block.kind == "vitals":
                block = build_vitals(block.lines[0], language)
            if block.kind == "table":
                story.append(self.build_table(block))
            elif block.kind == "pagebreak":
                story.append(PageBreak())
            elif block.kind == "sign":
                signature = Signature(block.lines[0])
                signature.keepWithNext = 1
                story.append(signature)
            elif block.kind == "stamp":
                story.append(Stamp(typeset(block.lines[0], language)))
            elif block.kind == "space":
                story.append(Spacer(1, float(block.lines[0]) * mm))
            else:
                joint = "<br/>" if block.kind in {"left", "right", "centre", "title"} else " "
                text = joint.join(inline(line, language) for line in block.lines)
                bullet = "•" if block.kind == "bullet" else None
                story.append(Paragraph(text, self.styles[block.kind], bulletText=bullet))
        return story

    def build(self, total: int, sink: io.BytesIO) -> int:
        """Write the PDF with the given page total in its folios; return how many pages there are."""
        paper, count = self.paper, 0

        def first(canvas: Canvas, document: BaseDocTemplate) -> None:
            nonlocal count
            count = document.page
            draw_letterhead(canvas, paper)
            draw_folio(canvas, paper, document.page, total)

        def later(canvas: Canvas, document: BaseDocTemplate) -> None:
            nonlocal count
            count = document.page
            draw_folio(canvas, paper, document.page, total)

        bottom = 26 * mm

        def frame(head_mm: float, left: float, width: float) -> Frame:
            height = PAGE_HEIGHT - head_mm * mm - bottom
            return Frame(
                left, bottom, width, height, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
            )

        left = (62 if self.side else MARGIN_MM) * mm
        whole = PAGE_WIDTH - 2 * MARGIN_MM * mm

        head_mm = float(paper.first("headroom") or HEAD_HEIGHT_MM[paper.first("style", "plain")])
        document = BaseDocTemplate(
            sink,
            pagesize=A4,
            title=paper.first("title"),
            author=paper.first("author"),
            subject="",
            creator="",
            invariant=1,
            lang=paper.language,
        )
        document.addPageTemplates(
            [
                PageTemplate("first", [frame(head_mm, left, self.width)], onPage=first),
                PageTemplate("later", [frame(22, MARGIN_MM * mm, whole)], onPage=later),
            ]
        )
        document.build(self.build_flowables())
        return count


def write_pdf(paper: Paper) -> bytes:
    """Return the paper as a PDF; laid out twice, since the folio names the number of pages."""
    total = Sheet(paper).build(0, io.BytesIO())
    sink = io.BytesIO()
    Sheet(paper).build(total, sink)
    return sink.getvalue()
