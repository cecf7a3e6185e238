"""What makes a page look like a paper: letterheads, logos, stamps, signatures, folios."""

from __future__ import annotations

import math
import random
import zlib

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from .markup import Paper, typeset

PAGE_WIDTH, PAGE_HEIGHT = A4
GREY = HexColor("#555555")


def face(font: str, weight: str = "") -> str:
    """Return the base-14 face of a family: weight is '', 'bold' or 'italic'."""
    italic = "Italic" if font == "Times" else "Oblique"
    suffix = {"": "-Roman" if font == "Times" else "", "bold": "-Bold", "italic": f"-{italic}"}[weight]
    return font + suffix


def draw_logo(canvas: Canvas, kind: str, x: float, y: float, size: float, colour: Color) -> None:
    """Draw a small emblem with its lower left corner at x, y (points)."""
    canvas.saveState()
    canvas.setFillColor(colour)
    canvas.setStrokeColor(colour)
    middle_x, middle_y, arm = x + size / 2, y + size / 2, size / 5
    if kind == "cross":
        canvas.circle(middle_x, middle_y, size / 2, stroke=0, fill=1)
        canvas.setFillColor(white)
        canvas.rect(middle_x - arm / 2, y + arm, arm, size - 2 * arm, stroke=0, fill=1)
        canvas.rect(x + arm, middle_y - arm / 2, size - 2 * arm, arm, stroke=0, fill=1)
    elif kind == "drop":
        canvas.circle(middle_x, y + size * 0.36, size * 0.33, stroke=0, fill=1)
        path = canvas.beginPath()
        path.moveTo(x + size * 0.2, y + size * 0.48)
        path.lineTo(middle_x, y + size)
        path.lineTo(x + size * 0.8, y + size * 0.48)
        canvas.drawPath(path, stroke=0, fill=1)
    elif kind == "scales":
        canvas.setLineWidth(1.3)
        canvas.line(middle_x, y, middle_x, y + size)
        canvas.line(x, y + size * 0.85, x + size, y + size * 0.85)
        for side in (x + size * 0.02, x + size * 0.62):
            canvas.arc(side, y + size * 0.25, side + size * 0.36, y + size * 0.6, 180, 180)
            canvas.line(side + size * 0.18, y + size * 0.85, side, y + size * 0.42)
            canvas.line(side + size * 0.18, y + size * 0.85, side + size * 0.36, y + size * 0.42)
        canvas.line(x + size * 0.3, y, x + size * 0.7, y)
    elif kind == "roof":
        path = canvas.beginPath()
        path.moveTo(x, y + size * 0.5)
        path.lineTo(middle_x, y + size)
        path.lineTo(x + size, y + size * 0.5)
        canvas.drawPath(path, stroke=0, fill=1)
        canvas.rect(x + size * 0.16, y, size * 0.68, size * 0.44, stroke=0, fill=1)
    canvas.restoreState()


def draw_letterhead(canvas: Canvas, paper: Paper) -> None:
    """Draw the first page's head: style is side, band, centre, left or plain."""
    style, font = paper.first("style", "plain"), paper.first("font", "Helvetica")
    colour = HexColor("#" + paper.first("colour", "333333"))
    head = [typeset(line, paper.language) for line in paper.fields.get("head", [])]
    logo, top = paper.first("logo"), PAGE_HEIGHT - 16 * mm
    canvas.saveState()
    if style == "band":
        canvas.setFillColor(colour)
        canvas.rect(0, PAGE_HEIGHT - 30 * mm, PAGE_WIDTH, 30 * mm, stroke=0, fill=1)
        canvas.setFillColor(white)
        canvas.setFont(face(font, "bold"), 16)
        canvas.drawString(24 * mm, PAGE_HEIGHT - 13 * mm, head[0])
        canvas.setFont(face(font), 8.5)
        for number, line in enumerate(head[1:]):
            canvas.drawString(24 * mm, PAGE_HEIGHT - 18.5 * mm - number * 10.5, line)
    elif style == "centre":
        canvas.setFillColor(colour)
        if logo:
            draw_logo(canvas, logo, PAGE_WIDTH / 2 - 5 * mm, top - 2 * mm, 10 * mm, colour)
            top -= 8 * mm
        canvas.setFont(face(font, "bold"), 15)
        canvas.drawCentredString(PAGE_WIDTH / 2, top, head[0])
        canvas.setFont(face(font, "italic"), 9)
        for number, line in enumerate(head[1:]):
            canvas.drawCentredString(PAGE_WIDTH / 2, top - 13 - number * 11, line)
        canvas.setStrokeColor(colour)
        base = top - 8 - len(head[1:]) * 11 - 6
        canvas.line(60 * mm, base, PAGE_WIDTH - 60 * mm, base)
    elif style in {"left", "side"}:
        start = 24 * mm
        if logo:
            draw_logo(canvas, logo, start, top - 11 * mm, 15 * mm, colour)
            start += 24 * mm
        canvas.setFillColor(colour)
        canvas.setFont(face(font, "bold"), 13)
        canvas.drawString(start, top, head[0])
        canvas.setFillColor(GREY)
        canvas.setFont(face(font), 8.5)
        for number, line in enumerate(head[1:]):
            canvas.drawString(start, top - 13 - number * 10.5, line)
        canvas.setStrokeColor(colour)
        canvas.setLineWidth(1)
        canvas.line(24 * mm, PAGE_HEIGHT - 36 * mm, PAGE_WIDTH - 24 * mm, PAGE_HEIGHT - 36 * mm)
    if style == "side":
        draw_side_column(canvas, paper, font, colour)
    canvas.restoreState()


