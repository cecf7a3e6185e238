"""The line above the chat: its title, a menu of the dossier's other chats, and a new one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from app.services.views import ChatCard
from app.ui.actions import Actions
from app.ui.buttons import tool_button
from app.ui.look import Look
from app.ui.plain import one_line

_TITLE_CHARS = 46


class ChatHead(QFrame):
    """``turned`` carries the id of the chat that was chosen in the menu, or None for a new one."""

    turned = Signal(object)

    def __init__(self, look: Look, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "bar")
        self.setFixedHeight(46)
        self._actions = actions
        self._menu = QMenu(self)
        self.title = QToolButton()
        self.title.setProperty("role", "heading")
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.title.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.title.setMenu(self._menu)
        look.dress(self.title, "down", "muted", 18)
        self.title.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.addWidget(self.title)
        row.addStretch(1)
        row.addWidget(tool_button(actions.new_chat, words=True))

    def show_chats(self, chats: Sequence[ChatCard], current: str | None) -> None:
        """The latest chat comes first in the menu."""
        title = next(
            (one_line(chat.title, _TITLE_CHARS) for chat in chats if chat.id == current), self.tr("New chat")
        )
        self.title.setText(title.replace("&", "&&"))
        self.title.setAccessibleName(self.tr("Chat: {title}").format(title=title))
        self._actions.delete_chat.setEnabled(current is not None)
        self._menu.clear()
        for chat in sorted(chats, key=lambda chat: chat.created_at, reverse=True):
            entry = self._menu.addAction(one_line(chat.title, _TITLE_CHARS + 14).replace("&", "&&"))
            entry.setCheckable(True)
            entry.setChecked(chat.id == current)
            entry.triggered.connect(lambda _=False, chat_id=chat.id: self.turned.emit(chat_id))
        if chats:
            self._menu.addSeparator()
        self._menu.addAction(self._actions.new_chat)
        self._menu.addAction(self._actions.delete_chat)
