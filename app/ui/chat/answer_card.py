"""One question and its answer: waiting, streaming, finished, stopped or failed."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.chat.values import Answer, AnswerMode, Citation, Grade, Reason
from app.services.operation import Progress
from app.ui import wording
from app.ui.buttons import icon_button
from app.ui.chat.answer_text import AnswerText
from app.ui.chat.flow import Flow
from app.ui.chat.more_passages import MorePassages
from app.ui.chat.source_link import SourceLink
from app.ui.chat.statement_view import StatementView, citations_of
from app.ui.labels import label
from app.ui.look import Look
from app.ui.plain import one_line

_SHORT_CHARS = 160
SHOWN_PASSAGES = 2  # of those quoted without a model's words; the others are folded away


class AnswerCard(QWidget):
    """Begins with a question alone; ``stream`` and ``finish`` fill it."""

    cited = Signal(object, object)  # the citation, and this card
    copied = Signal(object)
    asked_again = Signal(object)
    unfolded = Signal(object, bool)  # this card, and whether all its passages are on show

    def __init__(
        self, look: Look, question: str, model_names: Mapping[str, str], parent: QWidget | None = None
    ) -> None:
        """``model_names`` gives each model's name in the window's language by its English one."""
        super().__init__(parent)
        self._look = look
        self._model_names = model_names
        self.question = question
        self.answer: Answer | None = None
        self.more: MorePassages | None = None
        self._streamed = ""
        bubble = QFrame()
        bubble.setProperty("role", "question")
        inside = QVBoxLayout(bubble)
        inside.setContentsMargins(16, 10, 16, 10)
        self._asked = label(question, "question", wrap=True)
        self._asked.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        inside.addWidget(self._asked)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(bubble)
        self._frame = QFrame()
        self._frame.setProperty("role", "card")
        self._body = QVBoxLayout(self._frame)
        self._body.setContentsMargins(18, 16, 18, 12)
        self._body.setSpacing(14)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(10)
        box.addLayout(row)
        box.addWidget(self._frame)
        self.setAccessibleName(one_line(question))
        self._text = AnswerText(look)
        self._body.addWidget(self._text)
        self.wait()

    @property
    def citations(self) -> list[Citation]:
        if self.answer is None:
            return []
        return citations_of(self.answer.statements) + list(self.answer.nearest)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The question is as wide as its words, and leaves some room on the left when there are many."""
        super().resizeEvent(event)
        lines = self.question.split("\n")
        natural = max(self._asked.fontMetrics().horizontalAdvance(line) for line in lines) + 8
        self._asked.setFixedWidth(max(min(natural, self.width() - 100), 60))

    def wait(self) -> None:
        """Say that the answer is on its way."""
        self._begin_again()
        self._streamed = ""
        self._text.say(self.tr("Finding the passages and reading them…"))

    def prepare(self, progress: Progress) -> None:
        """Say what is done before the first word: a large model takes its time."""
        if self._streamed:
            return
        if progress.unit == "model":
            self._text.say(self.tr("Loading the model…"))
        elif progress.total:
            share = wording.percent(round(100 * progress.done / progress.total))
            self._text.say(self.tr("Reading the passages: {0}").format(share))

    def stream(self, piece: str) -> None:
        self._streamed += piece
        self._text.say(self._streamed + " ▍")

    def fail(self, sentence: str) -> None:
        """The question could not be answered; it can be asked again."""
        self._begin_again()
        self._text.hide()
        self._body.addWidget(label(sentence, "error", wrap=True))

    def finish(self, answer: Answer, *, unfolded: bool = False) -> None:
        """Show the answer with its grades, sources and reason; of quoted passages the first ones, and with
        ``unfolded`` all.
        """
        self.answer = answer
        self._begin_again()
        self._text.hide()
        why = wording.reason(answer.reason)
        if why:
            self._body.addWidget(self._banner(why, warn=answer.reason is not Reason.STOPPED))
        elif answer.stopped:
            self._body.addWidget(
                self._banner(self.tr("This answer was stopped; these are its words so far."), warn=False)
            )
        brief = len(answer.text) <= _SHORT_CHARS and answer.mode is AnswerMode.MODEL
        views = []
        for statement in answer.statements:
            view = StatementView(self._look, statement, answer.evidence, with_excerpt=brief)
            view.cited.connect(lambda citation: self.cited.emit(citation, self))
            views.append(view)
        shown = SHOWN_PASSAGES if answer.mode is AnswerMode.PASSAGES else len(views)
        for view in views[:shown]:
            self._body.addWidget(view)
        if views[shown:]:
            self.more = MorePassages(self._look, views[shown:], open_=unfolded)
            self.more.unfolded.connect(lambda open_: self.unfolded.emit(self, open_))
            self._body.addWidget(self.more)
        if not answer.statements and answer.text:
            words = AnswerText(self._look)
            words.say(answer.text)
            self._body.addWidget(words)
        if answer.nearest:
            self._body.addLayout(self._nearest(answer))
        self._body.addLayout(self._foot(answer))

    def as_text(self) -> str:
        """The answer for the clipboard: question, words, then each source with document, page and quote."""
        answer = self.answer
        if answer is None:
            return self.question
        absent = [
            s
            for s in answer.statements
            if s.grade is Grade.NOT_IN_DOSSIER and not any(c.isalpha() for c in s.text)
        ]
        words = self.tr("The dossier does not seem to hold the answer.") if absent else answer.text
        lines = [answer.question, "", words]
        if self.citations:
            lines.append("")
        for citation in self.citations:
            place = self.tr("[{number}] {document}, p. {page}").format(
                number=citation.anchor, document=one_line(citation.document), page=citation.page
            )
            lines.append(f"{place}: «\u202f{one_line(citation.quote, 600)}\u202f»")
        return "\n".join(lines)

    def _banner(self, text: str, *, warn: bool) -> QFrame:
        banner = QFrame()
        banner.setProperty("role", "notice")
        row = QHBoxLayout(banner)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(10)
        sign = label("")
        self._look.dress(sign, "warning" if warn else "help", "reading" if warn else "muted", 18)
        sign.setFixedWidth(20)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label(text, "", wrap=True), 1)
        return banner

    def _nearest(self, answer: Answer) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(label(self.tr("Closest passages"), "section"))
        links = Flow()
        for citation in answer.nearest:
            link = SourceLink(citation)
            link.clicked.connect(lambda _=False, c=citation: self.cited.emit(c, self))
            links.addWidget(link)
        column.addLayout(links)
        return column

    def _foot(self, answer: Answer) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        facts = label(self._facts(answer), "small")
        row.addWidget(facts, 1)
        copy = icon_button(self.tr("Copy the answer with its sources"), lambda: self.copied.emit(self))
        self._look.dress(copy, "copy", "muted", 18)
        again = icon_button(self.tr("Ask again"), lambda: self.asked_again.emit(self))
        self._look.dress(again, "retry", "muted", 18)
        row.addWidget(copy)
        row.addWidget(again)
        return row

    def _facts(self, answer: Answer) -> str:
        parts = []
        if answer.mode is AnswerMode.PASSAGES:
            parts.append(self.tr("Passages, quoted"))
        elif answer.model:
            parts.append(one_line(self._model_names.get(answer.model, answer.model), 60))
        if answer.timings.total_s > 0:
            parts.append(
                self.tr("{seconds} s").format(seconds=QLocale().toString(answer.timings.total_s, "f", 1))
            )
        return " · ".join(parts)

    def _begin_again(self) -> None:
        """Empty the card down to its streaming text."""
        self.more = None
        while self._body.count() > 1:
            self._body.takeAt(1)
        for child in self._frame.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            if child is not self._text:
                child.hide()
                child.deleteLater()
        self._text.show()
