"""Third page: the recovery code, shown this once."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPageLayout, QPainter
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.ui.buttons import button
from app.ui.dialogs.files import choose_file_to_save
from app.ui.labels import label
from app.ui.start.card import Card


class RecoveryPage(Card):
    """``done`` comes when the person says that the code is kept, ``skipped`` when they want none."""

    done = Signal()
    skipped = Signal()

    def __init__(self, code: str, parent: QWidget | None = None) -> None:
        super().__init__(
            self.tr("Keep this recovery code"),
            self.tr(
                "If the passphrase is ever lost, this code opens the vault instead. It is shown this once. "
                "Keep it on paper, away from this computer."
            ),
            parent,
        )
        self._code = code
        sheet = QFrame()
        sheet.setProperty("role", "notice")
        groups = code.split("-")
        self.shown = label("  ".join(groups[:4]) + "\n" + "  ".join(groups[4:]), "code")
        self.shown.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.shown.setAccessibleName(" ".join(groups))
        inside = QVBoxLayout(sheet)
        inside.setContentsMargins(18, 20, 18, 20)
        inside.addWidget(self.shown)
        self.body.addWidget(sheet)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(button(self.tr("Print…"), "", self._print))
        row.addWidget(button(self.tr("Save to a file…"), "", self._save))
        row.addStretch(1)
        self.body.addLayout(row)
        self._says = label("", "small", wrap=True)
        self._says.hide()
        self.body.addWidget(self._says)
        self.kept = QCheckBox(self.tr("I have written it down or printed it"))
        self.body.addWidget(self.kept)
        skip = button(self.tr("Go on without a code"), "quiet", self.skipped.emit)
        self.go = button(self.tr("Continue"), "primary", self.done.emit)
        self.go.setEnabled(False)
        self.kept.toggled.connect(self.go.setEnabled)
        self.buttons.addWidget(skip)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.go)
        self.setFocusProxy(self.kept)

    def _sheet_text(self) -> str:
        return "\n".join(
            (
                "Huis Clos",
                "",
                self.tr("Recovery code of the vault:"),
                "",
                self._code,
                "",
                self.tr(
                    "Type it in place of the passphrase, then choose a new passphrase. Whoever has it "
                    "can read "
                    "everything: keep it locked away."
                ),
            )
        )

    def _save(self) -> None:
        path = choose_file_to_save(self, self.tr("Save the recovery code"), self.tr("recovery-code.txt"))
        if path is None:
            return
        try:
            self._write(path)
        except OSError:
            self._say(self.tr("The file could not be written. Choose another folder."))
            return
        self._say(self.tr("Saved. Move the file to a safe place that is not this computer."))
        self.kept.setChecked(True)

    def _write(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self._sheet_text() + "\n")

    def _print(self) -> None:
        from PySide6.QtPrintSupport import QPrintDialog, QPrinter

        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        printer.setPageOrientation(QPageLayout.Orientation.Portrait)
        if QPrintDialog(printer, self).exec() != QPrintDialog.DialogCode.Accepted:
            return
        painter = QPainter()
        if not painter.begin(printer):
            self._say(self.tr("The printer did not answer. Save the code to a file or write it down."))
            return
        font = painter.font()
        font.setPointSize(14)
        painter.setFont(font)
        area = printer.pageLayout().paintRectPixels(printer.resolution())
        painter.drawText(
            area.adjusted(area.width() // 10, area.height() // 10, -area.width() // 10, 0),
            int(Qt.TextFlag.TextWordWrap),
            self._sheet_text(),
        )
        painter.end()
        self._say(self.tr("Sent to the printer. A print queue may keep a copy for a while."))
        self.kept.setChecked(True)

    def _say(self, sentence: str) -> None:
        self._says.setText(sentence)
        self._says.show()
