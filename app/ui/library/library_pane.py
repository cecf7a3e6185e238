"""The left pane. It shows snapshots and says what the person wants; the window does it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QListView, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.bridge.rows import ROW, DocumentRows, DossierRows
from app.bridge.session import Session
from app.services.views import DocumentCard, DossierCard
from app.ui.actions import Actions
from app.ui.buttons import button, tool_button
from app.ui.labels import ElidedLabel, label
from app.ui.library import document_delegate, dossier_delegate
from app.ui.library.document_delegate import DocumentDelegate
from app.ui.library.dossier_delegate import DossierDelegate
from app.ui.library.drop_area import DropArea
from app.ui.library.exceptions_list import ExceptionsList
from app.ui.library.reading_strip import ReadingStrip
from app.ui.look import Look

_SHOWN_DOSSIERS = 5
_REFRESH_MS = 120


class LibraryPane(QFrame):
    """``dossier_chosen`` carries a card or None; ``document_opened`` a document's card."""

    dossier_chosen = Signal(object)
    document_opened = Signal(object)
    scope_changed = Signal()
    samples_wanted = Signal()

    def __init__(self, look: Look, actions: Actions, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "pane")
        self.setMinimumWidth(230)
        self.setAccessibleName(self.tr("Dossiers"))
        self._look = look
        self._actions = actions
        self._session = session
        self.dossier: DossierCard | None = None
        self.dossiers = DossierRows()
        self.dossiers.spoken = dossier_delegate.describe
        self.documents = DocumentRows()
        self.documents.spoken = document_delegate.describe
        self.documents.scope_changed.connect(self.scope_changed)
        self.dossier_list = self._list(self.dossiers, DossierDelegate(look), self.tr("Dossiers"))
        self.document_list = self._list(self.documents, DocumentDelegate(look), self.tr("Documents"))
        self.exceptions = ExceptionsList(look)
        self.exceptions.retried.connect(session.retry)
        self.exceptions.dismissed.connect(session.dismiss)
        self.reading = ReadingStrip(look, actions)
        self._build()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_REFRESH_MS)
        self._later.timeout.connect(self.refresh)
        session.dossiers_changed.connect(self._soon)
        session.documents_changed.connect(self._soon)
        session.relay.import_moved.connect(self._soon)
        session.relay.reading_moved.connect(self._soon)
        self.dossier_list.selectionModel().currentChanged.connect(self._choose)
        self.document_list.activated.connect(self._open)
        self.document_list.clicked.connect(self._click)
        actions.exceptions.triggered.connect(self.exceptions.open)
        actions.whole_dossier.triggered.connect(self.documents.clear_scope)

    # -- what is shown --------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the snapshots again; what was chosen stays chosen."""
        kept = self.dossier.id if self.dossier is not None else None
        self._show_dossiers()
        place = self.dossiers.place(kept) if kept else QModelIndex()
        if not place.isValid() and self.dossiers.rows:
            place = self.dossiers.index(0)
        if place.isValid() and place.data(ROW).id == kept:
            self.dossier = place.data(ROW)
            self._select(place)
            self._show_documents()
        elif place.isValid():
            self.dossier_list.setCurrentIndex(place)
        else:
            self.dossier = None
            self._show_documents()
            if kept is not None:
                self.dossier_chosen.emit(None)

    def choose(self, dossier_id: str) -> None:
        """Make this dossier the one in hand."""
        self._show_dossiers()
        place = self.dossiers.place(dossier_id)
        if place.isValid():
            self.dossier_list.setCurrentIndex(place)

    def _show_dossiers(self) -> None:
        # A row that goes would hand the keyboard to its neighbour, which nobody chose.
        selection = self.dossier_list.selectionModel()
        selection.blockSignals(True)
        self.dossiers.show(self._session.dossiers())
        selection.blockSignals(False)
        self._fit_dossiers()
        self.stack.setCurrentIndex(0 if self.dossiers.rows else 1)

    @property
    def document(self) -> DocumentCard | None:
        """The document the keyboard is on."""
        return self.documents.row(self.document_list.currentIndex())

    def _soon(self, *_: object) -> None:
        if not self._later.isActive():
            self._later.start()

    def _select(self, place: QModelIndex) -> None:
        model = self.dossier_list.selectionModel()
        model.blockSignals(True)
        model.setCurrentIndex(place, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        model.blockSignals(False)
        self.dossier_list.viewport().update()

    def _choose(self, now: QModelIndex, _: QModelIndex) -> None:
        card = now.data(ROW)
        if not isinstance(card, DossierCard):
            return
        fresh = self.dossier is None or self.dossier.id != card.id
        self.dossier = card
        if fresh:
            self.documents.show(())
            self.documents.clear_scope()
        self._show_documents()
        if fresh:
            self.dossier_chosen.emit(card)

    def _show_documents(self) -> None:
        card = self.dossier
        here = card is not None
        for action in (
            self._actions.rename_dossier,
            self._actions.delete_dossier,
            self._actions.remove_document,
            self._actions.whole_dossier,
            self._actions.exceptions,
        ):
            action.setEnabled(here)
        if card is None:
            self.documents.show(())
            self.exceptions.show_cards(())
            self.reading.hide()
            return
        documents = self._session.documents(card.id)
        self._name.show_text(card.name)
        self.documents.show(documents)
        self.documents_stack.setCurrentIndex(0 if documents else 1)
        self.exceptions.show_cards(self._session.exceptions(card.id))
        self.reading.show_reading(self._session.reading(card.id))

    def _click(self, place: QModelIndex) -> None:
        delegate = self.document_list.itemDelegate()
        if not (isinstance(delegate, DocumentDelegate) and delegate.took_click):
            self._open(place)

    def _open(self, place: QModelIndex) -> None:
        card = self.documents.row(place)
        if card is not None and card.pages:
            self.document_opened.emit(card)

    # -- how it is built ------------------------------------------------------------------------------------

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(16, 12, 8, 4)
        head.addWidget(label(self.tr("Dossiers"), "section"), 1)
        head.addWidget(tool_button(self._actions.new_dossier))
        self._name = ElidedLabel("", "section")
        second = QHBoxLayout()
        second.setContentsMargins(16, 12, 8, 4)
        second.setSpacing(2)
        second.addWidget(self._name, 1)
        second.addWidget(tool_button(self._actions.add_files))
        second.addWidget(tool_button(self._actions.add_folder))
        self._empty_dossier = DropArea(
            self._look,
            self.tr("Drop files or folders here"),
            self.tr("PDF, Word, mails and text. They are copied, encrypted, into the vault."),
        )
        self._empty_dossier.buttons.addWidget(
            button(self.tr("Add files…"), "", self._actions.add_files.trigger)
        )
        around = QWidget()
        box = QVBoxLayout(around)
        box.setContentsMargins(12, 4, 12, 12)
        box.addWidget(self._empty_dossier)
        self.documents_stack = QStackedWidget()
        self.documents_stack.addWidget(self.document_list)
        self.documents_stack.addWidget(around)
        filled = QWidget()
        column = QVBoxLayout(filled)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        line = QFrame()
        line.setProperty("role", "line")
        line.setFixedHeight(1)
        for part in (head, self.dossier_list, line, second):
            if isinstance(part, QHBoxLayout):
                column.addLayout(part)
            else:
                column.addWidget(part)
        column.addWidget(self.documents_stack, 1)
        warn = QVBoxLayout()
        warn.setContentsMargins(10, 6, 10, 6)
        warn.addWidget(self.exceptions)
        column.addLayout(warn)
        foot = QFrame()
        foot.setProperty("role", "line")
        foot.setFixedHeight(1)
        column.addWidget(foot)
        column.addWidget(self.reading)
        self.stack = QStackedWidget()
        self.stack.addWidget(filled)
        self.stack.addWidget(self._nothing_yet())
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(self.stack)

    def _nothing_yet(self) -> QWidget:
        empty = QWidget()
        box = QVBoxLayout(empty)
        box.setContentsMargins(14, 14, 14, 14)
        self.empty_library = DropArea(
            self._look,
            self.tr("Drop files to begin a dossier"),
            self.tr("Or make an empty one and add to it later."),
        )
        self.empty_library.buttons.addWidget(
            button(self.tr("New dossier"), "primary", self._actions.new_dossier.trigger)
        )
        self.empty_library.buttons.addWidget(button(self.tr("Try the samples"), "", self.samples_wanted.emit))
        box.addWidget(self.empty_library)
        return empty

    def _list(
        self, model: DossierRows | DocumentRows, delegate: DossierDelegate | DocumentDelegate, name: str
    ) -> QListView:
        view = QListView()
        view.setModel(model)
        delegate.setParent(view)
        view.setItemDelegate(delegate)
        view.setAccessibleName(name)
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setMouseTracking(True)
        view.setUniformItemSizes(True)
        view.setAcceptDrops(False)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(lambda at, v=view: self._menu(v, at))
        view.setContentsMargins(0, 0, 0, 0)
        self._look.changed.connect(view.viewport().update)
        return view

    def _fit_dossiers(self) -> None:
        rows = min(max(len(self.dossiers.rows), 1), _SHOWN_DOSSIERS)
        self.dossier_list.setFixedHeight(rows * dossier_delegate.HEIGHT_PX + 8)

    def _menu(self, view: QListView, at: QPoint) -> None:
        menu = QMenu(self)
        place = view.indexAt(at)
        if view is self.dossier_list:
            menu.addAction(self._actions.new_dossier)
            if place.isValid():
                menu.addActions([self._actions.rename_dossier, self._actions.delete_dossier])
        else:
            menu.addActions([self._actions.add_files, self._actions.add_folder])
            card = self.documents.row(place)
            if card is not None:
                menu.addSeparator()
                only = menu.addAction(self.tr("Ask about this document alone"))
                only.triggered.connect(lambda: self.documents.only(card.id))
                menu.addAction(self._actions.whole_dossier)
                menu.addAction(self._actions.remove_document)
        menu.exec(view.viewport().mapToGlobal(at))
        menu.deleteLater()


def name_for(paths: list[Path]) -> str:
    """A name for a dossier made of what was dropped: the folder's, or the file's without its ending."""
    first = paths[0]
    if first.is_dir():
        return first.name
    parents = {path.parent for path in paths}
    return first.stem if len(paths) == 1 or len(parents) > 1 else first.parent.name or first.stem
