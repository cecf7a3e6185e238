"""What of a worker's log may leave this machine: lines of known shapes, and of those no free word.

The worker writes no text of a person's, but its standard error is open to every library in it. So nothing is
taken out of a line that is not known; an unknown line is counted and left out.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

_WHOLE: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"engine \d+: kept \[[a-z', -]*\], broken \[[a-z', -]*\]",
        r"model [0-9a-f]{16} [a-z0-9_]{1,16} on [a-z0-9_]{1,16} with \d+ threads",
        r"rejected: [a-z-]{1,40}",
        r"client: OSError -?\d+",
        r"client: [A-Z][A-Za-z]{1,30}Error -?\d+",
        r"llama\.cpp: error",
        r"Traceback \(most recent call last\):",
        r"Fatal Python error: (?:Segmentation fault|Aborted|Bus error|Floating.point exception)",
        r"Fatal Python error: (?:Illegal instruction|Cannot recover from stack overflow\.?)",
    )
)
_THREAD: Final = re.compile(r"((?:Current thread|Thread) 0x[0-9a-f]+)\b.*\(most recent call first\):")
_PLACE: Final = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+),? in (?P<name>\S+)')
_BUG: Final = re.compile(r"bug: (?P<kind>\w+) at (?P<places>.+)")
_READER_BUG: Final = re.compile(r"bug in the reader: (?P<kind>\w+)")
_RAISED: Final = re.compile(r"(?P<kind>[A-Za-z_]\w*)(?::.*)?")
_REFUSED: Final = re.compile(r"(refused|no channel|client): .*")
_NAME: Final = re.compile(r"[A-Za-z_<][A-Za-z0-9_<>]{0,60}")
_PART: Final = re.compile(r"[A-Za-z0-9_.+-]{1,60}")
_ROOTS: Final = ("site-packages", "engine", "app")


def tellable(lines: Sequence[str]) -> list[str]:
    """The lines that may be told, in their order; runs of others become one that says how many."""
    told: list[str] = []
    left_out = 0
    for line in [*lines, None]:
        known = "" if line is None else _tellable(line)
        if known is None:
            left_out += 1
            continue
        if left_out:
            told.append(f"({left_out} left out)")
            left_out = 0
        if known:
            told.append(known)
    return told


def _tellable(line: str) -> str | None:
    """The line, or what of it is known; None where nothing is. Empty for an empty line."""
    if not line.strip():
        return ""
    if any(pattern.fullmatch(line) for pattern in _WHOLE):
        return line
    if found := _THREAD.fullmatch(line):
        return found[1]
    if found := _PLACE.fullmatch(line):
        place = _short(found["file"])
        named = _NAME.fullmatch(found["name"])
        return f"  {place}:{found['line']} {found['name']}" if place and named else None
    if found := _BUG.fullmatch(line):
        places = [_short_place(place) for place in found["places"].split(" < ")]
        return f"bug: {_kind(found['kind'])} at {' < '.join(place or '?' for place in places)}"
    if found := _READER_BUG.fullmatch(line):
        return f"bug in the reader: {_kind(found['kind'])}"
    if found := _REFUSED.fullmatch(line):
        return found[1]
    if (found := _RAISED.fullmatch(line)) and _is_error(found["kind"]):
        return found["kind"]
    return None


def _short_place(place: str) -> str:
    file, _, number = place.rpartition(":")
    short = _short(file)
    return f"{short}:{number}" if short and number.isdigit() else ""


def _short(file: str) -> str:
    """A source file from its package on; empty for one that belongs to no package: where a program lies can
    name its owner.
    """
    parts = PurePosixPath(file.replace("\\", "/")).parts
    at = next((parts.index(root) for root in _ROOTS if root in parts), None)
    if at is None:
        at = next((n for n, part in enumerate(parts) if re.fullmatch(r"python3\.\d+", part)), None)
    inside = parts[at:] if at is not None else ()
    known = len(inside) > 1 and inside[-1].endswith(".py") and all(map(_PART.fullmatch, inside))
    return "/".join(inside) if known else ""


def _kind(name: str) -> str:
    return name if _is_error(name) else "?"


def _is_error(name: str) -> bool:
    known = getattr(builtins, name, None)
    return isinstance(known, type) and issubclass(known, BaseException)
