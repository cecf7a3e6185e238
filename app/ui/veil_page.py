"""What stands in the window's place while work ends unattended: what kind of work, how far, and the
passphrase. Nothing on it comes from a dossier.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app.services.long_work import WorkCard, WorkKind
from app.ui import wording
from app.ui.buttons import button
from app.ui.labels import label
from app.ui.look import Look
from app.ui.start.passphrase_trial import PassphraseTrial


class VeilPage(PassphraseTrial):
    """``lock_wanted`` comes from the button that ends the work."""

    lock_wanted = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        subtitle = QCoreApplication.translate(
            "VeilPage",
            "What was open is hidden while work goes on; the vault locks when it has ended. Enter your "
            "passphrase, or the recovery code in its place, to see it again.",
        )
        now = button(QCoreApplication.translate("VeilPage", "Lock now"), "quiet", self._lock)
        meaning = QCoreApplication.translate(
            "VeilPage", "Ends the work that is going on. What was done so far is kept."
        )
        now.setAccessibleDescription(meaning)
        super().__init__(look, subtitle, now, parent)
        self.lines: dict[WorkKind, str] = {}
        self._rows: dict[WorkKind, _WorkRow] = {}
        self._work = QVBoxLayout()
        self._work.setSpacing(12)
        for kind in WorkKind:
            row = _WorkRow()
            row.hide()
            self._rows[kind] = row
            self._work.addWidget(row)
        self.body.insertLayout(0, self._work)
        self.body.insertWidget(1, label(meaning_of_veil(), "small", wrap=True))
        self.body.insertSpacing(2, 8)

    def show_work(self, cards: Sequence[WorkCard]) -> None:
        """What goes on now, each kind with its share."""
        self.lines = {card.kind: line_of(card) for card in cards}
        shares = {card.kind: card.share for card in cards}
        for kind, row in self._rows.items():
            row.setVisible(kind in self.lines)
            if kind in self.lines:
                row.show_line(self.lines[kind], shares[kind])

    def _lock(self) -> None:
        self.lock_wanted.emit()


class _WorkRow(QWidget):
    """A sentence and, below it, how far the work is."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "strong", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self._words)
        box.addWidget(self._bar)

    def show_line(self, line: str, share: float | None) -> None:
        self._words.setText(line)
        self._bar.setAccessibleName(line)
        if share is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(1000 * share))


def line_of(card: WorkCard) -> str:
    """ "A reading is going on: 38 %"; without the share where it is not known."""
    plain = {
        WorkKind.READING: QCoreApplication.translate("VeilPage", "A reading is going on"),
        WorkKind.ANSWER: QCoreApplication.translate("VeilPage", "An answer is being written"),
        WorkKind.IMPORT: QCoreApplication.translate("VeilPage", "Files are being taken in"),
        WorkKind.CONVERSION: QCoreApplication.translate("VeilPage", "A model is being taken in"),
    }
    shared = {
        WorkKind.READING: QCoreApplication.translate("VeilPage", "A reading is going on: {percent}"),
        WorkKind.IMPORT: QCoreApplication.translate("VeilPage", "Files are being taken in: {percent}"),
        WorkKind.CONVERSION: QCoreApplication.translate("VeilPage", "A model is being taken in: {percent}"),
    }
    if card.share is None or card.kind not in shared:
        return plain[card.kind]
    return shared[card.kind].format(percent=wording.percent(int(100 * card.share)))


def meaning_of_veil() -> str:
    """What the veil does not do, said wherever it is offered or seen."""
    return QCoreApplication.translate(
        "VeilPage",
        "Behind the veil the vault stays open: its keys are in this computer's memory until it locks.",
    )
