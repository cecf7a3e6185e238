"""Words that are data (names, document text, answers) made safe to show: no markup, no tricks of
direction.
"""

from __future__ import annotations

import unicodedata
from html import escape

ELLIPSIS = "…"
# Marks that change the direction of what follows; a file name made of them can pass for another.
_DIRECTION = {chr(c) for c in (0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def one_line(text: str, limit: int = 400) -> str:
    """``text`` on one line without control or direction marks, cut after ``limit`` characters."""
    kept = "".join(
        " " if char.isspace() else char
        for char in text[: limit * 4]
        if char.isspace() or (char not in _DIRECTION and unicodedata.category(char) not in ("Cc", "Cs", "Cn"))
    )
    kept = " ".join(kept.split())
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + ELLIPSIS


def elide_middle(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters that keeps both ends of a name, the kind of file included."""
    line = one_line(text)
    if len(line) <= limit:
        return line
    tail = max(4, limit // 3)
    return line[: limit - tail - 1].rstrip() + ELLIPSIS + line[-tail:].lstrip()


def html(text: str) -> str:
    """``text`` as harmless HTML that keeps its line breaks and its unbreakable spaces.

    Qt takes the narrow unbreakable space for an ordinary one and would break a line before a closing quote.
    """
    return escape(text).replace("\u202f", "\u00a0").replace("\n", "<br>")


def tooltip(text: str) -> str:
    """``text`` for ``setToolTip``, which would guess at markup by itself, and wraps only what is rich."""
    return f"<qt>{html(text)}</qt>"
