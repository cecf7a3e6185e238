"""Choosing files and folders with Qt's own dialog: the desktop's would keep a list of recent names."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QDir, QSettings
from PySide6.QtWidgets import QFileDialog, QWidget


def keep_no_names() -> None:
    """Give Qt nowhere to write: its file dialog would keep the last folders in the user's configuration."""
    nowhere = QSettings.Format.NativeFormat, QSettings.Scope.UserScope, os.devnull
    QSettings.setPath(*nowhere)


def _dialog(parent: QWidget, title: str) -> QFileDialog:
    made = QFileDialog(parent, title, QDir.homePath())
    made.setOption(QFileDialog.Option.DontUseNativeDialog, True)
    made.setViewMode(QFileDialog.ViewMode.Detail)
    made.resize(880, 560)
    return made


def _run(dialog: QFileDialog) -> list[Path]:
    try:
        accepted = dialog.exec() == QFileDialog.DialogCode.Accepted
        return [Path(name) for name in dialog.selectedFiles()] if accepted else []
    finally:
        dialog.deleteLater()


def choose_files(parent: QWidget) -> list[Path]:
    """Documents to take in."""
    dialog = _dialog(parent, QCoreApplication.translate("FileDialogs", "Add files"))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.setNameFilters(
        [
            QCoreApplication.translate("FileDialogs", "Documents") + " (*.pdf *.docx *.eml *.txt *.md)",
            QCoreApplication.translate("FileDialogs", "All files") + " (*)",
        ]
    )
    return _run(dialog)


def choose_folder(parent: QWidget) -> list[Path]:
    """A folder whose documents are all taken in."""
    dialog = _dialog(parent, QCoreApplication.translate("FileDialogs", "Add a folder"))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
    return _run(dialog)


def choose_model_folder(parent: QWidget) -> Path | None:
    """The folder of a checkpoint."""
    dialog = _dialog(parent, QCoreApplication.translate("FileDialogs", "Add a model"))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
    return next(iter(_run(dialog)), None)


def choose_model(parent: QWidget) -> Path | None:
    """A model file, or a file of a checkpoint, which stands for its folder."""
    dialog = _dialog(parent, QCoreApplication.translate("FileDialogs", "Add a model"))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters(
        [QCoreApplication.translate("FileDialogs", "Models") + " (*.gguf *.safetensors *.bin config.json)"]
    )
    return next(iter(_run(dialog)), None)


def choose_file_to_save(parent: QWidget, title: str, name: str) -> Path | None:
    """Where to write a file."""
    dialog = _dialog(parent, title)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.selectFile(name)
    return next(iter(_run(dialog)), None)
