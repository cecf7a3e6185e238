"""Buttons: every one has words for a screen reader and a tooltip with its shortcut."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from app.ui.plain import tooltip


def button(
    text: str, role: str = "", pressed: Callable[[], object] | None = None, parent: QWidget | None = None
) -> QPushButton:
    """A push button in one of the style sheet's roles."""
    made = QPushButton(text.replace("&", "&&"), parent)
    made.setAccessibleName(text)
    made.setAutoDefault(False)
    if role:
        made.setProperty("role", role)
    if pressed is not None:
        made.clicked.connect(lambda: pressed())
    return made


def tool_button(action: QAction, *, words: bool = False, parent: QWidget | None = None) -> QToolButton:
    """A button for an action: its icon, or its icon beside its words."""
    made = QToolButton(parent)
    made.setDefaultAction(action)
    made.setIconSize(QSize(18, 18))
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setToolButtonStyle(
        Qt.ToolButtonStyle.ToolButtonTextBesideIcon if words else Qt.ToolButtonStyle.ToolButtonIconOnly
    )
    made.setAccessibleName(action.text())
    made.setAccessibleDescription(action.shortcut().toString())
    return made


def icon_button(words: str, pressed: Callable[[], object], parent: QWidget | None = None) -> QToolButton:
    """A button that shows an icon only (``Look.dress`` draws it) and says ``words``."""
    made = QToolButton(parent)
    made.setIconSize(QSize(18, 18))
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setAccessibleName(words)
    made.setToolTip(tooltip(words))
    made.clicked.connect(lambda: pressed())
    return made
