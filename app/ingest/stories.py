"""A document without pages of its own, as headings, paragraphs and tables waiting for our layout."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from app.ingest.limits import Limits
from app.ingest.refusals import IngestRefused

Style = Literal["title", "heading1", "heading2", "heading3", "body", "field", "small"]


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one face. "\\n" is a line break the author made."""

    text: str
    bold: bool = False
    italic: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """``label`` is the number or bullet the author gave it, ``level`` how far it is indented."""

    runs: tuple[Run, ...]
    style: Style = "body"
    label: str = ""
    level: int = 0

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True, slots=True)
class Cell:
    runs: tuple[Run, ...]
    span: int = 1  # columns it covers


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A thin line between parts, such as the headers of a mail and its body."""


@dataclass(frozen=True, slots=True)
class PageBreak:
    """The author began a new page here."""


Block = Paragraph | Table | Rule | PageBreak


@dataclass(slots=True)
class Story:
    """What a reader of a format made of a file."""

    media_type: str
    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    attachments: list[tuple[str, bytes]] = field(default_factory=list)

    def note(self, code: str) -> None:
        """Add a note once."""
        if code not in self.notes:
            self.notes.append(code)

    def check_length(self, limits: Limits) -> Story:
        """IngestRefused when there is more text than our layout takes on."""
        characters = 0
        for block in self.blocks:
            if isinstance(block, Paragraph):
                characters += len(block.text)
            elif isinstance(block, Table):
                characters += sum(len(run.text) for row in block.rows for cell in row for run in cell.runs)
        if characters > limits.own_layout_characters:
            raise IngestRefused("too-much-text")
        return self


def plain(text: str, style: Style = "body", *, label: str = "", level: int = 0) -> Paragraph:
    """A paragraph in one face."""
    return Paragraph((Run(text),), style, label, level)
