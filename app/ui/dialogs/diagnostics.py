"""Diagnostics: what someone who helps needs to know, as text to read, copy or save. Nothing of a dossier."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QLocale, qVersion
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.services.diagnostics import DiagnosticsCard
from app.ui import wording
from app.ui.buttons import button
from app.ui.dialogs.files import choose_file_to_save
from app.ui.failures import sentence
from app.ui.labels import label
from app.ui.plain import one_line
from engine.cage import Guarantee


class Diagnostics(QDialog):
    """Shows one look at the program; it does not change while it is read."""

    def __init__(self, card: DiagnosticsCard, guarantee: Guarantee, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Diagnostics"))
        self.resize(720, 640)
        self.text = "\n".join(self._report(card, guarantee))
        self.shown = QPlainTextEdit(self.text)
        self.shown.setReadOnly(True)
        self.shown.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.shown.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.shown.setProperty("role", "lines")
        self.shown.setAccessibleName(self.tr("Diagnostics"))
        self.says = label("", "small", wrap=True)
        self.copy = button(self.tr("Copy"), "", self._copy)
        self.save = button(self.tr("Save as a text file…"), "", self._save)
        self.close_ = button(self.tr("Close"), "primary", self.accept)
        box = QVBoxLayout(self)
        box.setContentsMargins(28, 24, 28, 20)
        box.setSpacing(10)
        box.addWidget(label(self.tr("Diagnostics"), "heading"))
        box.addWidget(
            label(
                self.tr(
                    "For whoever helps you when the engine stops or a file fails. Nothing of your dossiers "
                    "is in it: no text, no question, no name of a file, no key. It leaves this window only "
                    "if you copy or save it."
                ),
                "muted",
                wrap=True,
            )
        )
        box.addWidget(self.shown, 1)
        box.addWidget(self.says)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.copy)
        row.addWidget(self.save)
        row.addStretch(1)
        row.addWidget(self.close_)
        box.addLayout(row)
        self.close_.setFocus()

    def _report(self, card: DiagnosticsCard, guarantee: Guarantee) -> list[str]:
        """Headings and names in the window's language, codes and logs as they are."""
        engine, model = card.engine, card.engine.model
        memory = self.tr("{free} free of {total}").format(
            free=wording.size(card.memory_free_bytes), total=wording.size(card.memory_bytes)
        )
        problem = sentence(engine.problem) if engine.problem is not None else ""
        kept = guarantee.keeps("internet")
        parts: list[tuple[str, list[tuple[str, str]]]] = [
            (
                self.tr("Program"),
                [
                    (self.tr("Version"), card.version),
                    (self.tr("Libraries"), f"Python {card.python}, Qt {qVersion()}"),
                    (self.tr("System"), f"{card.system}, {card.machine}"),
                    (self.tr("Memory"), memory if card.memory_bytes else ""),
                    (self.tr("Network blocked"), self.tr("yes") if kept else self.tr("no")),
                ],
            ),
            (
                self.tr("Engine"),
                [
                    (self.tr("Version"), f"{card.protocol_version} · {card.build}"),
                    (self.tr("State"), card.phase),
                    (self.tr("What it says"), problem),
                    (self.tr("Reason of the last end"), card.reason),
                    (self.tr("Ends so far"), str(card.restarts)),
                    (self.tr("Instruction set"), wording.device(engine.device)),
                    (self.tr("Memory of its process"), _size(card.engine_bytes)),
                    (self.tr("Memory of the readings"), _size(engine.memory_bytes)),
                    (self.tr("Cage: kept"), ", ".join(card.cage_kept)),
                    (self.tr("Cage: broken"), ", ".join(card.cage_broken)),
                ],
            ),
            (
                self.tr("Model"),
                []
                if model is None
                else [
                    (self.tr("Name"), one_line(wording.model_label(model), 80)),
                    (self.tr("Weights"), f"{model.format}, {_size(model.size_bytes)}"),
                    (self.tr("Parameters"), QLocale().toString(model.parameters)),
                    (self.tr("Identity"), card.model_identity),
                    (self.tr("Window"), card.window),
                ],
            ),
            (
                self.tr("Files not taken in, by reason"),
                [(code, str(count)) for code, count in card.failed_files],
            ),
        ]
        lines = []
        for title, rows in parts:
            lines += [f"[{title}]", *_aligned(rows)] if rows else [f"[{title}]", "–"]
            lines.append("")
        for title, log in (
            (self.tr("Last lines of the engine's log"), card.engine_log),
            (self.tr("Last lines of the program's log"), card.program_log),
        ):
            lines += [f"[{title}]", *(log or ("–",)), ""]
        return lines[:-1]

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text)
        self._say(self.tr("Copied."))

    def _save(self) -> None:
        path = choose_file_to_save(self, self.tr("Save the diagnostics"), self.tr("huisclos-diagnostics.txt"))
        if path is None:
            return
        try:
            _write(path, self.text)
        except OSError:
            self._say(self.tr("The file could not be written. Choose another folder."))
            return
        self._say(self.tr("Saved."))

    def _say(self, text: str) -> None:
        self.says.setText(text)
        self.says.setAccessibleName(text)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def _size(size_bytes: int) -> str:
    return wording.size(size_bytes) if size_bytes else ""


def _aligned(rows: list[tuple[str, str]]) -> list[str]:
    """Names and values in two columns; a value that is not known is a dash."""
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}   {value or '–'}" for name, value in rows]
