"""The faces of our layout: those inside the PDF library, so every machine measures and draws alike."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any, Final

from app.ingest.mupdf import pymupdf

# Chinese, Japanese and most other scripts the Latin faces lack; then ticks and boxes
_FALLBACKS: Final = ("china-s", "zadb")
_FACES: Final = {(False, False): "helv", (True, False): "hebo", (False, True): "heit", (True, True): "hebi"}
_DRAWN_AS: Final = {"\u2011": "-", "\u2010": "-", "\u2043": "-", "☐": "□", "☑": "✓", "☒": "✗"}
_MISSING_EM: Final = 0.6
ASCENT_EM: Final = 0.93
DESCENT_EM: Final = 0.25

# text, face and width in em; an empty face stands for a sign that no face has
FacedText = tuple[str, str, float]


@cache
def font(face: str) -> Any:
    """The library's font object of that name."""
    return pymupdf.Font(face)


@cache
def face_of(sign: str, bold: bool, italic: bool) -> tuple[str, str, float]:
    """How a sign is drawn: the sign to draw (none for marks without width), its face, its width in em."""
    if unicodedata.category(sign) == "Cf":
        return "", "", 0.0
    drawn = _DRAWN_AS.get(sign, sign)
    for face in (_FACES[bold, italic], *_FALLBACKS):
        if font(face).has_glyph(ord(drawn)):
            return drawn, face, float(font(face).glyph_advance(ord(drawn)))
    if unicodedata.category(sign) in {"Mn", "Me"}:
        return "", "", 0.0
    return drawn, "", _MISSING_EM


def set_faces(text: str, bold: bool, italic: bool) -> list[FacedText]:
    """Cut text where its face changes; signs that are not drawn vanish here, and only here."""
    pieces: list[FacedText] = []
    for sign in text:
        drawn, face, width_em = face_of(sign, bold, italic)
        if not drawn:
            continue
        if pieces and pieces[-1][1] == face:
            before = pieces[-1]
            pieces[-1] = (before[0] + drawn, face, before[2] + width_em)
        else:
            pieces.append((drawn, face, width_em))
    return pieces
