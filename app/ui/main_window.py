"""The main window: library, questions, pages; it joins the panes and owns nothing else."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QDialog, QMainWindow, QVBoxLayout, QWidget

from app.bridge.session import Session
from app.core.settings import SettingsFile
from app.services.events import EngineChanged, ImportMoved, ReadingMoved
from app.services.views import DossierCard, EngineState
from app.ui.actions import Actions
from app.ui.chat.chat_pane import ChatPane
from app.ui.chat.search_panel import SearchPanel
from app.ui.drop_veil import DropVeil, dropped_paths
from app.ui.failures import is_expected, sentence
from app.ui.help_deeds import HelpDeeds
from app.ui.language import Speech
from app.ui.library.deeds import Deeds
from app.ui.library.library_pane import LibraryPane
from app.ui.look import Look
from app.ui.notice import Notice
from app.ui.panes import Panes
from app.ui.status_bar import StatusBar
from app.ui.toast import Toast
from app.ui.top_bar import TopBar
from app.ui.vault_notices import VaultNotices
from app.ui.veiling import Veiling
from app.ui.viewer.viewer_pane import ViewerPane
from engine.cage import Guarantee

NARROW_PX = 1100


class MainWindow(QMainWindow):
    """``left`` comes when the person really closes it; the owner then ends the session."""

    left = Signal()
    language_chosen = Signal(str)
    idle_chosen = Signal(int)

    def __init__(
        self, look: Look, settings: SettingsFile, session: Session, guarantee: Guarantee, language: Speech,
        lock: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__()
        self.setWindowTitle("Huis Clos")
        self.setMinimumSize(720, 520)
        self.setAcceptDrops(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self._look = look
        self._settings = settings
        self.session = session
        self._guarantee = guarantee
        self._was_ready = session.engine().state is EngineState.READY
        self.actions_ = Actions(look, self)
        self.library = LibraryPane(look, self.actions_, session)
        self.chat = ChatPane(look, self.actions_, session, language)
        self.search = SearchPanel(look, session)
        self.viewer = ViewerPane(look, self.actions_, session)
        self.status = StatusBar(look, guarantee)
        self.notice = Notice(look)
        self.top = TopBar(look, self.actions_)
        self.panes = Panes(self.library, self.chat, self.search, self.viewer)
        self._build()
        self.deeds = Deeds(self.actions_, session, self.library, language, self)
        self.help = HelpDeeds(look, settings, session, guarantee, self.actions_, self)
        self.toast = Toast(look, self)
        self.veil = DropVeil(look, self)
        self.veiling = Veiling(look, self)
        self.vault_notices = VaultNotices(session, settings, self.notice, self.help, self)
        self._connect(lock)
        self._restore()
        self.status.show_engine(session.engine())
        self.library.refresh()

    def begin(self, *, fresh: bool = False) -> None:
        """Go on with what was left when the program ended; ``fresh`` when the vault has just been made."""
        self.deeds.resume()
        self.vault_notices.begin(remind=not fresh)
        self.chat.composer.setFocus()

    def retire(self) -> None:
        """Go away without ending the session: another window takes its place."""
        self.chat.leave()
        self.hide()
        self.deleteLater()

    def blank(self) -> None:
        """Show nothing of a dossier any more: the first thing locking does."""
        self.veiling.drop()
        for window in self.findChildren(QDialog):
            window.reject()
        self.setCentralWidget(QWidget())
        self.repaint()

    # -- joining --------------------------------------------------------------------------------------------

    def _connect(self, lock: Callable[[], None]) -> None:
        session, actions = self.session, self.actions_
        self.library.dossier_chosen.connect(self._turn_to)
        self.library.document_opened.connect(self.viewer.open_document)
        self.library.scope_changed.connect(lambda: self.chat.show_scope(self.library.documents.scope))
        self.chat.scope.whole_wanted.connect(self.library.documents.clear_scope)
        self.chat.cited.connect(self.viewer.show_citation)
        self.search.opened.connect(self.viewer.show_hit)
        self.search.closed.connect(self._close_search)
        self.viewer.opened.connect(self.panes.bring_viewer)
        self.viewer.gone.connect(
            lambda: self.toast.warn(self.tr("This document is not in the vault any more."))
        )
        self.top.typed.connect(self._type_search)
        self.top.entered.connect(self._enter_search)
        self.top.left.connect(self._close_search)
        self.status.work_cancelled.connect(actions.cancel_work.trigger)
        self.status.inside_wanted.connect(actions.inside.trigger)
        self.deeds.said.connect(self.toast.say)
        self.deeds.import_began.connect(lambda: self.status.show_busy(self.tr("Taking in files…")))
        self.deeds.import_ended.connect(self.status.show_idle)
        self.help.language_chosen.connect(self.language_chosen)
        self.help.idle_chosen.connect(self.idle_chosen)
        self.help.said.connect(self.toast.say)
        self.help.warned.connect(self.toast.warn)
        session.failed.connect(self._fail)
        session.relay.import_moved.connect(self._import_moved)
        session.relay.engine_changed.connect(self._engine_changed)
        session.relay.reading_moved.connect(self._reading_moved)
        session.documents_changed.connect(self._soon)
        actions.search.triggered.connect(self._open_search)
        actions.stop.triggered.connect(self._stop)
        actions.lock.triggered.connect(lock)
        self.help.lock_wanted.connect(lock)
        actions.quit.triggered.connect(self.close)
        actions.go_library.triggered.connect(
            lambda: self.library.dossier_list.setFocus(Qt.FocusReason.ShortcutFocusReason)
        )
        actions.go_chat.triggered.connect(self._go_chat)
        actions.go_viewer.triggered.connect(self._go_viewer)

    def _turn_to(self, card: DossierCard | None) -> None:
        self.top.dossier.show_text(card.name if card is not None else "")
        self.chat.show_dossier(card)
        self.search.show_dossier(card)
        self.viewer.close_all()
        self._close_search()
        if card is not None:
            self.status.show_reading(self.session.reading(card.id))
            self.session.open_dossier(card.id)

    def _soon(self, *_: object) -> None:
        if not self._documents_soon.isActive():  # begun anew by every file, it would wait for the last one
            self._documents_soon.start()

    def _documents_changed(self) -> None:
        self.chat.refresh()
        card = self.library.dossier
        if card is not None:
            self.viewer.close_missing({document.id for document in self.session.documents(card.id)})

    def _import_moved(self, moved: ImportMoved) -> None:
        if self.session.importing:
            self.status.show_import(moved)

    def _reading_moved(self, moved: ReadingMoved) -> None:
        card = self.library.dossier
        if card is not None and card.id == moved.dossier_id:
            self.status.show_reading(moved.reading)

    def _engine_changed(self, event: EngineChanged) -> None:
        self.status.show_engine(event.engine)
        troubled = event.engine.state in (EngineState.RESTARTING, EngineState.FAILED)
        if troubled and event.engine.problem is not None:
            self.toast.warn(sentence(event.engine.problem))
        ready = event.engine.state is EngineState.READY
        if ready and not self._was_ready and self.library.dossier is not None:
            self.session.open_dossier(self.library.dossier.id)
            self.library.refresh()
        self._was_ready = ready

    def _fail(self, failure: Exception) -> None:
        self.toast.warn(sentence(failure))
        if not is_expected(failure):
            self.help.crash(failure)

    # -- search and panes -----------------------------------------------------------------------------------

    def _open_search(self) -> None:
        self.top.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.top.search.selectAll()

    def _type_search(self, words: str) -> None:
        self.panes.bring(self.search)
        self.search.type(words)

    def _enter_search(self) -> None:
        if self.panes.front is self.search and self.search.rows.rows:
            self.search.first()
        else:
            self.panes.bring(self.search)
            self.search.type(self.top.search.text(), at_once=True)

    def _close_search(self) -> None:
        self.top.search.clear()
        self.search.type("", at_once=True)
        if self.panes.front is self.search:
            self.panes.bring(self.chat)
            self.chat.composer.setFocus()

    def _stop(self) -> None:
        if self.panes.front is self.search:
            self._close_search()
        else:
            self.chat.stop()

    def _go_chat(self) -> None:
        self.panes.bring(self.chat)
        self.chat.composer.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _go_viewer(self) -> None:
        self.panes.bring_viewer()
        if self.viewer.view is not None:
            self.viewer.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _build(self) -> None:
        whole = QWidget()
        box = QVBoxLayout(whole)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        for part in (self.top, self.notice, self.panes, self.status):
            box.addWidget(part, 1 if part is self.panes else 0)
        self.setCentralWidget(whole)
        self._documents_soon = QTimer(self)
        self._documents_soon.setSingleShot(True)
        self._documents_soon.setInterval(150)
        self._documents_soon.timeout.connect(self._documents_changed)

    # -- the window itself ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX
        if self.panes.set_narrow(narrow):
            self.status.set_narrow(narrow)
            self.chat.scope.set_narrow(narrow)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event):
            event.acceptProposedAction()
            self._veil_for(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if dropped_paths(event):
            event.acceptProposedAction()
            self._veil_for(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.veil.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.veil.hide()
        paths = dropped_paths(event)
        if paths:
            event.acceptProposedAction()
            self.deeds.take_in(paths, into_new=self._on_empty(event))

    def _veil_for(self, event: QDropEvent) -> None:
        card = None if self._on_empty(event) else self.library.dossier
        self.veil.show_target(card.name if card is not None else None)

    def _on_empty(self, event: QDropEvent) -> bool:
        """True over the list of dossiers: what is dropped there becomes a dossier of its own."""
        view = self.library.dossier_list
        place = view.mapFrom(self, event.position().toPoint())
        return view.isVisible() and view.rect().contains(place)

    def closeEvent(self, event: QCloseEvent) -> None:
        # Behind a veil nothing may be asked; ending pauses what runs at a safe point.
        if not self.veiling.is_drawn and not self.deeds.may_close():
            event.ignore()
            return
        self._keep()
        self.veiling.drop()
        event.accept()
        self.left.emit()

    def _keep(self) -> None:
        self._settings.change(
            window_geometry=bytes(self.saveGeometry().toBase64().data()).decode("ascii"),
            window_layout=self.panes.layout_text,
        )

    def _restore(self) -> None:
        now = self._settings.current
        self.resize(1440, 900)
        if now.window_geometry:
            self.restoreGeometry(QByteArray.fromBase64(now.window_geometry.encode("ascii", "ignore")))
        if now.window_layout:
            self.panes.restore(now.window_layout)
