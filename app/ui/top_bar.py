"""The line above the panes: whose dossier is open, the search box, the lock."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from app.ui.actions import Actions
from app.ui.buttons import tool_button
from app.ui.chat.search_panel import search_field
from app.ui.labels import ElidedLabel, label
from app.ui.look import Look


class TopBar(QFrame):
    """``typed`` carries the words in the search box; ``entered`` comes with Enter, ``left`` with Esc."""

    typed = Signal(str)
    entered = Signal()
    left = Signal()

    def __init__(self, look: Look, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "bar")
        self.setFixedHeight(54)
        brand = label("Huis Clos", "brand")
        self.dossier = ElidedLabel("", "heading", Qt.TextElideMode.ElideRight)
        self.search = search_field(self.tr("Search this dossier  (Ctrl+F)"))
        self.search.setMinimumWidth(200)
        self.search.setMaximumWidth(420)
        look.dress(actions.search, "search", "muted")
        self.search.addAction(actions.search, self.search.ActionPosition.LeadingPosition)
        self.search.textEdited.connect(self.typed)
        self.search.returnPressed.connect(self.entered)
        self.search.installEventFilter(self)
        self._menu = QMenu(self)
        for action in (
            actions.settings,
            actions.inside,
            actions.palette,
            actions.shortcuts,
            actions.guarantees,
            actions.diagnostics,
            actions.check_vault,
        ):
            self._menu.addAction(action)
        self._menu.addSeparator()
        self._menu.addAction(actions.quit)
        more = QToolButton()
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more.setMenu(self._menu)
        more.setIconSize(QSize(18, 18))
        more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        more.setAccessibleName(self.tr("More commands"))
        look.dress(more, "more")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 12, 0)
        row.setSpacing(6)
        row.addWidget(brand)
        row.addSpacing(14)
        row.addWidget(self.dossier, 3)
        row.addWidget(self.search, 4)
        row.addStretch(1)
        row.addWidget(tool_button(actions.dark))
        row.addWidget(tool_button(actions.settings))
        row.addWidget(more)
        row.addSpacing(4)
        row.addWidget(tool_button(actions.lock, words=True))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent):
            escape = event.key() == Qt.Key.Key_Escape
            if event.type() == QEvent.Type.ShortcutOverride and escape:
                # Esc in the box is the box's own, not the window's shortcut.
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and escape:
                self.left.emit()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Down:
                self.entered.emit()
                return True
        return super().eventFilter(watched, event)
