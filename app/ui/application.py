"""The program with a window: first start or unlocking, then the main window; locking ends the process."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from app.bridge.garbage import GarbageCollector
from app.bridge.opening import in_background
from app.bridge.session import Session
from app.core.errors import EnvironmentFailure, HuisClosError
from app.core.log import Log
from app.core.paths import Paths
from app.core.settings import SettingsFile
from app.services.companions import Companions
from app.services.upkeep import restart_locked
from app.services.workspace import Workspace
from app.store import Vault, WrongPassphrase
from app.store.kdf import DEFAULT, KdfParameters
from app.ui.dialogs.files import keep_no_names
from app.ui.failures import is_expected, sentence
from app.ui.idle import IdleWatch
from app.ui.interrupts import Interrupts
from app.ui.language import Speaker, Speech, system_language
from app.ui.look import Look
from app.ui.selections import clear_clipboards
from engine.cage import Guarantee

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow
    from app.ui.start.first_start import FirstStart
    from app.ui.start.unlock_page import UnlockPage

_SCALE, _SCALED_BY_US = "QT_SCALE_FACTOR", "HUISCLOS_SCALE"

Restart = Callable[[Sequence[str]], None]


class Shell(QMainWindow):
    """The window before the main one: first start and unlocking stand in it."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Huis Clos")
        self.setMinimumSize(680, 640)
        self.resize(1440, 900)

    def put(self, page: QWidget) -> None:
        self.setCentralWidget(page)
        page.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.accept()
        self.left.emit()


class Program(QObject):
    """One run of the application from the first paint to its end."""

    ended = Signal()
    _broke = Signal(object)

    def __init__(
        self,
        application: QApplication,
        paths: Paths,
        guarantee: Guarantee,
        arguments: Sequence[str] = (),
        *,
        vault: Path | None = None,
        restart: Restart = restart_locked,
        kdf: KdfParameters = DEFAULT,
        testing: bool = False,
    ) -> None:
        """``kdf`` and ``testing`` are for tests, which cannot wait a second for every key."""
        super().__init__(application)
        self._application = application
        self._paths = paths
        self._guarantee = guarantee
        self._arguments = tuple(arguments)
        self._restart = restart
        self._kdf = kdf
        self._testing = testing
        paths.create()
        self.settings = SettingsFile(paths.settings_file)
        now = self.settings.load()
        self._folder = vault or (Path(now.vault_folder) if now.vault_folder else paths.default_vault)
        self.look = Look(application, now.theme)
        self.speaker = Speaker(application)
        self.speaker.speak(now.language or system_language())
        self._idle = IdleWatch(application)
        self._idle.idle.connect(self.leave_alone)
        self._idle.slept.connect(self.lock)
        self._log = Log(paths.log)
        self._companions: Companions | None = None
        self.shell: Shell | None = None
        self._first: FirstStart | None = None
        self.session: Session | None = None
        self.window: MainWindow | None = None
        self._broke.connect(self._tell_crash)

    def start(self) -> None:
        """Show the first page, and start the engine and the parser behind it."""
        self.shell = Shell()
        self.shell.left.connect(self.leave)
        if Vault.exists(self._folder):
            self._ask_passphrase()
            self.shell.show()
            QTimer.singleShot(0, self, self._get_ready)
        else:
            self._accompany()
            self._first_start()
            self.shell.show()

    # -- before the vault is open ---------------------------------------------------------------------------

    def _accompany(self) -> Companions:
        """The parser helper and the engine start before any key exists."""
        if self._companions is None:
            self._companions = Companions.start(self._paths, settings=self.settings)
        return self._companions

    def _get_ready(self) -> None:
        """While the passphrase is being typed: start the companions, load what the main window is made of."""
        self._accompany()
        import app.ui.main_window  # noqa: F401

    def _first_start(self) -> None:
        from app.ui.start.first_start import FirstStart

        page = FirstStart(
            self.look,
            self.speaker,
            self.settings,
            self._accompany(),
            self._folder,
            kdf=self._kdf,
            testing=self._testing,
        )
        page.finished.connect(lambda workspace, samples: self._begin(workspace, samples, fresh=True))
        self._first = page
        if self.shell is not None:
            self.shell.put(page)

    def _ask_passphrase(self) -> None:
        from app.ui.start.unlock_page import UnlockPage

        page = UnlockPage(self.look)
        page.tried.connect(lambda secret: self._unlock(page, secret))
        page.left.connect(self.leave)
        if self.shell is not None:
            self.shell.put(page)

    def _unlock(self, page: UnlockPage, secret: str) -> None:
        companions = self._accompany()
        task = in_background(
            "open-vault",
            lambda: Workspace.open(self._folder, secret, companions=companions, testing=self._testing),
            self,
        )
        task.succeeded.connect(lambda workspace: self._begin(workspace, ()))
        task.failed.connect(
            lambda failure: page.refuse(sentence(failure), wrong=isinstance(failure, WrongPassphrase))
        )

    # -- the main window ------------------------------------------------------------------------------------

    def _begin(self, workspace: Workspace, samples: Sequence[str], *, fresh: bool = False) -> None:
        self.settings.change(first_start_done=True, language=self.speaker.language)
        self.session = Session(workspace, self)
        window = self._make_window()
        if self.shell is not None:
            self.shell.left.disconnect(self.leave)
            self.shell.close()
            self.shell.deleteLater()
            self.shell = None
        window.begin(fresh=fresh)
        if samples:
            window.deeds.take_in_samples(samples)
        self._idle.watch(self.settings.current.idle_lock_min)

    def _make_window(self) -> MainWindow:
        from app.ui.main_window import MainWindow

        if self.session is None:
            raise RuntimeError("a window needs an open vault")
        window = MainWindow(
            self.look, self.settings, self.session, self._guarantee, self.speaker.language, self.lock
        )
        window.left.connect(self.leave)
        window.veiling.lifted.connect(lambda: self._idle.watch(self.settings.current.idle_lock_min))
        window.veiling.ended.connect(self.lock)
        window.language_chosen.connect(self._speak)
        window.idle_chosen.connect(self._idle.watch)
        self.window = window
        window.show()
        return window

    def _speak(self, language: Speech) -> None:
        """Build the window again in the other language, where it was."""
        old = self.window
        if old is None:
            return
        self.settings.change(language=language)
        self.speaker.speak(language)
        place, card = old.saveGeometry(), old.library.dossier
        old.retire()
        window = self._make_window()
        window.restoreGeometry(place)
        if card is not None:
            window.library.choose(card.id)

    # -- nobody there ---------------------------------------------------------------------------------------

    def leave_alone(self) -> None:
        """The idle time is up: lock, or hide everything first while work that takes long comes to its end."""
        if self.session is None or self.window is None:
            return
        if self.settings.current.veil_long_work and self.session.long_work():
            self._idle.watch_sleep()
            self.window.veiling.draw()
        else:
            self.lock()

    # -- the end --------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """Blank first, then end everything that holds a key or text, then become a fresh, locked process."""
        if self.session is None or self.window is None:
            return
        self._idle.rest()
        self.window.blank()
        self._application.processEvents()
        clear_clipboards()
        session, self.session = self.session, None
        session.close()
        self._restart(self._arguments)

    def leave(self) -> None:
        """End quietly: what runs reaches a safe point and goes on at the next start."""
        self._idle.rest()
        for window in (self.window, self.shell):
            if window is not None:
                window.hide()
        session, self.session = self.session, None
        if session is not None:
            session.close()
        elif self._first is not None and self._first.workspace is not None:
            self._first.workspace.close()
        elif self._companions is not None:
            self._companions.close()
        self.ended.emit()

    # -- what breaks ----------------------------------------------------------------------------------------

    def hear_crashes(self) -> None:
        """A defect anywhere shows the crash dialog and goes on."""
        sys.excepthook = self._hear
        threading.excepthook = lambda args: self._broke.emit(args.exc_value) if args.exc_value else None

    def _hear(self, kind: type[BaseException], failure: BaseException, trace: TracebackType | None) -> None:
        self._broke.emit(failure.with_traceback(trace))

    def _tell_crash(self, failure: BaseException) -> None:
        self._log.failure("window", "crash", failure)
        veiled = self.window is not None and self.window.veiling.is_drawn
        if self.window is not None and (veiled or is_expected(failure)):
            self.window.toast.warn(sentence(failure))
            return
        from app.ui.dialogs.crash import CrashDialog, report

        dialog = CrashDialog(report(type(failure), failure, failure.__traceback__), self.window or self.shell)
        dialog.exec()
        dialog.deleteLater()


