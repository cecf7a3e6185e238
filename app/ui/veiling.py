"""Hiding a window's content while its work goes on, and giving it back to whoever knows the passphrase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QDialog, QToolTip, QWidget
from shiboken6 import isValid

from app.bridge.tasks import while_alive
from app.store import WrongPassphrase
from app.ui.dialogs.model_adding import ModelAdding, RunningConversion
from app.ui.failures import sentence
from app.ui.look import Look
from app.ui.selections import clear_clipboards
from app.ui.veil_page import VeilPage

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

LOOK_MS = 500


class Veiling(QObject):
    """``draw`` hides, ``lifted`` comes after the right passphrase, ``ended`` when no long work is left.

    The content is taken out of the window, not covered: what is no part of it can neither be painted nor
    read out, and no key, drop or menu reaches it.
    """

    lifted = Signal()
    ended = Signal()

    def __init__(self, look: Look, window: MainWindow) -> None:
        super().__init__(window)
        self._look = look
        self._window = window
        self.page: VeilPage | None = None
        self._content: QWidget | None = None  # while it is hidden; a part of no window then
        self._held: QWidget | None = None
        self._actions: list[QAction] = []
        self._conversions: list[RunningConversion] = []
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def is_drawn(self) -> bool:
        return self.page is not None

    def draw(self) -> None:
        """Hide everything at once. Twice does no harm."""
        if self.is_drawn:
            return
        window = self._window
        self._held = window.focusWidget()
        self._close_others()
        self._silence(True)
        content = window.centralWidget()
        if content is not None:  # taking a whole tree of widgets out takes longer than hiding it
            content.hide()
        window.repaint()
        page = VeilPage(self._look)
        page.tried.connect(self._try)
        page.lock_wanted.connect(window.actions_.lock.trigger)
        page.show_work(window.session.long_work())
        self.page, self._content = page, window.takeCentralWidget()
        window.setCentralWidget(page)
        page.show()
        window.repaint()
        clear_clipboards()
        page.setFocus()
        self._timer.start()

    def drop(self) -> None:
        """Let go of what is hidden: the window is about to end."""
        self._timer.stop()
        if self._content is not None:
            self._content.deleteLater()
        self._content = self._held = None

    def look(self) -> None:
        """Show how far the work is; without any left there is nothing to stay open for."""
        if self.page is None:
            return
        work = self._window.session.long_work()
        self.page.show_work(work)
        if not work and not self.page.is_trying:
            self._timer.stop()
            self.ended.emit()

    # -- the passphrase -------------------------------------------------------------------------------------

    def _try(self, secret: str) -> None:
        page = self.page
        task = self._window.session.prove_passphrase(secret)
        task.succeeded.connect(while_alive(self, lambda _: self._lift(page)))
        task.failed.connect(while_alive(self, lambda failure: self._refuse(page, failure)))

    def _refuse(self, page: VeilPage | None, failure: Exception) -> None:
        if page is not None and page is self.page:
            page.refuse(sentence(failure), wrong=isinstance(failure, WrongPassphrase))

    def _lift(self, page: VeilPage | None) -> None:
        content, window = self._content, self._window
        if page is None or page is not self.page or content is None:
            return
        self._timer.stop()
        self.page = self._content = None
        window.takeCentralWidget()
        page.hide()
        page.deleteLater()
        window.setCentralWidget(content)
        content.show()
        self._silence(False)
        if self._held is not None and isValid(self._held):
            self._held.setFocus()
        self._held = None
        self.lifted.emit()
        QTimer.singleShot(0, self, self._show_conversions)

    def _show_conversions(self) -> None:
        """Give a conversion its dialog back, or tell how it ended."""
        conversions, self._conversions = self._conversions, []
        window = self._window
        for conversion in conversions:
            if conversion.failure is not None:
                window.toast.warn(sentence(conversion.failure))
            elif isValid(conversion.task) and conversion.task.running:
                dialog = ModelAdding(window.session, conversion.path, window, conversion)
                dialog.finished.connect(dialog.deleteLater)
                dialog.open()
            else:
                window.toast.say(self.tr("The model is installed."))

    # -- everything beside the content ----------------------------------------------------------------------

    def _close_others(self) -> None:
        """Menus, lists, tips and dialogs. A dialog is hidden, which ends it without its deed; a model that
        is being converted goes on and is shown again afterwards.
        """
        QToolTip.hideText()
        closed: QWidget | None = None
        while (popup := QApplication.activePopupWidget()) is not None and popup is not closed:
            popup.hide()
            closed = popup
        window = self._window
        for dialog in window.findChildren(QDialog):
            if isinstance(dialog, ModelAdding):
                conversion = dialog.hand_over()
                self._conversions += [] if conversion is None else [conversion]
            dialog.hide()
            dialog.deleteLater()
        for other in QApplication.topLevelWidgets():
            if other is not window and other.isVisible():
                other.hide()

    def _silence(self, silent: bool) -> None:
        """No drop, no key but those of the veil, no message that could name a file."""
        window = self._window
        window.setAcceptDrops(not silent)
        window.toast.hush(silent)
        window.help.shuttered = silent
        window.chat.postpone(silent)
        if silent:
            window.veil.forget()
            self._actions = [a for a in window.actions() if a is not window.actions_.lock]
            for action in self._actions:
                window.removeAction(action)
        else:
            window.addActions(self._actions)
            self._actions = []
