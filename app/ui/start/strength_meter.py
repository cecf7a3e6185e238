"""How hard a passphrase is to guess: a bar, and a word beside it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.store.passphrase import LEAST_CHARS, Strength, estimate
from app.ui.labels import label
from app.ui.look import Look

_FULL_BITS = 80.0


class _Bar(QWidget):
    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.share = 0.0
        self.colour = ""
        self.setFixedHeight(6)

    def sizeHint(self) -> QSize:
        return QSize(200, 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._look.palette.line))
        painter.drawRoundedRect(QRectF(0, 0, self.width(), 6), 3, 3)
        if self.share > 0:
            painter.setBrush(QColor(getattr(self._look.palette, self.colour)))
            painter.drawRoundedRect(QRectF(0, 0, max(6.0, self.width() * self.share), 6), 3, 3)
        painter.end()


class StrengthMeter(QWidget):
    """``show_for`` judges a passphrase; ``accepted`` tells whether the policy takes it."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar = _Bar(look)
        self._words = label("", "small")
        self._words.setMinimumWidth(190)
        self._words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.accepted = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._bar, 1)
        row.addWidget(self._words)
        self.show_for("")

    def show_for(self, passphrase: str) -> None:
        strength = estimate(passphrase) if passphrase else Strength(0.0, "refused")
        self.accepted = strength.grade != "refused"
        self._bar.share = min(strength.bits / _FULL_BITS, 1.0) if passphrase else 0.0
        self._bar.colour = {"refused": "danger", "weak": "reading", "fair": "accent", "good": "checked"}[
            strength.grade
        ]
        self._bar.update()
        if not passphrase or len(passphrase) < LEAST_CHARS:
            text = self.tr("At least {count} characters").format(count=LEAST_CHARS)
        else:
            text = {
                "refused": self.tr("Too many characters alike"),
                "weak": self.tr("Easy to guess"),
                "fair": self.tr("Fair"),
                "good": self.tr("Hard to guess"),
            }[strength.grade]
        self._words.setText(text)
        self._words.setAccessibleName(text)
