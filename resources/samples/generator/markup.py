"""The small markup the sample papers are written in, and its reading into blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

NO_BREAK = "\u00a0"
MARKS = {
    "# ": "title",
    "## ": "section",
    "### ": "subsection",
    "- ": "bullet",
    ">> ": "right",
    "<< ": "left",
    "^^ ": "centre",
    "!! ": "box",
}
DIRECTIVES = ("sign", "stamp", "space", "vitals")


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a page: its kind, its lines, and the options of its directive."""

    kind: str
    lines: tuple[str, ...]
    option: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """One document to write: where it goes, how it looks, what it says."""

    name: str
    parent: str
    language: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    def first(self, key: str, default: str = "") -> str:
        """Return the first value of a field."""
        return self.fields.get(key, [default])[0]


def collapse(text: str) -> str:
    """Return the text with every run of whitespace, no-break spaces included, made one space."""
    return " ".join(text.split())


def curl(text: str) -> str:
    """Return the text with typographic apostrophes, as word processors leave it."""
    return text.replace("'", "’")


def typeset(text: str, language: str) -> str:
    """Return the text as a typist's program would set it: curly apostrophes, no-break spaces in French."""
    text = curl(text)
    if language == "fr":
        text = re.sub(r" (?=[:;?!»%€])", NO_BREAK, text).replace("« ", "«" + NO_BREAK)
        text = re.sub(r"(?<=\d) (?=\d{3}(?!\d))", NO_BREAK, text)
    return text


def parse_blocks(body: str) -> tuple[Block, ...]:
    """Read the body of a paper into blocks; a blank line ends a block."""
    blocks: list[Block] = []
    kind, lines, option, table_option = "", [], "", ""

    def close() -> None:
        nonlocal kind, lines, option
        if kind:
            blocks.append(Block(kind, tuple(lines), option))
        kind, lines, option = "", [], ""

    for line in body.splitlines():
        line = line.rstrip()
        if not line:
            close()
        elif line == "---":
            close()
            blocks.append(Block("pagebreak", ()))
        elif line.startswith("@table"):
            close()
            table_option = line[6:].strip()
        elif line.startswith("@"):
            close()
            word, _, rest = line[1:].partition(" ")
            if word not in DIRECTIVES:
                raise ValueError(f"unknown directive: {line}")
            blocks.append(Block(word, (rest,)))
        elif line.startswith("| "):
            if kind != "table":
                close()
                kind, option, table_option = "table", table_option, ""
            lines.append(line[2:])
        else:
            mark = next((m for m in MARKS if line.startswith(m)), "")
            found = MARKS[mark] if mark else (kind if kind in MARKS.values() else "paragraph")
            if (mark and found == "bullet") or found != kind:
                close()
                kind = found
            lines.append(line[len(mark) :])
    close()
    return tuple(blocks)


def parse_papers(path: Path) -> list[Paper]:
    """Read every paper of one dossier's text file; the language is the end of the file's name."""
    language = path.stem.rsplit("-", 1)[1]
    papers = []
    for part in re.split(r"^=== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, rest = part.partition("\n")
        name, _, parent = heading.partition(" < ")
        head, _, body = rest.partition("\n***\n")
        fields: dict[str, list[str]] = {}
        for line in head.splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), []).append(value.strip())
        papers.append(Paper(name.strip(), parent.strip(), language, fields, parse_blocks(body)))
    return papers
