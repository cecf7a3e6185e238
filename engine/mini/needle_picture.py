"""Tells and draws what the needle test found: a field per length and depth, framed inside the window."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pymupdf

from engine.mini.evaluate import SHIPPED
from engine.mini.needle import LENGTHS_TOK, Cell, measure
from engine.models.loading import load

Colour = tuple[float, float, float]

FIELD_PT = (52.0, 26.0)
LEFT_PT, TOP_PT, GAP_PT = 96.0, 84.0, 74.0
DOTS_PER_INCH = 144
INK: Colour = (0.13, 0.13, 0.15)
FAINT: Colour = (0.42, 0.42, 0.45)
NEVER: Colour = (0.97, 0.90, 0.86)
HALF: Colour = (0.99, 0.86, 0.55)
ALWAYS: Colour = (0.36, 0.66, 0.50)


def colour_of(share: float) -> Colour:
    """From pale red (never found) over yellow to green (always found)."""
    low, high, part = (NEVER, HALF, share / 50) if share <= 50 else (HALF, ALWAYS, share / 50 - 1)
    red, green, blue = ((1 - part) * a + part * b for a, b in zip(low, high, strict=True))
    return red, green, blue


def name_length(length_tok: int) -> str:
    return f"{length_tok // 1000}k" if length_tok >= 1000 else str(length_tok)


def draw(cells: Sequence[Cell], window_tok: int, title: str, path: Path) -> None:
    """A PNG at `path`: a panel for each way of asking, lengths to the right, depths downward."""
    ways = list(dict.fromkeys(cell.way for cell in cells))
    lengths = sorted({cell.length_tok for cell in cells})
    depths = sorted({cell.depth for cell in cells})
    width, height = FIELD_PT
    panel_pt = len(depths) * height + GAP_PT
    with pymupdf.open() as document:
        page = document.new_page(
            width=LEFT_PT + len(lengths) * width + 24, height=TOP_PT + len(ways) * panel_pt
        )
        _write(page, 24, 26, title, 12, bold=True)
        _write(
            page, 24, 42, f"Share of facts found, in per cent. Framed: within the last {window_tok} tokens."
        )
        for number, way in enumerate(ways):
            top = TOP_PT + number * panel_pt
            _write(page, 24, top - 12, f"Question {way}", 10, bold=True)
            for row, depth in enumerate(depths):
                _write(page, 24, top + row * height + height * 0.64, f"{depth} % before it", 8, FAINT)
            for column, length in enumerate(lengths):
                x = LEFT_PT + column * width
                _centre(page, x, width, top + len(depths) * height + 12, name_length(length), 8, FAINT)
            _centre(
                page, LEFT_PT, len(lengths) * width, top + len(depths) * height + 26, "tokens read", 8, FAINT
            )
            for cell in cells:
                if cell.way == way:
                    x = LEFT_PT + lengths.index(cell.length_tok) * width
                    _field(page, cell, x, top + depths.index(cell.depth) * height, window_tok)
        page.get_pixmap(dpi=DOTS_PER_INCH).save(path)


def _field(page: pymupdf.Page, cell: Cell, x: float, y: float, window_tok: int) -> None:
    width, height = FIELD_PT
    field = pymupdf.Rect(x + 1.5, y + 1.5, x + width - 1.5, y + height - 1.5)
    within = cell.distance_tok <= window_tok
    page.draw_rect(field, color=INK if within else None, fill=colour_of(cell.share), width=1.4)
    _centre(page, x, width, y + height * 0.64, f"{cell.share:.0f}", 9, INK)


def _write(
    page: pymupdf.Page,
    x: float,
    y: float,
    text: str,
    size: float = 9,
    colour: Colour = INK,
    *,
    bold: bool = False,
) -> None:
    page.insert_text((x, y), text, fontsize=size, fontname="hebo" if bold else "helv", color=colour)


def _centre(
    page: pymupdf.Page, x: float, width: float, y: float, text: str, size: float, colour: Colour
) -> None:
    shift = (width - pymupdf.get_text_length(text, fontname="helv", fontsize=size)) / 2
    _write(page, x + shift, y, text, size, colour)


def as_markdown(cells: Sequence[Cell], window_tok: int) -> str:
    """A table per way of asking; shares within the window are bold."""
    lines = []
    lengths = sorted({cell.length_tok for cell in cells})
    for way in dict.fromkeys(cell.way for cell in cells):
        lines += [f"| {way}: depth | " + " | ".join(map(name_length, lengths)) + " |"]
        lines += ["|" + "---|" * (len(lengths) + 1)]
        for depth in sorted({cell.depth for cell in cells}):
            row = [
                next(c for c in cells if (c.way, c.length_tok, c.depth) == (way, length, depth))
                for length in lengths
            ]
            shown = [
                f"**{c.share:.0f} %**" if c.distance_tok <= window_tok else f"{c.share:.0f} %" for c in row
            ]
            lines += [f"| {depth} % | " + " | ".join(shown) + " |"]
        lines += [""]
    asked = sorted({(cell.length_tok, cell.asked) for cell in cells})
    counts = ", ".join(f"{name_length(length)}: {count}" for length, count in asked)
    return "\n".join([*lines, f"Facts asked for in each field: {counts}. Bold: within the window.", ""])


def report_to(
    folder: Path, path: Path | None, *, longest_tok: int, needles: int, threads: int = 1
) -> list[Cell]:
    """Measure the model at `path` (the shipped one by default); needle.md, .json and .png under `folder`."""
    model = load(path or SHIPPED, threads=threads)
    name = f"{model.info.label_en or model.info.name}, identity {model.info.identity[:16]}"

    def tell(cell: Cell) -> None:
        print(
            f"{cell.length_tok:>8,} tokens, {cell.depth:>3} % before it, question {cell.way}: "
            f"{cell.found} of {cell.asked}",
            flush=True,
        )

    lengths = tuple(length for length in LENGTHS_TOK if length <= longest_tok)
    cells = measure(model, lengths_tok=lengths, needles=needles, tell=tell)
    window_tok = model.info.window_tok
    folder.mkdir(parents=True, exist_ok=True)
    values = {"model": name, "window_tok": window_tok, "cells": [asdict(cell) for cell in cells]}
    (folder / "needle.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    (folder / "needle.md").write_text(f"{name}…\n\n{as_markdown(cells, window_tok)}", encoding="utf-8")
    draw(cells, window_tok, name, folder / "needle.png")
    return cells
