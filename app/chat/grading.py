"""From a model's words to graded statements with citations, checked against the pages by code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.chat.boxes import boxes_of
from app.chat.plain_text import normalise, tokens
from app.chat.quotes import Located, locate
from app.chat.reply import Quoted, ReaderReply, Sentence, bare, parse, parse_reader, unquoted
from app.chat.values import Citation, Evidence, Grade, Statement
from app.library.words import Word


@dataclass(frozen=True, slots=True)
class PageWords:
    """What checking needs of a page: its text and where each word stands."""

    text: str
    words: Sequence[Word]


Pages = Callable[[str, int], PageWords]
"""Gives a page by document id and number."""

_SHORT_VALUE = 4


@dataclass(frozen=True, slots=True)
class Graded:
    """``readable`` is false when the answer kept to no rule, so that it must not be shown as an answer."""

    text: str
    statements: tuple[Statement, ...]
    readable: bool

    @property
    def absent(self) -> bool:
        return bool(self.statements) and all(s.grade is Grade.NOT_IN_DOSSIER for s in self.statements)


def cite(evidence: Evidence, pages: Pages, span: tuple[int, int] | None = None, *, checked: bool) -> Citation:
    """A citation of a span of the evidence's page; without one, of the whole passage."""
    page = pages(evidence.document_id, evidence.page)
    start, end = span or (evidence.start, evidence.end)
    return Citation(
        evidence.anchor,
        evidence.document_id,
        evidence.document,
        evidence.page,
        start,
        end,
        page.text[start:end],
        boxes_of(page.words, start, end),
        checked,
    )


def quote_passages(evidence: Sequence[Evidence], pages: Pages) -> Graded:
    """The answer without a model: the passages themselves, quoted and cited."""
    text, statements = "", []
    for item in evidence:
        start = len(text)
        text += f"«\u202f{' '.join(item.text.split())}\u202f» [{item.anchor}]"
        statements.append(
            Statement(
                text[start:], start, len(text), Grade.CHECKED_ON_PAGE, (cite(item, pages, checked=True),)
            )
        )
        text += "\n"
    return Graded(text.rstrip("\n"), tuple(statements), bool(statements))


def _look(item: Evidence, quote: str, pages: Pages) -> Located | None:
    return locate(pages(item.document_id, item.page).text, quote, (item.start, item.end))


def _in_passage(found: Located | None, item: Evidence) -> bool:
    return found is not None and found.stands and item.start <= found.start and found.end <= item.end


def _find(
    quote: str, pointed: Sequence[Evidence], others: Sequence[Evidence], pages: Pages
) -> Citation | None:
    """The quote's place: in a passage pointed to, else on its page, else in the one other passage that has
    it.

    A short value ("2") proves nothing on a page where the model did not look, so it must stand in a passage.
    """
    short = len(quote) < _SHORT_VALUE
    looks = [(item, _look(item, quote, pages)) for item in pointed]
    for item, found in looks:
        if found is not None and _in_passage(found, item):
            return cite(item, pages, (found.start, found.end), checked=True)
    for item, found in looks:
        if found is not None and found.stands and not short:
            return cite(item, pages, (found.start, found.end), checked=True)
    elsewhere = [
        (item, found) for item in others if (found := _look(item, quote, pages)) and _in_passage(found, item)
    ]
    if len(elsewhere) == 1 or (elsewhere and not short):
        item, found = elsewhere[0]
        return cite(item, pages, (found.start, found.end), checked=True)
    for item, found in looks:
        if found is not None and not found.stands:
            return cite(item, pages, (found.start, found.end), checked=False)
    return None


def _numbers_stand(text: str, citations: Sequence[Citation], pages: Pages) -> bool:
    """Whether every number that the model put beside its quotes is on a page it quotes: a right quote must
    not lend its mark to a wrong dose.
    """

    def numbers(words: str) -> set[str]:
        return {token for token, _, _ in tokens(normalise(words).text) if any(c.isdigit() for c in token)}

    claimed = numbers(unquoted(text))
    places = {(citation.document_id, citation.page) for citation in citations}
    return not claimed or claimed <= {n for place in places for n in numbers(pages(*place).text)}


