"""What covers the window while files hang over it: where they will go."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.ui.labels import label
from app.ui.library.drop_area import DropArea
from app.ui.look import Look
from app.ui.plain import one_line


class DropVeil(QFrame):
    """Shown and hidden by the window; it takes no events itself."""

    def __init__(self, look: Look, over: QWidget) -> None:
        super().__init__(over)
        self.setProperty("role", "veil")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._area = DropArea(
            look, "", self.tr("The originals stay where they are; encrypted copies go into the vault.")
        )
        self._area.setFixedSize(460, 220)
        self._area.set_active(True)
        box = QVBoxLayout(self)
        box.addStretch(1)
        box.addWidget(self._area, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addWidget(label(""), 0)
        box.addStretch(1)
        over.installEventFilter(self)
        self.hide()

    def show_target(self, dossier: str | None) -> None:
        """``dossier`` gets the files; None: a new one is made of them."""
        if dossier is None:
            self._area.title.setText(self.tr("Drop to make a new dossier"))
        else:
            self._area.title.setText(
                self.tr("Drop to add to “{dossier}”").format(dossier=one_line(dossier, 60))
            )
        self._cover()
        self.show()
        self.raise_()

    def forget(self) -> None:
        """Hide, and keep no name of a dossier."""
        self.hide()
        self._area.title.setText("")

    def _cover(self) -> None:
        over = self.parentWidget()
        if over is not None:
            self.setGeometry(over.rect())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._cover()
        return super().eventFilter(watched, event)


def dropped_paths(event: QDropEvent) -> list[Path]:
    """Files and folders of this machine that hang over the window or were let go."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
