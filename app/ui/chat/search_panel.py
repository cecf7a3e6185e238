"""The results of a search of the dossier; it needs no model."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QListView, QStackedWidget, QVBoxLayout, QWidget

from app.bridge.rows import HitRows
from app.bridge.session import Session
from app.bridge.tasks import Task, while_alive
from app.services.views import DossierCard, SearchResult
from app.ui import wording
from app.ui.buttons import icon_button
from app.ui.chat.hit_delegate import HitDelegate
from app.ui.chat.welcome import Welcome
from app.ui.failures import sentence
from app.ui.labels import label
from app.ui.look import Look

TYPING_MS = 220


class SearchPanel(QFrame):
    """Searches as one types. ``opened`` carries the hit that was chosen."""

    opened = Signal(object)
    closed = Signal()

    def __init__(self, look: Look, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "ground")
        self._session = session
        self._dossier: DossierCard | None = None
        self._task: Task | None = None
        self.rows = HitRows()
        self.list = QListView()
        self.list.setModel(self.rows)
        delegate = HitDelegate(look)
        delegate.setParent(self.list)
        self.list.setItemDelegate(delegate)
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(self.tr("Search results"))
        self.list.activated.connect(self._open)
        self.list.clicked.connect(self._open)
        self.list.selectionModel().currentChanged.connect(self._moved)
        self.summary = label("", "heading")
        close = icon_button(self.tr("Back to the chat"), self.closed.emit)
        look.dress(close, "close", "muted", 18)
        head = QFrame()
        head.setProperty("role", "bar")
        head.setFixedHeight(46)
        row = QHBoxLayout(head)
        row.setContentsMargins(20, 0, 12, 0)
        row.addWidget(self.summary, 1)
        row.addWidget(close)
        self._note = label("", "small", wrap=True)
        self._note.setContentsMargins(20, 8, 20, 0)
        self.empty = Welcome()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.list)
        self.stack.addWidget(self.empty)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(head)
        box.addWidget(self._note)
        around = QVBoxLayout()
        around.setContentsMargins(8, 6, 8, 8)
        around.addWidget(self.stack)
        box.addLayout(around, 1)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._search)
        self._words = ""
        look.changed.connect(self.list.viewport().update)
        self.show_dossier(None)

    def show_dossier(self, dossier: DossierCard | None) -> None:
        self._dossier = dossier
        self.rows.show(())
        self._say_nothing()

    def type(self, words: str, *, at_once: bool = False) -> None:
        """What is in the search box now."""
        self._words = words.strip()
        if at_once:
            self._typing.stop()
            self._search()
        else:
            self._typing.start()

    def first(self) -> None:
        """Go to the first result and open it."""
        if self.rows.rows:
            self.list.setFocus()
            self.list.setCurrentIndex(self.rows.index(0))
            self._open(self.rows.index(0))

    def _search(self) -> None:
        if self._dossier is None or not self._words:
            self.rows.show(())
            self._say_nothing()
            return
        task = self._session.search(self._dossier.id, self._words)
        self._task = task
        task.succeeded.connect(while_alive(self, lambda result: self._show(task, result)))
        task.failed.connect(while_alive(self, lambda failure: self._fail(task, failure)))

    def _show(self, task: Task, result: SearchResult) -> None:
        if task is not self._task:
            return
        self.rows.show(result.hits)
        self.list.scrollToTop()
        self._note.setVisible(bool(result.hits) and not result.all_words)
        self._note.setText(self.tr("No page holds all these words; these pages hold some of them."))
        if result.hits:
            self.summary.setText(wording.pages(result.total_pages))
            self.stack.setCurrentWidget(self.list)
        else:
            self.summary.setText(self.tr("Nothing found"))
            self.empty.show_words(
                self.tr("No page holds these words"),
                self.tr("Try fewer words or another spelling. Accents and capitals make no difference."),
            )
            self.stack.setCurrentWidget(self.empty)

    def _fail(self, task: Task, failure: Exception) -> None:
        if task is self._task:
            self.rows.show(())
            self.summary.setText(self.tr("The search failed"))
            self.empty.show_words(self.tr("The search failed"), sentence(failure))
            self.stack.setCurrentWidget(self.empty)

    def _say_nothing(self) -> None:
        self._task = None
        self._note.hide()
        self.summary.setText(self.tr("Search"))
        self.empty.show_words(
            self.tr("Search every page"),
            self.tr("Type words above. They are found whatever their accents, with no model needed."),
        )
        self.stack.setCurrentWidget(self.empty)

    def _open(self, place: QModelIndex) -> None:
        hit = self.rows.row(place)
        if hit is not None:
            self.opened.emit(hit)

    def _moved(self, now: QModelIndex, _: QModelIndex) -> None:
        # With the arrow keys the pages follow; with the mouse, a click opens by itself.
        if self.list.hasFocus() and now.isValid() and not self.list.underMouse():
            self._open(now)


def search_field(words: str, parent: QWidget | None = None) -> QLineEdit:
    """The search box of the top bar."""
    field = QLineEdit(parent)
    field.setProperty("role", "search")
    field.setPlaceholderText(words)
    field.setAccessibleName(words)
    field.setClearButtonEnabled(True)
    field.setAcceptDrops(False)
    field.setMaxLength(300)
    return field
