"""One statement of an answer: the mark of its grade, its words with chips, its sources."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from app.chat.values import Citation, Evidence, Grade, Statement
from app.ui import wording
from app.ui.chat.answer_text import AnswerText
from app.ui.chat.flow import Flow
from app.ui.chat.source_link import SourceLink
from app.ui.labels import label
from app.ui.look import Look
from app.ui.plain import one_line, tooltip

_COLOURS = {Grade.CHECKED_ON_PAGE: "checked", Grade.FROM_READING: "reading", Grade.NOT_IN_DOSSIER: "absent"}
_AROUND_CHARS = 140
_VALUE_CHARS = 70


class StatementView(QWidget):
    """``cited`` carries the citation that was pressed."""

    cited = Signal(object)

    def __init__(
        self,
        look: Look,
        statement: Statement,
        evidence: Sequence[Evidence],
        *,
        with_excerpt: bool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self.statement = statement
        self._excerpt_of = self._excerpt(evidence) if with_excerpt else None
        self._mark = QLabel(wording.grade_mark(statement.grade))
        self._mark.setProperty("grade", _COLOURS[statement.grade])
        self._mark.setFixedWidth(18)
        self._mark.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        words = wording.grade_words(statement.grade)
        meaning = wording.grade_meaning(statement.grade)
        self.text = AnswerText(look)
        self.text.cited.connect(self._pressed)
        self._excerpt_text = AnswerText(look)
        self._excerpt_text.setVisible(self._excerpt_of is not None)
        self.grade = label(words, "grade")
        self.grade.setProperty("grade", _COLOURS[statement.grade])
        for part in (self._mark, self.grade):
            part.setToolTip(tooltip(f"{words}: {meaning}"))
            part.setAccessibleName(words)
            part.setAccessibleDescription(meaning)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self.text)
        column.addWidget(self._excerpt_text)
        self.sources: list[SourceLink] = []
        foot = Flow(8)
        foot.addWidget(self.grade)
        for citation in statement.citations:
            link = SourceLink(citation)
            link.clicked.connect(lambda _=False, c=citation: self.cited.emit(c))
            foot.addWidget(link)
            self.sources.append(link)
        column.addLayout(foot)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.addWidget(self._mark, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addLayout(column, 0, 1)
        self.redraw()
        look.changed.connect(self.redraw)

    def redraw(self) -> None:
        statement = self.statement
        if statement.grade is Grade.NOT_IN_DOSSIER and not any(c.isalpha() for c in statement.text):
            self.text.say(self.tr("The dossier does not seem to hold the answer."))
        else:
            tips = {
                c.anchor: f"{one_line(c.document)}, {c.page}: {one_line(c.quote, 400)}"
                for c in statement.citations
            }
            # A bare value is what was asked for: it stands out, its sentence follows.
            large = self._excerpt_of is not None and len(statement.text) <= _VALUE_CHARS
            self.text.say_cited(statement.text, statement.citations, tips, large=large)
        if self._excerpt_of is not None:
            self._excerpt_text.say_excerpt(*self._excerpt_of)

    def _excerpt(self, evidence: Sequence[Evidence]) -> tuple[str, str, str] | None:
        """The words around a short quote, so that a bare value can be read in its sentence."""
        for citation in self.statement.citations:
            for item in evidence:
                inside = (
                    citation.checked
                    and (item.document_id, item.page) == (citation.document_id, citation.page)
                    and item.start <= citation.start
                    and citation.end <= item.end
                    and citation.end - citation.start < item.end - item.start
                )
                if inside:
                    start, end = citation.start - item.start, citation.end - item.start
                    before, after = item.text[:start], item.text[end:]
                    head = (
                        before
                        if len(before) <= _AROUND_CHARS
                        else "…" + before[-_AROUND_CHARS:].partition(" ")[2]
                    )
                    tail = (
                        after
                        if len(after) <= _AROUND_CHARS
                        else after[:_AROUND_CHARS].rpartition(" ")[0] + " …"
                    )
                    return _flat(head), _flat(item.text[start:end]), _flat(tail)
        return None

    def _pressed(self, number: int) -> None:
        for citation in self.statement.citations:
            if citation.anchor == number:
                self.cited.emit(citation)
                return


def _flat(text: str) -> str:
    """White space collapsed, a space at either end kept."""
    inner = " ".join(text.split())
    if not inner:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + inner + (" " if text[-1].isspace() else "")


def citations_of(statements: Sequence[Statement]) -> list[Citation]:
    """Every citation of an answer, in order, each place once."""
    seen: dict[tuple[str, int, int, int], Citation] = {}
    for statement in statements:
        for citation in statement.citations:
            seen.setdefault((citation.document_id, citation.page, citation.start, citation.end), citation)
    return list(seen.values())
