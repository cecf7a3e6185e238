"""The centre pane: the chats of a dossier, their answers, and the question being asked."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QStackedWidget, QVBoxLayout, QWidget

from app.bridge.session import Session
from app.bridge.tasks import Task, while_alive
from app.chat.values import Answer
from app.services.operation import Progress
from app.services.views import DocumentCard, DocumentStatus, DossierCard
from app.ui import wording
from app.ui.actions import Actions
from app.ui.chat.answer_card import AnswerCard
from app.ui.chat.answer_column import AnswerColumn
from app.ui.chat.chat_head import ChatHead
from app.ui.chat.composer import Composer
from app.ui.chat.dossier_welcome import DossierWelcome
from app.ui.chat.scope_bar import ScopeBar
from app.ui.failures import sentence
from app.ui.language import Speech
from app.ui.look import Look

_SHOWN_ANSWERS = 20


class ChatPane(QFrame):
    """``cited`` carries a citation and the list it belongs to."""

    cited = Signal(object, object)
    answering = Signal(bool)

    def __init__(
        self, look: Look, actions: Actions, session: Session, language: Speech, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "ground")
        self.setAccessibleName(self.tr("Questions and answers"))
        self._look = look
        self._actions = actions
        self._session = session
        self._language = language
        self._dossier: DossierCard | None = None
        self._documents: tuple[DocumentCard, ...] = ()
        self._scope: tuple[str, ...] | None = None
        self.chat_id: str | None = None
        self._task: Task | None = None
        self._left: set[str] = set()  # dossiers left while an answer was on its way
        self._card: AnswerCard | None = None
        self._postponed: list[Callable[[], object]] | None = None  # what came while the pane is hidden
        self._shown = _SHOWN_ANSWERS
        self._unfolded: set[str] = set()  # answers of this chat whose passages are all on show
        self.head = ChatHead(look, actions)
        self.welcome = DossierWelcome()
        self._column = AnswerColumn()
        self.composer = Composer(look, actions)
        self.scope = ScopeBar()
        self._build()
        self._connect()
        self.show_dossier(None)

    # -- what is shown --------------------------------------------------------------------------------------

    def show_dossier(self, dossier: DossierCard | None) -> None:
        """Turn to a dossier's latest chat, or to a new one. An answer on its way goes on and is kept."""
        self._drop_task()
        self._dossier = dossier
        self._scope = None
        self._shown = _SHOWN_ANSWERS
        self._turn_to(self._latest_chat())
        self.refresh()

    def refresh(self) -> None:
        """Read again what the empty state and the composer depend on."""
        dossier = self._dossier
        self._documents = self._session.documents(dossier.id) if dossier is not None else ()
        self._list_chats()
        ready = [card for card in self._documents if card.status is DocumentStatus.READY]
        hint = self.tr("Ask about this dossier…") if ready else self.tr("Add documents first, then ask.")
        self.composer.set_ready(bool(ready), hint)
        self.welcome.show_for(dossier is not None, self._documents, self._language)
        self.show_scope(self._scope)

    def show_scope(self, scope: tuple[str, ...] | None) -> None:
        self._scope = scope
        known = {card.id for card in self._documents}
        if self._dossier is not None and not known.issuperset(scope or ()):
            self._documents = self._session.documents(self._dossier.id)
        names = [card.name for card in self._documents if scope and card.id in scope]
        self.scope.show_scope(None if scope is None else len(scope), names[0] if names else "")

    @property
    def cards(self) -> list[AnswerCard]:
        """Every card on show, oldest first."""
        return list(self._column.cards)

    @property
    def is_answering(self) -> bool:
        return self._task is not None

    # -- deeds ----------------------------------------------------------------------------------------------

    def ask(self, question: str) -> None:
        if self._dossier is None or self._task is not None:
            return
        if self._scope == ():
            self._fail_at_once(
                question, self.tr("No document is chosen. Check a box on the left, or ask the whole dossier.")
            )
            return
        card = self._add_card(question)
        self._follow(
            self._session.ask(self._dossier.id, question, chat_id=self.chat_id, documents=self._scope), card
        )

    def ask_again(self, card: AnswerCard | None = None) -> None:
        card = card or self._last()
        if card is None or self._task is not None:
            return
        if card.answer is None:
            self._column.remove(card)
            self.ask(card.question)
            return
        card.wait()
        self._unfolded.discard(card.answer.message_id)
        self._follow(self._session.regenerate(card.answer.message_id), card)

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def copy(self, card: AnswerCard | None = None) -> None:
        card = card or self._last()
        if card is not None:
            QGuiApplication.clipboard().setText(card.as_text())

    def fold(self) -> None:
        """Show all passages of the last answer that has more, or its first ones again."""
        more = next((card.more for card in reversed(self.cards) if card.more is not None), None)
        if more is not None:
            more.toggle()

    def _remember_fold(self, card: AnswerCard, unfolded: bool) -> None:
        self._column.let_go()
        if card.answer is not None:
            (self._unfolded.add if unfolded else self._unfolded.discard)(card.answer.message_id)

    def new_chat(self) -> None:
        if self._task is None:
            self._turn_to(None)
            self.refresh()
            self.composer.setFocus()

    def delete_chat(self) -> None:
        if self.chat_id is not None and self._task is None:
            gone = self.chat_id
            self._turn_to(None)
            self._session.delete_chat(gone)
            self.refresh()

    # -- an answer on its way -------------------------------------------------------------------------------

    def _follow(self, task: Task, card: AnswerCard) -> None:
        self._task, self._card = task, card
        self.composer.set_busy(True)
        self.answering.emit(True)
        self._actions.stop.setEnabled(True)
        later = self._when_shown
        task.progressed.connect(while_alive(self, lambda progress: self._progressed(task, progress)))
        task.streamed.connect(while_alive(self, lambda piece: later(lambda: self._streamed(task, piece))))
        task.succeeded.connect(while_alive(self, lambda answer: later(lambda: self._succeeded(task, answer))))
        task.failed.connect(
            while_alive(self, lambda failure: later(lambda: self._failed(task, sentence(failure))))
        )
        task.cancelled.connect(
            while_alive(self, lambda: later(lambda: self._failed(task, self.tr("Stopped."))))
        )

    def postpone(self, hidden: bool) -> None:
        """While the window is veiled, put no new words into any widget: a change of text is told to screen
        readers, also of one that is not on show. What came is shown afterwards.
        """
        if hidden:
            self._postponed = self._postponed or []
            return
        postponed, self._postponed = self._postponed or [], None
        for deed in postponed:
            deed()

    def _when_shown(self, deed: Callable[[], object]) -> None:
        if self._postponed is None:
            deed()
        else:
            self._postponed.append(deed)

    def _progressed(self, task: Task, progress: Progress) -> None:
        if task is self._task and self._card is not None and self._postponed is None:
            self._card.prepare(progress)

    def _streamed(self, task: Task, piece: str) -> None:
        if task is self._task and self._card is not None:
            self._card.stream(piece)
            self._column.follow()

    def _succeeded(self, task: Task, answer: Answer) -> None:
        if task is not self._task or self._card is None:
            return
        self.chat_id = answer.chat_id
        self._card.finish(answer)
        self._end_task()
        self.refresh()
        self._column.follow()

    def _failed(self, task: Task, words: str) -> None:
        if task is self._task and self._card is not None:
            self._card.fail(words)
            self._end_task()

    def _end_task(self) -> None:
        self._task = self._card = None
        self.composer.set_busy(False)
        self.answering.emit(False)

    def leave(self) -> None:
        """Stop following before this pane goes; the answer is kept in its chat when it is done."""
        self._drop_task()

    def _drop_task(self) -> None:
        """Stop following; the answer is kept in its chat when it is done."""
        if self._task is not None:
            if self._dossier is not None:
                self._left.add(self._dossier.id)
            self._end_task()

    def _fail_at_once(self, question: str, words: str) -> None:
        self._add_card(question).fail(words)

    # -- cards ----------------------------------------------------------------------------------------------

    def _turn_to(self, chat_id: str | None) -> None:
        if chat_id != self.chat_id:
            self._unfolded.clear()
        self.chat_id = chat_id
        self._column.clear()
        self._column.show_earlier(False)
        if chat_id is None:
            self._stack.setCurrentWidget(self.welcome)
            return
        answers = self._session.answers(chat_id)
        self._column.show_earlier(len(answers) > self._shown)
        for answer in answers[-self._shown :]:
            self._add_card(answer.question).finish(answer, unfolded=answer.message_id in self._unfolded)

    def _add_card(self, question: str) -> AnswerCard:
        names = {card.label_en: wording.model_label(card) for card in self._session.models()}
        engine = self._session.engine().model
        if engine is not None:
            names[engine.label_en] = wording.model_label(engine)
        card = AnswerCard(self._look, question, names)
        card.cited.connect(lambda citation, source: self.cited.emit(citation, source.citations))
        card.copied.connect(self.copy)
        card.asked_again.connect(self.ask_again)
        card.unfolded.connect(self._remember_fold)
        self._column.add(card)
        self._stack.setCurrentWidget(self._column)
        return card

    def _last(self) -> AnswerCard | None:
        return self._column.cards[-1] if self._column.cards else None

    def _show_earlier(self) -> None:
        # Showing them builds the cards anew, which the one being written must not be part of.
        if self._task is None:
            self._shown += _SHOWN_ANSWERS
            self._turn_to(self.chat_id)

    def _welcome_deed(self) -> None:
        (self._actions.new_dossier if self._dossier is None else self._actions.add_files).trigger()

    def _build(self) -> None:
        self._stack = QStackedWidget()
        self._stack.addWidget(self.welcome)
        self._stack.addWidget(self._column)
        foot = QVBoxLayout()
        foot.setContentsMargins(20, 6, 20, 14)
        foot.setSpacing(8)
        foot.addWidget(self.scope)
        foot.addWidget(self.composer)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.head)
        box.addWidget(self._stack, 1)
        box.addLayout(foot)

    def _connect(self) -> None:
        actions = self._actions
        self.composer.asked.connect(self.ask)
        self.composer.stopped.connect(self.stop)
        self._column.earlier_wanted.connect(self._show_earlier)
        self.welcome.chosen.connect(self.ask)
        self.welcome.wanted.connect(self._welcome_deed)
        self.head.turned.connect(self._choose_chat)
        actions.ask_again.triggered.connect(lambda: self.ask_again())
        actions.copy_answer.triggered.connect(lambda: self.copy())
        actions.more_passages.triggered.connect(self.fold)
        actions.new_chat.triggered.connect(self.new_chat)
        actions.delete_chat.triggered.connect(self.delete_chat)
        self._session.chats_changed.connect(self._chats_changed)

    def _choose_chat(self, chat_id: str) -> None:
        self._drop_task()
        self._turn_to(chat_id)
        self.refresh()

    def _chats_changed(self, *_: object) -> None:
        """An answer that was left on its way, in another dossier or language, may be there by now."""
        self._when_shown(self._look_for_answers)

    def _look_for_answers(self) -> None:
        self._list_chats()
        if self._task is not None or self._dossier is None:
            return
        if self.chat_id is None and self._dossier.id in self._left:
            self._left.discard(self._dossier.id)
            self._turn_to(self._latest_chat())
        elif self.chat_id is not None:
            kept = self._session.answers(self.chat_id)[-self._shown :]
            if [a.message_id for a in kept] != [
                c.answer.message_id for c in self.cards if c.answer is not None
            ]:
                self._turn_to(self.chat_id)

    def _latest_chat(self) -> str | None:
        chats = self._session.chats(self._dossier.id) if self._dossier is not None else ()
        latest = max(chats, key=lambda chat: chat.created_at, default=None)
        return latest.id if latest is not None else None

    def _list_chats(self, *_: object) -> None:
        chats = self._session.chats(self._dossier.id) if self._dossier is not None else ()
        self.head.show_chats(chats, self.chat_id)
