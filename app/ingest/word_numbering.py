"""The numbers that Word shows before paragraphs: it stores how to count, not the numbers themselves."""

from __future__ import annotations

import re
from typing import Any, Final

from docx.oxml.ns import qn

_PLACE: Final = re.compile(r"%([1-9])")
_ROMAN: Final = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_LEVELS: Final = 9


class Numbering:
    """Counts as Word does: a deeper level starts over when a shallower one goes on."""

    def __init__(self, root: Any, styles: dict[str, Any]) -> None:
        self._styles = styles
        self._abstracts: dict[str, Any] = {}
        self._lists: dict[str, tuple[str, dict[int, int]]] = {}  # list -> its definition, starts of its own
        self._counters: dict[str, list[int | None]] = {}  # by definition: lists sharing one go on counting
        self._started: set[str] = set()
        if root is None:
            return
        for abstract in root.iter(qn("w:abstractNum")):
            self._abstracts[abstract.get(qn("w:abstractNumId"), "")] = abstract
        for number in root.iter(qn("w:num")):
            reference = number.find(qn("w:abstractNumId"))
            if reference is None:
                continue
            starts = {}
            for override in number.iter(qn("w:lvlOverride")):
                start = _value(override, "w:startOverride")
                level = override.get(qn("w:ilvl"), "0")
                if start.isdigit() and level.isdigit():
                    starts[int(level)] = int(start)
            self._lists[number.get(qn("w:numId"), "")] = (reference.get(qn("w:val"), ""), starts)

    def next_label(self, properties: Any, style_id: str) -> tuple[str, int]:
        """The label of the next paragraph with these properties, and its level; ("", 0) for one without a
        number."""
        list_id, level = self._place(properties, style_id)
        definition, starts = self._lists.get(list_id, ("", {}))
        abstract = self._abstracts.get(definition)
        if abstract is None:
            return "", 0
        levels = {item.get(qn("w:ilvl"), ""): item for item in abstract.iter(qn("w:lvl"))}
        shape = levels.get(str(level))
        if shape is None:
            return "", level
        counters = self._counters.setdefault(definition, [None] * _LEVELS)
        if list_id not in self._started:
            self._started.add(list_id)
            for own in starts:
                if own < _LEVELS:
                    counters[own] = None
        for at in range(level + 1):
            if counters[at] is None:
                counters[at] = starts.get(at, _start(levels.get(str(at)))) - (at == level)
        counters[level] = (counters[level] or 0) + 1
        counters[level + 1 :] = [None] * (_LEVELS - level - 1)
        kind = _value(shape, "w:numFmt") or "decimal"
        if kind == "bullet":
            return "•", level
        if kind == "none":
            return "", level

        def fill(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            other = levels.get(str(at))
            shown = "decimal" if other is None else _value(other, "w:numFmt") or "decimal"
            return _counted(counters[at] or 0, shown)

        return _PLACE.sub(fill, _value(shape, "w:lvlText")).strip(), level

    def _place(self, properties: Any, style_id: str) -> tuple[str, int]:
        for _ in range(20):
            numbered = None if properties is None else properties.find(qn("w:numPr"))
            list_id = _value(numbered, "w:numId")
            if list_id:
                level = _value(numbered, "w:ilvl")
                return list_id, min(int(level), _LEVELS - 1) if level.isdigit() else 0
            style = self._styles.get(style_id)
            if style is None:
                break
            properties, style_id = style.find(qn("w:pPr")), _value(style, "w:basedOn")
        return "", 0


def _start(level: Any) -> int:
    start = _value(level, "w:start")
    return int(start) if start.isdigit() else 1


def _counted(number: int, kind: str) -> str:
    if kind == "none":
        return ""
    if kind.endswith("Letter") and number > 0:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter.upper() if kind.startswith("upper") else letter
    if kind.endswith("Roman") and 0 < number < 4000:
        roman = ""
        for value, sign in _ROMAN:
            roman += sign * (number // value)
            number %= value
        return roman.upper() if kind.startswith("upper") else roman
    if kind == "decimalZero":
        return f"{number:02d}"
    return str(number)


def _value(parent: Any, name: str) -> str:
    child = None if parent is None else parent.find(qn(name))
    return "" if child is None else str(child.get(qn("w:val"), ""))
