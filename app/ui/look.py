"""The palette in use, and everything that must follow when it changes: style sheet, fonts, icons."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel

from app.core.settings import Theme
from app.ui import icons, theme
from app.ui.theme import DARK, LIGHT, Palette

_ICON = "icon_name"
_ROLE = "icon_role"
_SIZE = "icon_size"


class Look(QObject):
    """One for the application. ``changed`` comes after the new palette is in place; whoever paints by hand
    or writes HTML hears it.
    """

    changed = Signal()

    def __init__(self, application: QApplication, choice: Theme = "system") -> None:
        super().__init__(application)
        self._application = application
        self._choice: Theme = choice
        self._palette = self._wanted()
        theme.load_fonts()
        theme.apply(application, self._palette)
        QGuiApplication.styleHints().colorSchemeChanged.connect(lambda _: self.choose(self._choice))

    @property
    def palette(self) -> Palette:
        return self._palette

    @property
    def choice(self) -> Theme:
        return self._choice

    def choose(self, choice: Theme) -> None:
        """Wear the light or the dark palette, or whichever the system wears."""
        self._choice = choice
        wanted = self._wanted()
        if wanted is self._palette:
            return
        self._palette = wanted
        theme.apply(self._application, wanted)
        for window in self._application.topLevelWidgets():
            for child in [window, *window.findChildren(QObject)]:
                if child.property(_ICON):
                    self._draw(child)
        self.changed.emit()

    def dress(
        self, target: QAction | QAbstractButton | QLabel, name: str, role: str = "text", size_px: int = 18
    ) -> None:
        """Give ``target`` an icon in the palette's colour ``role``, now and after every change."""
        target.setProperty(_ICON, name)
        target.setProperty(_ROLE, role)
        target.setProperty(_SIZE, size_px)
        self._draw(target)

    def _draw(self, target: QObject) -> None:
        name = str(target.property(_ICON))
        colour = str(getattr(self._palette, str(target.property(_ROLE))))
        if isinstance(target, QLabel):
            ratio = target.devicePixelRatioF()
            target.setPixmap(icons.pixmap(name, colour, int(target.property(_SIZE)), ratio))
        elif isinstance(target, QAction | QAbstractButton):
            target.setIcon(icons.icon(name, colour, self._palette.faint))

    def _wanted(self) -> Palette:
        if self._choice == "system":
            dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        else:
            dark = self._choice == "dark"
        return DARK if dark else LIGHT
