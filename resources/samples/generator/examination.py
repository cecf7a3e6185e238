"""The questions over the dossiers: read from text, placed on their pages, written as JSON values."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import pymupdf
from docx import Document

from .keywords import shares_keyword
from .markup import collapse, curl

DOCX_FIRST_PAGE_WORDS = 260


def read_pages(name: str, data: bytes) -> list[str]:
    """Return the text of each page, whitespace collapsed; DOCX and EML count as one page."""
    if name.endswith(".pdf"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pymupdf.open(stream=data, filetype="pdf") as document:
                return [collapse(page.get_text()) for page in document]
    if name.endswith(".docx"):
        document = Document(io.BytesIO(data))
        pieces = []
        for item in document.iter_inner_content():
            if hasattr(item, "rows"):
                pieces += [cell.text for row in item.rows for cell in row.cells]
            else:
                pieces.append(item.text)
        return [collapse(" ".join(pieces))]
    return [collapse(data.decode())]


def read_questions(path: Path) -> list[dict[str, str]]:
    """Read a question file: blocks of 'Q:', 'A:', 'D:' and 'W:' lines, a blank line between."""
    entries = []
    for part in re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip()):
        entry = {line[0]: line[3:].strip() for line in part.splitlines()}
        if "Q" not in entry or "A" not in entry:
            raise ValueError(f"{path.name}: incomplete question:\n{part}")
        entries.append(entry)
    return entries


def place(entry: dict[str, str], pages: dict[str, list[str]], parents: dict[str, str]) -> dict[str, object]:
    """Find a question's quote on its one page; raise when it is not there, or its answer not in it."""
    name = entry["D"]
    mail = name.endswith(".eml")
    quote, answer = (entry[key] if mail else curl(entry[key]) for key in "WA")
    found = [number for number, text in enumerate(pages[name], 1) if quote in text]
    if not found:
        raise ValueError(f"{name}: not on any page: {quote}")
    if answer not in quote:
        raise ValueError(f"{name}: answer {answer!r} is not in its quote")
    if name.endswith(".docx"):
        before = pages[name][0].partition(quote)[0]
        if len(before.split()) > DOCX_FIRST_PAGE_WORDS:
            raise ValueError(f"{name}: quote stands past the first page: {quote}")
    placed: dict[str, object] = {"answer": answer, "document": name, "page": found[0], "quote": quote}
    if parents[name]:
        placed["attached_to"] = parents[name]
    placed["shares_keyword"] = shares_keyword(entry["Q"], quote)
    return placed


def examine(
    dossier: str, path: Path, pages: dict[str, list[str]], parents: dict[str, str]
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return a dossier's answered questions and its absent ones."""
    present: list[dict[str, object]] = []
    absent: list[dict[str, object]] = []
    for entry in read_questions(path):
        head = {"dossier": dossier, "language": dossier[-2:], "question": entry["Q"]}
        if entry["A"] == "-":
            absent.append({"id": f"{dossier}-absent-{len(absent) + 1:02d}", **head, "answer": None})
        else:
            number = f"{dossier}-{len(present) + 1:02d}"
            present.append({"id": number, **head, **place(entry, pages, parents)})
    return present, absent
