"""Colours, type and the style sheet: one palette for light, one for dark, nothing coloured anywhere else."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from string import Template

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

from app.core.resources import resource

SPACE = 8  # px; every margin and gap is a multiple or a half of it
RADIUS = 8


@dataclass(frozen=True, slots=True)
class Palette:
    """Every colour of the window as ``#rrggbb``; text on its background keeps a contrast of 4.5 or more."""

    is_dark: bool
    ground: str  # behind everything
    surface: str  # panes and cards
    raised: str  # fields, hovered rows
    line: str
    text: str
    muted: str
    faint: str  # disabled text and quiet ornaments only
    accent: str
    accent_text: str  # on accent
    accent_wash: str  # selected rows, chips
    danger: str
    danger_wash: str
    checked: str  # grade: checked on the page
    reading: str  # grade: from the reading
    absent: str  # grade: not in the dossier
    cited: str  # highlight of cited words, multiplied onto the page
    found: str  # highlight of searched words
    desk: str  # behind the pages of the viewer


LIGHT = Palette(
    is_dark=False,
    ground="#f4f2ed", surface="#fdfcfa", raised="#ffffff", line="#dedad1",
    text="#1d2126", muted="#5c6169", faint="#9a9b9b",
    accent="#1f5263", accent_text="#ffffff", accent_wash="#e2ecef",
    danger="#a02a2a", danger_wash="#f9e9e7",
    checked="#23704a", reading="#8a5a00", absent="#6a6f78",
    cited="#ffe27a", found="#bfdcf5", desk="#e7e4dd",
)  # fmt: skip

DARK = Palette(
    is_dark=True,
    ground="#15171a", surface="#1c1f23", raised="#25292e", line="#343a41",
    text="#e9e6e0", muted="#a7abb1", faint="#6c727a",
    accent="#86c1d4", accent_text="#0f1c21", accent_wash="#22343b",
    danger="#ef8a80", danger_wash="#3a2322",
    checked="#6fcf97", reading="#e3b04b", absent="#a1a6ad",
    cited="#ffe27a", found="#bfdcf5", desk="#101214",
)  # fmt: skip

_SHEET = Path(__file__).with_name("theme.qss")
_MARKS = Path(__file__).with_name("marks")  # the few pictures a style sheet needs as files


def load_fonts() -> None:
    """Register the fonts that ship with us; characters they lack come from the system."""
    for file in sorted(resource("fonts").glob("*.otf")):
        QFontDatabase.addApplicationFont(str(file))


def style_sheet(palette: Palette) -> str:
    """``theme.qss`` with the colours of ``palette`` filled in."""
    colours = {field.name: str(getattr(palette, field.name)) for field in fields(palette)}
    colours["marks"] = _MARKS.as_posix()
    colours["light"] = "dark" if palette.is_dark else "light"
    return Template(_SHEET.read_text(encoding="utf-8")).substitute(colours)


def apply(application: QApplication, palette: Palette) -> None:
    """Dress the whole application in ``palette``."""
    application.setStyle("Fusion")
    font = QFont("Inter")
    font.setPixelSize(14)
    application.setFont(font)
    roles = {
        QPalette.ColorRole.Window: palette.ground,
        QPalette.ColorRole.WindowText: palette.text,
        QPalette.ColorRole.Base: palette.raised,
        QPalette.ColorRole.AlternateBase: palette.surface,
        QPalette.ColorRole.Text: palette.text,
        QPalette.ColorRole.Button: palette.raised,
        QPalette.ColorRole.ButtonText: palette.text,
        QPalette.ColorRole.PlaceholderText: palette.muted,
        QPalette.ColorRole.Highlight: palette.accent,
        QPalette.ColorRole.HighlightedText: palette.accent_text,
        QPalette.ColorRole.ToolTipBase: palette.raised,
        QPalette.ColorRole.ToolTipText: palette.text,
        QPalette.ColorRole.Link: palette.accent,
    }
    colours = QPalette()
    for role, colour in roles.items():
        colours.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        colours.setColor(QPalette.ColorGroup.Disabled, role, QColor(palette.faint))
    application.setPalette(colours)
    application.setStyleSheet(style_sheet(palette))
