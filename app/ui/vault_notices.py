"""Says above the panes what a person must know about the open vault: most urgent first, one at a time."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.bridge.session import Session
from app.core.settings import SettingsFile
from app.ui.help_deeds import HelpDeeds
from app.ui.notice import Notice


class VaultNotices(QObject):
    """Looks again whenever something changed or failed."""

    def __init__(
        self, session: Session, settings: SettingsFile, notice: Notice, help_: HelpDeeds, window: QObject
    ) -> None:
        super().__init__(window)
        self._session = session
        self._settings = settings
        self._notice = notice
        self._help = help_
        self._shown = ""
        self._remind = False
        self._put_away: set[str] = set()
        session.failed.connect(self.look)
        session.relay.changed.connect(self.look)
        help_.security_changed.connect(self.look)

    def begin(self, *, remind: bool) -> None:
        """``remind`` of a missing recovery code, if that was not done before."""
        self._remind = remind and not self._settings.current.recovery_reminded
        self.look()

    def look(self, *_: object) -> None:
        vault = self._session.vault()
        if vault.read_only:
            wanted = "read-only"
        elif vault.by_recovery_code and not self._help.passphrase_changed:
            wanted = "passphrase"
        elif self._remind and not vault.has_recovery_code:
            wanted = "code"
        else:
            wanted = ""
        if wanted in self._put_away:
            wanted = ""
        if wanted != self._shown:
            self._shown = wanted
            self._show(wanted)

    def _show(self, which: str) -> None:
        match which:
            case "read-only":
                self._notice.show_words(
                    self.tr(
                        "The disk refused to write, so this vault is open for reading only. Nothing that was "
                        "saved is lost. Make room or look after the disk, then lock and unlock."
                    ),
                    self.tr("Lock now"),
                    self._help.lock_wanted.emit,
                    bad=True,
                )
            case "passphrase":
                self._notice.show_words(
                    self.tr("You unlocked with the recovery code. Choose a new passphrase while it is open."),
                    self.tr("Choose a passphrase…"),
                    self._help.security,
                    closed=lambda: self._put_away.add("passphrase"),
                )
            case "code":
                self._settings.change(recovery_reminded=True)
                self._notice.show_words(
                    self.tr(
                        "This vault has no recovery code: if the passphrase is lost, nothing can open it."
                    ),
                    self.tr("Make a recovery code…"),
                    self._help.make_recovery_code,
                    closed=lambda: self._put_away.add("code"),
                )
            case _:
                self._notice.hide()
