"""The right pane: one tab per opened document, and the citations of the answer in hand to walk through."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QStackedWidget, QTabBar, QToolButton, QVBoxLayout, QWidget

from app.bridge.session import Session
from app.chat.values import Citation
from app.services.views import DocumentCard, Hit
from app.ui.actions import Actions
from app.ui.chat.welcome import Welcome
from app.ui.highlight import Mark
from app.ui.look import Look
from app.ui.plain import elide_middle, one_line, tooltip
from app.ui.viewer.document_view import DocumentView
from app.ui.viewer.viewer_bar import ViewerBar

_TAB_CHARS = 26


class ViewerPane(QFrame):
    """``opened`` says that something is to be seen here now."""

    opened = Signal()
    gone = Signal()  # what was to be opened is not in the vault any more

    def __init__(self, look: Look, actions: Actions, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "pane")
        self.setMinimumWidth(380)
        self.setAccessibleName(self.tr("Pages"))
        self._look = look
        self._actions = actions
        self._session = session
        self._citations: list[Citation] = []
        self._at = -1
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(True)
        self.tabs.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.tabs.setDrawBase(False)
        self.tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tabs.setAccessibleName(self.tr("Opened documents"))
        self.tabs.setAcceptDrops(False)
        self.bar = ViewerBar(actions)
        self.stack = QStackedWidget()
        self.empty = Welcome()
        self.empty.show_words(
            self.tr("The page behind every answer"),
            self.tr(
                "Press a citation in an answer, a search result or a document on the left: it opens here."
            ),
        )
        self.stack.addWidget(self.empty)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.tabs)
        box.addWidget(self.bar)
        box.addWidget(self.stack, 1)
        self.tabs.currentChanged.connect(self._turn)
        self.tabs.tabCloseRequested.connect(self.close_document)
        self.bar.page_typed.connect(self._go_to)
        self._connect(actions)
        self._turn(-1)

    # -- opening --------------------------------------------------------------------------------------------

    def open_document(self, card: DocumentCard) -> DocumentView:
        """Bring the document's tab to the front, making it when there is none."""
        for number in range(self.tabs.count()):
            view = self._view_at(number)
            if view is not None and view.card.id == card.id:
                self.tabs.setCurrentIndex(number)
                self.opened.emit()
                return view
        view = DocumentView(self._look, self._session, card)
        view.moved.connect(self._show_place)
        view.set_strip(self._actions.text_strip.isChecked())
        self.stack.addWidget(view)
        # The view goes along as the tab's data; the tab appears last, so that turning to it finds the view.
        self.tabs.blockSignals(True)
        number = self.tabs.addTab(elide_middle(card.name, _TAB_CHARS).replace("&", "&&"))
        self.tabs.setTabData(number, view)
        self.tabs.setTabToolTip(number, tooltip(one_line(card.name)))
        self._add_close(number, view, card)
        self.tabs.blockSignals(False)
        self.tabs.setCurrentIndex(number)
        self._turn(number)
        self.opened.emit()
        return view

    def show_citation(self, citation: Citation, citations: Sequence[Citation]) -> None:
        """Open the cited page with its words highlighted; ``citations`` are what F4 walks through."""
        card = self._card_of(citation.document_id)
        if card is None:
            self.gone.emit()
            return
        self._citations = list(citations)
        self._at = self._citations.index(citation) if citation in self._citations else -1
        view = self.open_document(card)
        view.show_boxes(citation.page, citation.boxes, [(citation.start, citation.end)], Mark.CITED)
        self._may_walk()

    def show_hit(self, hit: Hit) -> None:
        """Open the found page with the searched words highlighted."""
        card = self._card_of(hit.document_id)
        if card is not None:
            self.open_document(card).show_found(hit.page, hit.spans)

    def walk(self, step: int) -> None:
        """Go to the next (1) or the previous (-1) citation of the answer in hand, around the end."""
        if self._citations:
            self._at = (self._at + step) % len(self._citations)
            self.show_citation(self._citations[self._at], self._citations)

    def set_citations(self, citations: Sequence[Citation]) -> None:
        """The answer in hand changed; walking begins before its first citation."""
        self._citations, self._at = list(citations), -1
        self._may_walk()

    def close_all(self) -> None:
        while self.tabs.count():
            self.close_document(0)
        self.set_citations(())

    def close_missing(self, kept: set[str]) -> None:
        """Close the tabs of documents that are not among ``kept`` any more."""
        for number in reversed(range(self.tabs.count())):
            view = self._view_at(number)
            if view is not None and view.card.id not in kept:
                self.close_document(number)

    def close_document(self, number: int) -> None:
        view = self._view_at(number)
        if view is None:
            return
        self.stack.removeWidget(view)
        self.tabs.removeTab(number)
        view.deleteLater()
        self._turn(self.tabs.currentIndex())

    @property
    def view(self) -> DocumentView | None:
        """The document in front."""
        return self._view_at(self.tabs.currentIndex())

    # -- inside ---------------------------------------------------------------------------------------------

    def _card_of(self, document_id: str) -> DocumentCard | None:
        for number in range(self.tabs.count()):
            view = self._view_at(number)
            if view is not None and view.card.id == document_id:
                return view.card
        for dossier in self._session.dossiers():
            for card in self._session.documents(dossier.id):
                if card.id == document_id:
                    return card
        return None

    def _view_at(self, number: int) -> DocumentView | None:
        data = self.tabs.tabData(number) if number >= 0 else None
        return data if isinstance(data, DocumentView) else None

    def _turn(self, number: int) -> None:
        view = self._view_at(number)
        self.tabs.setVisible(self.tabs.count() > 0)
        self.bar.setVisible(view is not None)
        self.stack.setCurrentWidget(view if view is not None else self.empty)
        for action in (
            self._actions.next_page,
            self._actions.previous_page,
            self._actions.zoom_in,
            self._actions.zoom_out,
            self._actions.fit_width,
            self._actions.close_tab,
        ):
            action.setEnabled(view is not None)
        self._may_walk()
        self._show_place()

    def _show_place(self) -> None:
        view = self.view
        if view is not None:
            self.bar.show_place(view.pages.page, view.pages.pages, view.pages.zoom)

    def _may_walk(self) -> None:
        self._actions.next_citation.setEnabled(bool(self._citations))
        self._actions.previous_citation.setEnabled(bool(self._citations))

    def _go_to(self, page: int) -> None:
        view = self.view
        if view is not None:
            view.pages.go_to(min(max(page, 1), view.pages.pages))

    def _step(self, step: int) -> None:
        view = self.view
        if view is not None:
            self._go_to(view.pages.page + step)

    def _strip(self, shown: bool) -> None:
        for number in range(self.tabs.count()):
            view = self._view_at(number)
            if view is not None:
                view.set_strip(shown)

    def _add_close(self, number: int, view: DocumentView, card: DocumentCard) -> None:
        close = QToolButton()
        close.setAccessibleName(self.tr("Close {name}").format(name=one_line(card.name)))
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        close.setProperty("role", "close")
        self._look.dress(close, "close", "muted", 14)
        close.clicked.connect(lambda: self._close_view(view))
        self.tabs.setTabButton(number, QTabBar.ButtonPosition.RightSide, close)

    def _close_view(self, view: DocumentView) -> None:
        for number in range(self.tabs.count()):
            if self._view_at(number) is view:
                self.close_document(number)
                return

    def _connect(self, actions: Actions) -> None:
        actions.next_citation.triggered.connect(lambda: self.walk(1))
        actions.previous_citation.triggered.connect(lambda: self.walk(-1))
        actions.next_page.triggered.connect(lambda: self._step(1))
        actions.previous_page.triggered.connect(lambda: self._step(-1))
        actions.zoom_in.triggered.connect(lambda: self.view.pages.zoom_in() if self.view else None)
        actions.zoom_out.triggered.connect(lambda: self.view.pages.zoom_out() if self.view else None)
        actions.fit_width.triggered.connect(lambda: self.view.pages.fit_width() if self.view else None)
        actions.text_strip.toggled.connect(self._strip)
        actions.close_tab.triggered.connect(lambda: self.close_document(self.tabs.currentIndex()))
