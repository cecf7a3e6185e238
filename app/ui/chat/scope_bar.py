"""What a question will look at: the whole dossier, or the documents whose boxes are checked."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.ui import wording
from app.ui.buttons import button
from app.ui.labels import ElidedLabel, label
from app.ui.plain import elide_middle


class ScopeBar(QWidget):
    """Two chips; ``whole_wanted`` comes from the first."""

    whole_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.whole = button(self.tr("Whole dossier"), "chip", self._whole)
        self.whole.setCheckable(True)
        self.some = button("", "chip", self._keep)
        self.some.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 4, 0)
        row.setSpacing(6)
        row.addWidget(label(self.tr("Answer from"), "small"))
        row.addWidget(self.whole)
        row.addWidget(self.some)
        self._hint = ElidedLabel(
            self.tr("Enter to ask · Shift+Enter for a new line"), "small", Qt.TextElideMode.ElideRight
        )
        self._hint.setAlignment(Qt.AlignmentFlag.AlignRight)
        row.addWidget(self._hint, 1)
        row.addStretch(0)
        for chip in (self.whole, self.some):
            chip.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_scope(None, "")

    def show_scope(self, count: int | None, name: str) -> None:
        """``count`` documents are chosen (None: all of them); ``name`` is the one document's, if it
        is one.
        """
        self.whole.setChecked(count is None)
        self.some.setVisible(count is not None)
        self.some.setChecked(count is not None)
        if count is not None:
            text = elide_middle(name, 36) if count == 1 and name else wording.documents(count)
            self.some.setText(text.replace("&", "&&"))
            self.some.setAccessibleName(text)

    def set_narrow(self, narrow: bool) -> None:
        self._hint.setVisible(not narrow)

    def _whole(self) -> None:
        self.whole.setChecked(True)
        self.whole_wanted.emit()

    def _keep(self) -> None:
        self.some.setChecked(True)
