"""Files that were not taken in, each with its reason and what can be done; they never stop the others."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.services.views import ExceptionCard
from app.ui.buttons import button
from app.ui.failures import sentence
from app.ui.labels import ElidedLabel, label
from app.ui.look import Look

MOST_PX = 270


class ExceptionRow(QWidget):
    def __init__(self, card: ExceptionCard) -> None:
        super().__init__()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 7, 0, 3)
        box.setSpacing(2)
        name = ElidedLabel(card.name)
        box.addWidget(name)
        self.reason = label(sentence(card.problem), "small", wrap=True)
        box.addWidget(self.reason)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.setContentsMargins(-4, 0, 0, 0)
        self.retry = button(self.tr("Retry"), "link")
        self.retry.setVisible(card.can_retry)
        self.retry.setAccessibleName(self.tr("Retry {name}").format(name=name.text()))
        self.dismiss = button(self.tr("Dismiss"), "link")
        self.dismiss.setAccessibleName(self.tr("Dismiss {name}").format(name=name.text()))
        row.addWidget(self.retry)
        row.addWidget(self.dismiss)
        row.addStretch(1)
        box.addLayout(row)


class ExceptionsList(QFrame):
    """A header with a count that opens and closes the list."""

    retried = Signal(str)
    dismissed = Signal(str)

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "warning")
        self._look = look
        self._cards: tuple[ExceptionCard, ...] = ()
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 8, 8, 8)
        box.setSpacing(4)
        self.head = QToolButton()
        self.head.setCheckable(True)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.head.setProperty("role", "warning")
        look.dress(self.head, "warning", "danger", 18)
        self.head.toggled.connect(self._open)
        box.addWidget(self.head)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setMaximumHeight(MOST_PX)
        self._area.hide()
        box.addWidget(self._area)
        self.hide()

    @property
    def cards(self) -> tuple[ExceptionCard, ...]:
        return self._cards

    def show_cards(self, cards: Sequence[ExceptionCard]) -> None:
        if tuple(cards) == self._cards:
            return
        self._cards = tuple(cards)
        self.setVisible(bool(cards))
        self.head.setText(self.tr("%n file(s) not taken in", "", len(cards)))
        self.head.setAccessibleName(self.head.text())
        inside = QWidget()
        inside.setObjectName("exceptions")
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(4, 0, 8, 0)
        rows.setSpacing(0)
        for card in self._cards:
            row = ExceptionRow(card)
            row.retry.clicked.connect(lambda _=False, key=card.id: self.retried.emit(key))
            row.dismiss.clicked.connect(lambda _=False, key=card.id: self.dismissed.emit(key))
            rows.addWidget(row)
        rows.addStretch(1)
        self._area.setWidget(inside)
        self._fit()

    def open(self) -> None:
        self.head.setChecked(True)

    def _open(self, opened: bool) -> None:
        self._area.setVisible(opened)
        self._fit()

    def _fit(self) -> None:
        inside = self._area.widget()
        if inside is not None:
            wanted = inside.heightForWidth(max(self.width() - 28, 160)) if inside.hasHeightForWidth() else -1
            self._area.setFixedHeight(min(max(wanted, inside.sizeHint().height()) + 4, MOST_PX))
