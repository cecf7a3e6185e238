"""File names as they may be shown and stored: one line, readable left to right, short enough for any disk."""

from __future__ import annotations

import unicodedata
from typing import Final

NAME_BYTES_MAX: Final = 255

# Marks that turn the reading direction: "invoice\u202efdp.exe" must not show as "invoiceexe.pdf".
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE_ENDS: Final = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\t")
_JOINERS: Final = frozenset("\u200c\u200d")  # emoji families and Persian words need them
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co"})
_KEPT_EXTENSION_BYTES: Final = 16


def clean_file_name(name: str, *, fallback: str = "unnamed") -> str:
    """Return the last part of ``name`` in NFC, without control, direction and private signs, in 255 bytes
    of UTF-8.

    Right-to-left letters and emoji stay. A name too long is cut before its extension, never inside a sign.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    spaced = "".join(" " if sign in _LINE_ENDS else sign for sign in last)
    kept = "".join(sign for sign in unicodedata.normalize("NFC", spaced) if _allowed(sign))
    tidy = " ".join(kept.split())
    if tidy in {"", ".", ".."}:
        return fallback
    return _shorten(tidy)


def _allowed(sign: str) -> bool:
    if sign in _JOINERS:
        return True
    return sign not in _BIDI and unicodedata.category(sign) not in _FORBIDDEN_CATEGORIES


def _shorten(name: str) -> str:
    if len(name.encode()) <= NAME_BYTES_MAX:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = (dot + extension).encode()
    if not stem or len(ending) > _KEPT_EXTENSION_BYTES:
        stem, ending = name, b""
    room = NAME_BYTES_MAX - len(ending) - len("…".encode())
    cut = stem.encode()[:room].decode(errors="ignore").rstrip()
    while cut and (unicodedata.combining(cut[-1]) or cut[-1] in _JOINERS):
        cut = cut[:-1]
    return f"{cut}…{ending.decode()}"
