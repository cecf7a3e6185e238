"""Signs of Word's picture fonts as the signs they show: an "m" in the font Symbol is a µ, and µg are no g.

Such a sign is stored as a letter, or as a letter moved to U+F000, with the font's name beside it.
"""

from __future__ import annotations

from typing import Any, Final

from docx.oxml.ns import qn

_MOVED: Final = 0xF000
_UNKNOWN: Final = "\ufffd"
# The encoding of Adobe's Symbol font from U+0021 on, as far as text has use for it.
_SYMBOL: Final = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλµνοπθρστυϖωξψζ",
        strict=True,
    )
) | dict(
    zip(
        "\"$'*-@\\^`~\xa2\xa3\xa5\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb7\xb8\xb9\xba\xbb\xbc\xc6\xce\xd1\xd6\xe5\xf2",
        "∀∃∋∗−≅∴⊥‾∼′≤∞↔←↑→↓°±″≥×•÷≠≡≈…∅∈∇√∑∫",
        strict=True,
    )
)
_WINGDINGS: Final = dict(
    zip(
        "loqrnx\xa7\xa8\xd8\xdf\xe0\xe1\xe2\xf0\xfb\xfc\xfd\xfe",
        "●☐☐☐■☒▪☐➢←→↑↓⇨✘✔☒☑",
        strict=True,
    )
)
_WINGDINGS_2: Final = dict(zip("OPQRSTV\xa3", "✘✔☒☑☒☒☒☐", strict=True))
_FONTS: Final = {
    "symbol": _SYMBOL,
    "symbolmt": _SYMBOL,
    "wingdings": _WINGDINGS,
    "wingdings2": _WINGDINGS_2,
}


def _table(font: str) -> dict[str, str] | None:
    return _FONTS.get(font.lower().replace(" ", ""))


def face_of_run(run: Any) -> str:
    """The font a run names for plain letters; empty when it names none."""
    fonts = run.find(f"{qn('w:rPr')}/{qn('w:rFonts')}")
    return "" if fonts is None else str(fonts.get(qn("w:ascii"), ""))


def read_sign(code: str, font: str) -> str:
    """A ``w:sym``: its code in hexadecimal and its font."""
    try:
        sign = chr(int(code, 16))
    except (ValueError, OverflowError):
        return ""
    return read_signs(sign, font) if _table(font) is not None else _shown(sign)


def read_signs(text: str, font: str) -> str:
    """Text in a picture font as the signs it shows; other text as it is."""
    table = _table(font)
    if table is None:
        return text
    return "".join(_sign(sign, table) for sign in text)


def _sign(sign: str, table: dict[str, str]) -> str:
    letter = chr(ord(sign) - _MOVED) if _MOVED < ord(sign) < _MOVED + 0x100 else sign
    shown = table.get(letter)
    if shown is not None:
        return shown
    if table is _SYMBOL:  # digits and most punctuation are where they always are
        return letter if letter.isascii() else _UNKNOWN
    return letter if letter.isspace() else ("" if _MOVED < ord(sign) < _MOVED + 0x100 else sign)


def _shown(sign: str) -> str:
    return "" if _MOVED <= ord(sign) < _MOVED + 0x100 else sign
