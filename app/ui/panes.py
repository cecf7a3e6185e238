"""Three panes side by side; where there is no room for three, the pages become a tab of the middle one."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTabBar, QVBoxLayout, QWidget

_WIDTHS_PX = [300, 560, 580]
_MIDDLE_LEAST_PX = 400


class Panes(QSplitter):
    """``bring`` puts the chat, the search or the pages in front of the middle."""

    def __init__(self, library: QWidget, chat: QWidget, search: QWidget, viewer: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._chat = chat
        self._search = search
        self._viewer = viewer
        self._narrow: bool | None = None
        self.centre = QStackedWidget()
        self.centre.addWidget(chat)
        self.centre.addWidget(search)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.addTab(self.tr("Questions"))
        self.tabs.addTab(self.tr("Pages"))
        self.tabs.setAccessibleName(self.tr("Questions or pages"))
        self.tabs.currentChanged.connect(lambda number: self.bring(viewer if number == 1 else chat))
        self.tabs.hide()
        middle = QWidget()
        middle.setMinimumWidth(_MIDDLE_LEAST_PX)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tabs)
        column.addWidget(self.centre, 1)
        for number, (pane, stretch) in enumerate(((library, 0), (middle, 5), (viewer, 5))):
            self.addWidget(pane)
            self.setStretchFactor(number, stretch)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self.setSizes(_WIDTHS_PX)

    @property
    def front(self) -> QWidget:
        """What the middle shows."""
        return self.centre.currentWidget() or self._chat

    def bring(self, pane: QWidget) -> None:
        self.centre.setCurrentWidget(pane)
        self.tabs.blockSignals(True)
        self.tabs.setCurrentIndex(1 if pane is self._viewer else 0)
        self.tabs.blockSignals(False)

    def bring_viewer(self) -> None:
        """Show the pages where they share the middle; side by side they are on show anyway."""
        if self._narrow:
            self.bring(self._viewer)

    def set_narrow(self, narrow: bool) -> bool:
        """Two panes or three. Tells whether that changed anything."""
        if narrow == self._narrow:
            return False
        self._narrow = narrow
        self.tabs.setVisible(narrow)
        front = self.front
        if narrow:
            self.centre.addWidget(self._viewer)
        else:
            self.addWidget(self._viewer)
            self._viewer.show()
        self.bring(self._search if front is self._search else self._chat)
        return True

    @property
    def layout_text(self) -> str:
        """The widths as text for the settings; empty while there are only two panes."""
        return "" if self._narrow else bytes(self.saveState().toBase64().data()).decode("ascii")

    def restore(self, layout_text: str) -> None:
        self.restoreState(QByteArray.fromBase64(layout_text.encode("ascii", "ignore")))