def open_window(arguments: Sequence[str], guarantee: Guarantee) -> int:
    """Open the window and return the exit code. ``--vault DIR`` opens another vault than the usual one."""
    keep_no_names()
    paths = Paths.find()
    _enlarge(paths)
    application = QApplication(["huisclos"])
    GarbageCollector(application)
    application.setApplicationName("huisclos")
    application.setApplicationDisplayName("Huis Clos")
    application.setDesktopFileName("huisclos")
    application.setQuitOnLastWindowClosed(False)
    try:
        program = Program(application, paths, guarantee, arguments, vault=_vault_of(arguments))
    except (EnvironmentFailure, OSError) as failure:
        return _give_up(failure)
    program.hear_crashes()
    program.ended.connect(application.quit)
    interrupts = Interrupts(application)
    interrupts.asked.connect(program.leave)
    program.start()
    return int(application.exec())


def _enlarge(paths: Paths) -> None:
    """Everything in the window in the size that was chosen; Qt asks for it before the application is made."""
    percent = SettingsFile(paths.settings_file).load().zoom_percent
    ours = os.environ.pop(_SCALED_BY_US, None)  # a locked program inherits what the one before it set
    if os.environ.get(_SCALE) not in (None, ours):
        return  # somebody else's wish
    os.environ.pop(_SCALE, None)
    if percent != 100:
        os.environ[_SCALE] = os.environ[_SCALED_BY_US] = str(percent / 100)


def _vault_of(arguments: Sequence[str]) -> Path | None:
    words = list(arguments)
    if "--vault" in words and words.index("--vault") + 1 < len(words):
        return Path(words[words.index("--vault") + 1])
    return None


def _give_up(failure: BaseException) -> int:
    text = failure.sentence() if isinstance(failure, HuisClosError) else str(failure)
    print(f"Huis Clos cannot start: {text}", file=sys.stderr)
    return 3
