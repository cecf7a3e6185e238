"""What a person must know about the open vault stands above the panes until it is true no more."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.core.errors import EnvironmentFailure
from app.ui.dialogs.settings_dialog import SECURITY, SettingsDialog
from app.ui.start.recovery_page import RecoveryPage
from tests.ui.conftest import Stage


def test_a_missing_recovery_code_is_told_once_and_made_on_the_spot(stage: Stage) -> None:
    window = stage.open()
    window.begin()
    assert window.notice.isVisible()
    assert "no recovery code" in window.notice.words.text()
    assert window._settings.current.recovery_reminded
    codes: list[str] = []

    def keep() -> None:
        dialog = QApplication.activeModalWidget()
        page = dialog.findChild(RecoveryPage) if dialog is not None else None
        if page is None:
            QTimer.singleShot(10, keep)
            return
        codes.append(page._code)
        page.kept.setChecked(True)
        page.go.click()

    QTimer.singleShot(0, keep)
    window.notice.deed.click()
    stage.until(lambda: codes)
    stage.until(lambda: not window.notice.isVisible())
    assert window.session.workspace.vault.opens_with(codes[0])
    window.session.workspace.vault.remove_recovery_slot()
    window.begin()
    assert not window.notice.isVisible(), "once is enough"


def test_a_vault_just_made_is_not_reminded_of_what_was_just_decided(stage: Stage) -> None:
    window = stage.open()
    window.begin(fresh=True)
    assert not window.notice.isVisible()


def test_a_code_that_is_made_and_not_kept_does_not_count(stage: Stage) -> None:
    window = stage.open()
    held: list[bool] = []

    def skip() -> None:
        dialog = QApplication.activeModalWidget()
        page = dialog.findChild(RecoveryPage) if dialog is not None else None
        if page is None:
            QTimer.singleShot(10, skip)
        else:
            held.append(window.session.vault().has_recovery_code)
            page.skipped.emit()

    QTimer.singleShot(0, skip)
    window.help.make_recovery_code()
    stage.until(lambda: held)
    assert held == [True]
    stage.until(lambda: not window.session.vault().has_recovery_code)


def test_a_disk_that_refused_to_write_is_told_until_the_vault_is_locked(stage: Stage) -> None:
    window = stage.open()
    window.begin(fresh=True)
    window.session.workspace.vault._health.write_failed(OSError(5, "Input/output error"))
    window.session.failed.emit(EnvironmentFailure("disk", "The disk failed."))
    assert window.notice.isVisible()
    assert "reading only" in window.notice.words.text()
    assert not window.notice.close_button.isVisible(), "it cannot be put away"
    window.notice.deed.click()
    assert stage.locked


def test_who_unlocks_with_the_recovery_code_is_led_to_a_new_passphrase(stage: Stage) -> None:
    window = stage.open()
    vault = window.session.workspace.vault
    slot = vault.add_recovery_slot()
    assert slot
    recovery = next(one for one in vault._opened.file.slots if one.kind == "recovery")
    vault._opened = replace(vault._opened, slot=recovery)
    window.begin(fresh=True)
    assert "recovery code" in window.notice.words.text()
    shown: list[int] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, SettingsDialog):
            shown.append(dialog.names.currentRow())
            dialog.passphrase_changed.emit()
            dialog.accept()
        else:
            QTimer.singleShot(10, look)

    QTimer.singleShot(0, look)
    window.notice.deed.click()
    assert shown == [SECURITY]
    assert not window.notice.isVisible()


def test_the_settings_say_whether_a_recovery_code_exists(stage: Stage) -> None:
    window = stage.open()
    dialog = SettingsDialog(stage.look, window._settings, window.session, window)
    assert "no recovery code" in dialog._change.recovery.text()
    window.session.workspace.vault.add_recovery_slot()
    dialog.show_recovery()
    assert "opens this vault too" in dialog._change.recovery.text()
    dialog.deleteLater()
