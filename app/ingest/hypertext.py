"""The text of an HTML body: headings, paragraphs, lists and rows of tables; scripts, styles and hidden
parts dropped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from app.ingest.stories import Block, Paragraph, Rule, Run, Style

_DROPPED: Final = frozenset(
    ("script", "style", "head", "title", "template", "noscript", "object", "svg", "iframe")
)
_BREAKING: Final = frozenset(
    (
        *(
            "p",
            "div",
            "table",
            "tr",
            "ul",
            "ol",
            "li",
            "blockquote",
            "section",
            "article",
            "header",
            "footer",
        ),
        *("pre", "address", "dl", "dt", "dd", "form", "fieldset", "figure", "center", "hr", "body"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
    )
)
_HEADINGS: Final[dict[str, Style]] = {
    "h1": "heading1",
    "h2": "heading2",
    "h3": "heading3",
    "h4": "heading3",
    "h5": "heading3",
    "h6": "heading3",
}
_BOLD: Final = frozenset(("b", "strong", "th"))
_ITALIC: Final = frozenset(("i", "em", "cite"))
_KEPT: Final = frozenset((*_BOLD, *_ITALIC, *_HEADINGS, *_DROPPED, "pre", "ul", "ol"))
_VOID: Final = frozenset(("br", "hr", "img", "meta", "link", "input", "area", "base", "col", "wbr", "source"))
_HIDDEN: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])", re.IGNORECASE
)
_SPACES: Final = re.compile(r"[ \t\r\n\f\v]+")
_DEPTH_MAX: Final = 500


def html_blocks(markup: str) -> list[Block]:
    """The blocks of a page. Markup that makes no sense is read as far as it goes."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    reader.finish_block()
    return reader.blocks


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._runs: list[Run] = []
        self._open: list[tuple[str, bool]] = []  # tag, and whether it hides what is in it
        self._hidden = 0
        self._lists: list[int | None] = []  # the number of the item before, None for bullets
        self._label = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._runs.append(Run("\n"))
            return
        if tag in _BREAKING:
            self.finish_block()
        if tag == "hr" and not self._hidden:
            self.blocks.append(Rule())
        if tag in {"td", "th"} and self._runs:
            self._runs.append(Run("\t"))
        if tag in _VOID or (len(self._open) >= _DEPTH_MAX and not self._hidden and tag not in _DROPPED):
            return
        if tag in {"ul", "ol"}:
            self._lists.append(0 if tag == "ol" else None)
        if tag == "li":
            self._label = self._next_label()
        attributes = dict(attrs)
        hides = (
            tag in _DROPPED or "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))
        )
        # Tags that change nothing are not kept, since many are never closed; inside a hidden one all count,
        # so that its own end is found.
        if hides or self._hidden or tag in _KEPT:
            self._open.append((tag, hides))
            self._hidden += hides

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKING:
            self.finish_block()
        if not any(open_tag == tag for open_tag, _ in self._open):
            return
        while self._open:
            open_tag, hides = self._open.pop()
            self._hidden -= hides
            if open_tag in {"ul", "ol"} and self._lists:
                self._lists.pop()
            if open_tag == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        inside = {tag for tag, _ in self._open}
        text = data if "pre" in inside else _SPACES.sub(" ", data)
        self._runs.append(Run(text, bold=bool(inside & _BOLD), italic=bool(inside & _ITALIC)))

    def finish_block(self) -> None:
        """What was gathered becomes a paragraph, unless it is blank."""
        runs, self._runs = self._runs, []
        if not "".join(run.text for run in runs).strip():
            return
        style: Style = next((_HEADINGS[tag] for tag, _ in reversed(self._open) if tag in _HEADINGS), "body")
        label, self._label = self._label, ""
        level = max(0, len(self._lists) - 1)
        self.blocks.append(Paragraph(tuple(runs), style, label, level))

    def _next_label(self) -> str:
        if not self._lists or self._lists[-1] is None:
            return "•"
        self._lists[-1] += 1
        return f"{self._lists[-1]}."
