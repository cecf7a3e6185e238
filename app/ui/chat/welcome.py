"""What the chat shows before the first question: a sentence that says what to do, and questions to press."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.ui.buttons import button
from app.ui.labels import label


class Welcome(QWidget):
    """``chosen`` carries the question that was pressed, ``wanted`` the deed of the one big button."""

    chosen = Signal(str)
    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = label("", "title", wrap=True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._hint = label("", "muted", wrap=True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._questions = QVBoxLayout()
        self._questions.setSpacing(8)
        self._words: tuple[object, ...] = ()
        self.deed = button("", "primary", self.wanted.emit)
        inside = QWidget()
        area = QScrollArea()  # in the smallest window not everything has room
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(area)
        box = QVBoxLayout(inside)
        box.setContentsMargins(28, 16, 28, 16)
        box.setSpacing(8)
        box.addStretch(3)
        box.addWidget(self._title)
        box.addWidget(self._hint)
        box.addSpacing(14)
        box.addLayout(self._questions)
        box.addWidget(self.deed, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addStretch(5)

    def show_words(self, title: str, hint: str, questions: Sequence[str] = (), deed: str = "") -> None:
        shown = (title, hint, tuple(questions), deed)
        if shown == self._words:
            return  # nothing is built anew under the keyboard while files are taken in
        self._words = shown
        self._title.setText(title)
        self._hint.setText(hint)
        while (item := self._questions.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for question in questions:
            made = button(question, "suggestion")
            made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            made.setToolTip("")
            made.clicked.connect(lambda _=False, q=question: self.chosen.emit(q))
            self._questions.addWidget(made)
        self.deed.setText(deed)
        self.deed.setAccessibleName(deed)
        self.deed.setVisible(bool(deed))

    @property
    def questions(self) -> list[str]:
        """The questions that can be pressed."""
        items = [self._questions.itemAt(n) for n in range(self._questions.count())]
        widgets = [item.widget() for item in items if item is not None]
        return [widget.accessibleName() for widget in widgets if widget is not None]
