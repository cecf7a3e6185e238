"""Which language the window speaks: our own words and Qt's, installed together."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

Speech = Literal["en", "fr"]

FOLDER = Path(__file__).with_name("translations")


def system_language() -> Speech:
    """French where the system speaks French, English everywhere else."""
    return "fr" if QLocale.system().language() == QLocale.Language.French else "en"


class Speaker:
    """Keeps the translators of one application; ``speak`` exchanges them."""

    def __init__(self, application: QApplication) -> None:
        self._application = application
        self._translators: list[QTranslator] = []
        self.language: Speech = "en"

    def close(self) -> None:
        """Take this speaker's words away again."""
        for translator in self._translators:
            self._application.removeTranslator(translator)
        self._translators = []

    def speak(self, language: Speech) -> None:
        """Say everything from now on in ``language``; widgets made before keep their words."""
        self.close()
        self.language = language
        QLocale.setDefault(QLocale(QLocale.Language.French if language == "fr" else QLocale.Language.English))
        folders = (
            (f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
            (f"huisclos_{language}", str(FOLDER)),
        )
        for name, folder in folders:
            translator = QTranslator(self._application)
            if translator.load(name, folder):
                self._application.installTranslator(translator)
                self._translators.append(translator)
