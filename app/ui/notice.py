"""A line under the top bar that stays while it is true: what is wrong, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app.ui.buttons import button, icon_button
from app.ui.labels import label, set_role
from app.ui.look import Look


class Notice(QFrame):
    """One notice at a time; ``closed`` of ``show_words`` is called when the person puts it away."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._deed_of: Callable[[], object] | None = None
        self._closed: Callable[[], object] | None = None
        self._sign = QLabel()
        self.words = label("", wrap=True)
        self.deed = button("", "", self._act)
        self.deed.hide()
        self.close_button = icon_button(self.tr("Close this message"), self._close)
        look.dress(self.close_button, "close", "muted", 16)
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 8, 12, 8)
        row.setSpacing(12)
        row.addWidget(self._sign)
        row.addWidget(self.words, 1)
        row.addWidget(self.deed)
        row.addWidget(self.close_button)
        self.hide()

    def show_words(
        self,
        text: str,
        deed: str,
        act: Callable[[], object],
        *,
        bad: bool = False,
        closed: Callable[[], object] | None = None,
    ) -> None:
        """Without ``closed`` the notice cannot be put away."""
        self._deed_of, self._closed = act, closed
        set_role(self, "warning" if bad else "notice")
        self._look.dress(self._sign, "warning", "danger" if bad else "accent", 18)
        self.words.setText(text)
        self.deed.setText(deed.replace("&", "&&"))
        self.deed.setAccessibleName(deed)
        self.deed.show()
        self.close_button.setVisible(closed is not None)
        self.setAccessibleName(text)
        self.show()

    def _act(self) -> None:
        if self._deed_of is not None:
            self._deed_of()

    def _close(self) -> None:
        self.hide()
        if self._closed is not None:
            self._closed()
