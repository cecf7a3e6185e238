"""Line icons of our own, drawn from paths on a 24-unit grid and tinted by the palette in use."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

# ruff: noqa: E501 - a path is one line
_PATHS = {
    "add": "M12 5v14M5 12h14",
    "answer": "M4 5h16v11H10l-5 4v-4H4z",
    "back": "M15 5l-7 7 7 7",
    "book": "M4 5c3-1 6-1 8 1 2-2 5-2 8-1v13c-3-1-6-1-8 1-2-2-5-2-8-1zM12 6v13",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "close": "M6 6l12 12M18 6L6 18",
    "copy": "M9 9h10v11H9zM6 15H5V4h10v2",
    "document": "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
    "dossier": "M3 6h6l2 2h10v11H3z",
    "down": "M6 9l6 6 6-6",
    "eye": "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
    "eye-off": "M4 4l16 16M9.5 5.9A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-3 3.7M6.3 7.3C3.9 9.2 2.5 12 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4.3-1.1",
    "fit": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
    "forward": "M9 5l7 7-7 7",
    "help": "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5v.5M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
    "image": "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.5",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 15v2",
    "mail": "M3 6h18v12H3zM3 7l9 6 9-6",
    "model": "M7 7h10v10H7zM10 10h4v4h-4zM9 4v3M15 4v3M9 17v3M15 17v3M4 9h3M4 15h3M17 9h3M17 15h3",
    "moon": "M19 14.5A8 8 0 0 1 9.5 5 8 8 0 1 0 19 14.5z",
    "more": "M5 12h.01M12 12h.01M19 12h.01",
    "offline": "M4 4l16 16M8 8.5C5.5 9.3 4 11 4 13a4 4 0 0 0 4 4h8.5M19 15.5c.6-.7 1-1.5 1-2.5a4 4 0 0 0-4-4 5 5 0 0 0-4.5-2.9",
    "pause": "M8 5v14M16 5v14",
    "play": "M7 4l13 8-13 8z",
    "retry": "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
    "search": "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.5 16.5L21 21",
    "send": "M12 19V5M5.5 11.5L12 5l6.5 6.5",
    "settings": "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
    "spikes": "M3 13h4l2.5-8 4 14 2.5-9 1.5 3H21",
    "stop": "M7 7h10v10H7z",
    "sun": "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
    "text": "M5 6h14M5 10h14M5 14h14M5 18h9",
    "trash": "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
    "up": "M6 15l6-6 6 6",
    "warning": "M12 4l9 16H3zM12 10v5M12 17.5v.5",
    "zoom-in": "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.5 16.5L21 21M8 11h6M11 8v6",
    "zoom-out": "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.5 16.5L21 21M8 11h6",
}

NAMES = tuple(_PATHS)


@lru_cache(maxsize=256)
def pixmap(name: str, colour: str, size_px: int = 20, ratio: float = 1.0) -> QPixmap:
    """The icon ``name`` (one of ``NAMES``) in ``colour`` (``#rrggbb``). Raises ``KeyError`` for an unknown
    name.
    """
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="{_PATHS[name]}" fill="none" '
        f'stroke="{colour}" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
    side = max(1, round(size_px * ratio))
    image = QPixmap(QSize(side, side))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, side, side))
    painter.end()
    image.setDevicePixelRatio(ratio)
    return image


def icon(name: str, colour: str, disabled: str | None = None) -> QIcon:
    """A QIcon sharp at one and two pixels per point."""
    result = QIcon()
    for ratio in (1.0, 2.0):
        result.addPixmap(pixmap(name, colour, 20, ratio))
        if disabled is not None:
            result.addPixmap(pixmap(name, disabled, 20, ratio), QIcon.Mode.Disabled)
    return result