def _grade_sentence(sentence: Sentence, evidence: Sequence[Evidence], pages: Pages) -> Statement:
    pointed = [item for item in evidence if item.anchor in sentence.anchors]
    others = [item for item in evidence if item.anchor not in sentence.anchors]
    citations: list[Citation] = []
    grade = Grade.FROM_READING
    if sentence.absent:
        grade = Grade.NOT_IN_DOSSIER
    elif sentence.unknown_anchors and not pointed:
        pass  # it points to what was never shown: nothing of it is looked up on its behalf
    elif sentence.quotes:
        found = [_find(quote, pointed, others, pages) for quote in sentence.quotes]
        citations = [citation for citation in found if citation is not None]
        quoted = all(citation is not None and citation.checked for citation in found)
        if quoted and _numbers_stand(sentence.text, citations, pages):
            grade = Grade.CHECKED_ON_PAGE
    else:
        # A model may copy a sentence without quotation marks: the page still decides.
        whole = bare(sentence.text).rstrip(".")
        citation = _find(whole, pointed, (), pages) if len(whole) >= _SHORT_VALUE else None
        if citation is not None and citation.checked:
            grade = Grade.CHECKED_ON_PAGE
            citations = [citation]
    if grade is not Grade.NOT_IN_DOSSIER:
        covered = {citation.anchor for citation in citations}
        citations += [cite(item, pages, checked=False) for item in pointed if item.anchor not in covered]
    return Statement(sentence.text, sentence.start, sentence.end, grade, tuple(citations))


def grade_free(answer: str, evidence: Sequence[Evidence], pages: Pages) -> Graded:
    """Grade an ordinary model's answer, sentence by sentence."""
    sentences = parse(answer, {item.anchor for item in evidence})
    statements = tuple(_grade_sentence(sentence, evidence, pages) for sentence in sentences)
    return Graded(answer, statements, any(c.isalnum() for c in answer))


def _runs_over_cells(citation: Citation, pages: Pages) -> bool:
    """Whether a value begins in one cell of a table and ends in another, as no value does. Cells stand apart
    by a tab, rows by a line break.
    """
    text = pages(citation.document_id, citation.page).text
    if "\t" in citation.quote:
        return True
    if "\n" not in citation.quote:
        return False
    line_end = text.find("\n", citation.end)
    around = text[text.rfind("\n", 0, citation.start) + 1 : line_end if line_end >= 0 else len(text)]
    return "\t" in around


def grade_reader(answer: str, evidence: Sequence[Evidence], pages: Pages) -> Graded:
    """Grade a reader's ``«value» [n]``: one statement for each value, and one for a yes or no before them.

    A reader only quotes, so a value that no passage holds is nothing; with none left the answer is
    unreadable. That the quoted words make it a yes or a no is the reader's reading, whatever the page holds.
    """
    reply: ReaderReply | None = parse_reader(answer)
    if reply is None:
        return Graded(answer, (), False)
    if not reply.quoted:
        statement = Statement(answer, 0, len(answer), Grade.NOT_IN_DOSSIER, ())
        return Graded(answer, (statement,), True)
    citations = [c for quoted in reply.quoted if (c := _stand(quoted, evidence, pages)) is not None]
    if not citations:
        return Graded(answer, (), False)
    text, statements = "", []
    if reply.verdict:
        text = reply.verdict.capitalize() + "."
        shown = tuple(replace(citation, checked=False) for citation in citations[:1])
        statements.append(Statement(text, 0, len(text), Grade.FROM_READING, shown))
    for citation in citations:
        text += "\n" if text else ""
        start = len(text)
        text += f"«\u202f{' '.join(citation.quote.split())}\u202f» [{citation.anchor}]"
        statements.append(Statement(text[start:], start, len(text), Grade.CHECKED_ON_PAGE, (citation,)))
    return Graded(text, tuple(statements), True)


def _stand(quoted: Quoted, evidence: Sequence[Evidence], pages: Pages) -> Citation | None:
    """Where a reader's value stands; None when it stands nowhere or runs over the cells of a table."""
    pointed = [item for item in evidence if item.anchor == quoted.anchor]
    others = [item for item in evidence if item.anchor != quoted.anchor]
    citation = _find(quoted.value, pointed, others, pages)
    if citation is None or not citation.checked or _runs_over_cells(citation, pages):
        return None
    return citation