def draw_side_column(canvas: Canvas, paper: Paper, font: str, colour: Color) -> None:
    """Draw the narrow column of a hospital letter: the department and its doctors."""
    y = PAGE_HEIGHT - 48 * mm
    for line in paper.fields.get("side", []):
        bold = line.startswith("**")
        canvas.setFillColor(colour if bold else GREY)
        canvas.setFont(face(font, "bold" if bold else ""), 7.5)
        canvas.drawString(15 * mm, y, typeset(line.strip("*"), paper.language))
        y -= 10 if line else 6
    canvas.setStrokeColor(colour)
    canvas.setLineWidth(0.5)
    canvas.line(57 * mm, PAGE_HEIGHT - 42 * mm, 57 * mm, 25 * mm)


def draw_folio(canvas: Canvas, paper: Paper, page: int, total: int) -> None:
    """Draw the foot of a page, and the running head from the second page on."""
    font = paper.first("font", "Helvetica")
    canvas.saveState()
    canvas.setFillColor(GREY)
    canvas.setFont(face(font), 7.5)
    for number, line in enumerate(paper.fields.get("foot", [])):
        canvas.drawCentredString(PAGE_WIDTH / 2, 13 * mm - number * 9, typeset(line, paper.language))
    joint = "sur" if paper.language == "fr" else "of"
    canvas.drawRightString(PAGE_WIDTH - 24 * mm, 18 * mm, f"Page {page} {joint} {total}")
    running = paper.first("run")
    if page > 1 and running:
        canvas.drawString(24 * mm, PAGE_HEIGHT - 13 * mm, typeset(running, paper.language))
        canvas.setStrokeColor(GREY)
        canvas.setLineWidth(0.4)
        canvas.line(24 * mm, PAGE_HEIGHT - 15 * mm, PAGE_WIDTH - 24 * mm, PAGE_HEIGHT - 15 * mm)
    canvas.restoreState()


class Signature(Flowable):  # type: ignore[misc]
    """A pen stroke, always the same for the same name, right of the middle."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.width, self.height = name, 170.0, 36.0

    def wrap(self, available_width: float, _height: float) -> tuple[float, float]:
        """Take the full width, so the stroke can stand to the right."""
        self.left = max(0.0, available_width - self.width - 20)
        return available_width, self.height

    def draw(self) -> None:
        """Draw linked curves that lean like handwriting."""
        source = random.Random(zlib.crc32(self.name.encode()))
        canvas = self.canv
        canvas.setStrokeColor(HexColor("#1B2A6B"))
        canvas.setLineWidth(1.1)
        path = canvas.beginPath()
        lean, x, y = source.uniform(2, 9), self.left, source.uniform(8, 16)
        path.moveTo(x, y)
        for index in range(source.randint(4, 7)):
            tall = index == 0 or source.random() < 0.35
            rise = source.uniform(20, 34) if tall else source.uniform(4, 13)
            step = source.uniform(10, 24)
            path.curveTo(
                x + lean, y + rise, x + step + lean, y + rise * source.uniform(0.5, 1.2), x + step * 0.6, y
            )
            dip = source.uniform(3, 9)
            path.curveTo(
                x + step * 0.5, y - dip, x + step, y - dip * 0.6, x + step, y + source.uniform(-2, 3)
            )
            x += step
        if source.random() < 0.7:
            path.curveTo(x + 30, y + 10, self.left + 50, y - 16, self.left - 10, y - source.uniform(4, 10))
        canvas.drawPath(path, stroke=1, fill=0)


class Stamp(Flowable):  # type: ignore[misc]
    """An ink stamp, a little askew, at the right margin; it takes no height of its own."""

    def __init__(self, text: str, font_size: float = 9) -> None:
        super().__init__()
        self.lines, self.font_size = text.split(" / "), font_size

    def wrap(self, available_width: float, _height: float) -> tuple[float, float]:
        """Take the room of the stamp's frame."""
        self.box_width = 16 + max(len(line) for line in self.lines) * self.font_size * 0.62
        self.box_height = 12 + len(self.lines) * (self.font_size + 3)
        self.left = available_width - self.box_width - 12
        return available_width, self.box_height + 14

    def draw(self) -> None:
        """Draw the frame and its lines, turned by four degrees."""
        canvas = self.canv
        canvas.translate(self.left, 4)
        canvas.rotate(math.copysign(4, len(self.lines) % 2 - 0.5))
        colour = HexColor("#A02020")
        canvas.setStrokeColor(colour)
        canvas.setFillColor(colour)
        canvas.setLineWidth(1.4)
        canvas.roundRect(0, 0, self.box_width, self.box_height, 4, stroke=1, fill=0)
        canvas.setFont("Helvetica-Bold", self.font_size)
        for number, line in enumerate(self.lines):
            y = self.box_height - 6 - (number + 1) * (self.font_size + 2)
            canvas.drawCentredString(self.box_width / 2, y + 2, line)
