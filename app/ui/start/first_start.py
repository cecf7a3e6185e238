"""The first start: language, passphrase, recovery code, model, something to try it on. No account, no
network.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.bridge.opening import in_background
from app.core.errors import HuisClosError
from app.core.settings import SettingsFile
from app.services.companions import Companions
from app.services.views import ModelCard
from app.services.workspace import Workspace
from app.store.kdf import DEFAULT, KdfParameters
from app.ui.failures import sentence
from app.ui.language import Speaker, Speech
from app.ui.look import Look
from app.ui.start.language_page import LanguagePage
from app.ui.start.model_page import ModelPage
from app.ui.start.passphrase_page import PassphrasePage
from app.ui.start.recovery_page import RecoveryPage
from app.ui.start.samples_page import SamplesPage
from app.ui.start.steps import Steps

STEPS = 5


class FirstStart(QWidget):
    """``finished`` carries the new workspace and the samples that are wanted."""

    finished = Signal(object, tuple)

    def __init__(
        self,
        look: Look,
        speaker: Speaker,
        settings: SettingsFile,
        companions: Companions,
        folder: Path,
        *,
        kdf: KdfParameters = DEFAULT,
        testing: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._speaker = speaker
        self._settings = settings
        self._companions = companions
        self._folder = folder
        self._kdf = kdf
        self._testing = testing
        self.workspace: Workspace | None = None
        self.pages = QStackedWidget()
        self._steps = Steps(look, STEPS)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 24, 24, 24)
        box.addWidget(self.pages, 1)
        box.addWidget(self._steps, 0, Qt.AlignmentFlag.AlignHCenter)
        self._ask_language()

    def _ask_language(self) -> None:
        page = LanguagePage(self._look, self._speaker.language)
        page.chosen.connect(self._speak)
        page.done.connect(self._ask_passphrase)
        self._show(page, 0)
        page.go.setFocus()

    def _speak(self, language: Speech) -> None:
        if language != self._speaker.language:
            self._speaker.speak(language)
            self._ask_language()
        self._settings.change(language=language)

    def _ask_passphrase(self) -> None:
        self._settings.change(language=self._speaker.language)
        page = PassphrasePage(self._look)
        page.back.connect(self._ask_language)
        page.chosen.connect(lambda secret: self._create(page, secret))
        self._show(page, 1)

    def _create(self, page: PassphrasePage, secret: str) -> None:
        page.set_busy(True)

        def work() -> tuple[Workspace, str]:
            workspace = Workspace.create(
                self._folder, secret, companions=self._companions, kdf=self._kdf, testing=self._testing
            )
            return workspace, workspace.vault.add_recovery_slot()

        task = in_background("create-vault", work, self)

        def made(result: tuple[Workspace, str]) -> None:
            self.workspace, code = result
            page.forget()
            self._show_recovery(code)

        def refused(failure: Exception) -> None:
            page.set_busy(False)
            page.say(sentence(failure))

        task.succeeded.connect(made)
        task.failed.connect(refused)

    def _show_recovery(self, code: str) -> None:
        page = RecoveryPage(code)
        page.done.connect(self._show_model)
        page.skipped.connect(self._go_without_code)
        self._show(page, 2)

    def _go_without_code(self) -> None:
        """A code that nobody kept must not count as one."""
        if self.workspace is not None:
            with suppress(HuisClosError):  # it opens nothing for anybody anyway
                self.workspace.vault.remove_recovery_slot()
        self._show_model()

    def _show_model(self) -> None:
        page = ModelPage(self._look, self._model())
        page.done.connect(self._offer_samples)
        self._show(page, 3)

    def _model(self) -> ModelCard | None:
        chosen = self._companions.host.catalogue.chosen(self._settings.current.model_id)
        loaded = self._companions.host.card().model
        return loaded or (chosen.card if chosen is not None else None)

    def _offer_samples(self) -> None:
        page = SamplesPage(self._look)
        page.done.connect(lambda kinds: self.finished.emit(self.workspace, kinds))
        self._show(page, 4)

    def _show(self, page: QWidget, step: int) -> None:
        old = self.pages.currentWidget()
        self.pages.addWidget(page)
        self.pages.setCurrentWidget(page)
        if old is not None:
            # A page is gone for good with what was typed or shown on it.
            self.pages.removeWidget(old)
            old.deleteLater()
        self._steps.go(step)
        page.setFocus()
