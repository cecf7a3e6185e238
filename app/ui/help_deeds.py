"""Settings, help, the command palette, the vault's check, the light: deeds that concern no dossier."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication, QDialog, QVBoxLayout, QWidget

from app.bridge.session import Session
from app.bridge.tasks import while_alive
from app.core.settings import SettingsFile, Theme
from app.services.views import VaultReport
from app.ui import wording
from app.ui.actions import Actions
from app.ui.failures import sentence
from app.ui.look import Look
from engine.cage import Guarantee


class HelpDeeds(QObject):
    """Dialogs are imported when they are first asked for: the window opens sooner."""

    said = Signal(str)
    warned = Signal(str)
    language_chosen = Signal(str)
    idle_chosen = Signal(int)
    lock_wanted = Signal()
    security_changed = Signal()

    def __init__(
        self,
        look: Look,
        settings: SettingsFile,
        session: Session,
        guarantee: Guarantee,
        actions: Actions,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._look = look
        self._settings = settings
        self._session = session
        self._guarantee = guarantee
        self._actions = actions
        self._window = window
        self.passphrase_changed = False
        self.shuttered = False  # while the window is veiled: no dialog may show then
        actions.settings.triggered.connect(self.settings)
        actions.shortcuts.triggered.connect(self.shortcuts)
        actions.guarantees.triggered.connect(self.guarantees)
        actions.diagnostics.triggered.connect(self.diagnostics)
        actions.palette.triggered.connect(self.palette)
        actions.dark.triggered.connect(self.other_light)
        actions.check_vault.triggered.connect(self.check_vault)
        actions.inside.triggered.connect(self.inside)
        look.changed.connect(self._draw_light)
        self._draw_light()

    def settings(self) -> None:
        self._show_settings()

    def security(self) -> None:
        """The settings, turned to the passphrase."""
        from app.ui.dialogs.settings_dialog import SECURITY

        self._show_settings(SECURITY)

    def _show_settings(self, page: int = 0) -> None:
        from app.ui.dialogs.settings_dialog import SettingsDialog

        dialog = SettingsDialog(self._look, self._settings, self._session, self._window)
        dialog.names.setCurrentRow(page)
        dialog.idle_chosen.connect(self.idle_chosen)
        # The window is built again in the other language: the dialog has to be gone by then.
        wanted: list[str] = []
        dialog.language_chosen.connect(wanted.append)
        dialog.language_chosen.connect(dialog.accept)
        dialog.recovery_code_wanted.connect(self.make_recovery_code)
        dialog.passphrase_changed.connect(self._note_passphrase)
        self.security_changed.connect(dialog.show_recovery)
        self._show(dialog)
        if wanted and wanted[-1] != self._settings.current.language:
            self.language_chosen.emit(wanted[-1])

    def shortcuts(self) -> None:
        from app.ui.dialogs.shortcuts import Shortcuts

        self._show(Shortcuts(self._actions, self._window))

    def guarantees(self) -> None:
        from app.ui.dialogs.guarantees import Guarantees

        self._show(Guarantees(self._look, self._guarantee, self._window))

    def diagnostics(self) -> None:
        from app.ui.dialogs.diagnostics import Diagnostics

        self._show(Diagnostics(self._session.diagnose(), self._guarantee, self._window))

    def inside(self) -> None:
        """Stays open beside the window."""
        from app.ui.inside.inside_dialog import InsideDialog

        shown = self._window.findChild(InsideDialog)
        dialog = shown or InsideDialog(self._look, self._session, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def palette(self) -> None:
        from app.ui.dialogs.command_palette import CommandPalette

        dialog = CommandPalette(self._actions, self._window)
        self._show(dialog)
        if dialog.chosen is not None:
            dialog.chosen.trigger()

    def other_light(self) -> None:
        choice: Theme = "light" if self._look.palette.is_dark else "dark"
        self._settings.change(theme=choice)
        self._look.choose(choice)

    def _draw_light(self) -> None:
        self._look.dress(self._actions.dark, "sun" if self._look.palette.is_dark else "moon")

    def check_vault(self) -> None:
        self.said.emit(self.tr("Checking the vault…"))
        task = self._session.check_vault()
        task.succeeded.connect(self._checked)
        task.failed.connect(while_alive(self, lambda failure: self.warned.emit(sentence(failure))))

    def crash(self, failure: BaseException) -> None:
        from app.ui.dialogs.crash import CrashDialog, report

        self._show(CrashDialog(report(type(failure), failure, failure.__traceback__), self._window))

    def _checked(self, report: VaultReport) -> None:
        if report.problems:
            self.warned.emit(
                self.tr(
                    "%n problem(s) found. Restore a backup, or ask for help before going on.",
                    "",
                    len(report.problems),
                )
            )
        else:
            self.said.emit(
                self.tr("The vault is whole: {documents}, {pages}.").format(
                    documents=wording.documents(report.documents), pages=wording.pages(report.pages)
                )
            )

    def make_recovery_code(self) -> None:
        """Make a new code and show it, this once, whatever was closed meanwhile: the one before is gone."""
        task = self._session.add_recovery_code()
        task.then(self, self._show_code)
        task.failed.connect(while_alive(self, lambda failure: self.warned.emit(sentence(failure))))
        task.ended.connect(self.security_changed)

    def _note_passphrase(self) -> None:
        self.passphrase_changed = True
        self.security_changed.emit()

    def _show_code(self, code: str) -> None:
        if self.shuttered:  # nobody would see it, and nobody else may
            self._session.drop_recovery_code()
            return
        from app.ui.start.recovery_page import RecoveryPage

        dialog = QDialog(QApplication.activeModalWidget() or self._window)
        dialog.setWindowTitle(self.tr("Recovery code"))
        page = RecoveryPage(code)
        page.done.connect(dialog.accept)
        page.skipped.connect(self._session.drop_recovery_code)
        page.skipped.connect(dialog.accept)
        box = QVBoxLayout(dialog)
        box.setContentsMargins(20, 20, 20, 20)
        box.addWidget(page)
        self._show(dialog)

    def _show(self, dialog: QDialog) -> None:
        if self.shuttered:
            dialog.deleteLater()
            return
        dialog.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        dialog.exec()
        dialog.deleteLater()
