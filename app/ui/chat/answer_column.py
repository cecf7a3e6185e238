"""The answers of one chat, one under the other; the newest question is brought into view."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.ui.buttons import button
from app.ui.chat.answer_card import AnswerCard

SETTLE_MS = 20  # a new card has its height once its layout was run
EDGE_PX = 14


class AnswerColumn(QScrollArea):
    """``earlier_wanted`` comes from the button above the first card."""

    earlier_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.cards: list[AnswerCard] = []
        inside = QWidget()
        inside.setObjectName("answers")
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(20, 18, 20, 18)
        self._column.setSpacing(22)
        self._earlier = button(self.tr("Show earlier answers"), "link", self.earlier_wanted.emit)
        self._column.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addStretch(1)
        self.setWidget(inside)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._scroll)
        self._follows = False
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(lambda *_: self._scroll() if self._follows else None)
        bar.actionTriggered.connect(lambda _: self.let_go())
        self.show_earlier(False)

    def add(self, card: AnswerCard) -> None:
        self.cards.append(card)
        self._column.insertWidget(self._column.count() - 1, card)
        self.follow()

    def remove(self, card: AnswerCard) -> None:
        self.cards.remove(card)
        self._column.removeWidget(card)
        card.hide()
        card.deleteLater()

    def clear(self) -> None:
        for card in list(self.cards):
            self.remove(card)

    def show_earlier(self, shown: bool) -> None:
        """Offer the answers that are not on show."""
        self._earlier.setVisible(shown)

    def follow(self) -> None:
        """Bring the last question to the top, or as near as its answer's length allows."""
        self._follows = True
        self._settle.start()

    def let_go(self) -> None:
        """The person scrolls or unfolds something: what grows from now on moves nothing."""
        self._follows = False
        self._settle.stop()

    def _scroll(self) -> None:
        if self.cards:
            self.verticalScrollBar().setValue(self.cards[-1].y() - EDGE_PX)
