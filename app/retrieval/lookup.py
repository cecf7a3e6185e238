"""The search box: words, "exact phrases" and the beginning of a word, over whole pages of one dossier.

What a person types never reaches the full-text query language: it is cut into words here, and every word
goes into the query between double quotes, holding letters and digits alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.retrieval import words
from app.retrieval.index import scope_query

SNIPPET_CHARACTERS = 180
MAX_TERMS = 32
_QUOTED = re.compile(r"[\"«“„]([^\"«»“”„]*)[\"»”]")


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must stand side by side; with ``prefix`` the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False

    def query(self) -> str:
        return '"' + " ".join(self.words) + '"' + ("*" if self.prefix else "")


@dataclass(frozen=True, slots=True)
class PageHit:
    document_id: str
    page: int
    snippet: str
    marks: tuple[tuple[int, int], ...]  # spans of ``snippet``
    spans: tuple[tuple[int, int], ...]  # spans of the page's text
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    hits: tuple[PageHit, ...]
    total_pages: int
    all_words: bool


def _phrase(typed: str, *, open_ended: bool) -> list[Term]:
    """Terms of one stretch; Chinese runs become phrases of pairs, one lone character a prefix."""
    terms: list[Term] = []
    run: list[str] = []
    run_end = -1
    tokens = words.split(typed)
    for i, token in enumerate(tokens):
        if words.is_cjk(token.text):
            if len(token.text) == 1 and run and run_end == token.end:
                continue  # the run's last character alone: its pair says it already
            if run and token.start >= run_end:
                terms.append(Term(tuple(run)))
                run = []
            if len(token.text) == 1:
                terms.append(Term((token.text,), prefix=True))
                continue
            run.append(token.text)
            run_end = token.end
            continue
        if run:
            terms.append(Term(tuple(run)))
            run = []
        last = i == len(tokens) - 1 and token.end == len(typed)
        terms.append(Term((token.text,), prefix=open_ended and last and len(token.text) > 1))
    if run:
        terms.append(Term(tuple(run)))
    return terms


def parse(typed: str) -> list[Term]:
    """Terms of what was typed. The last word counts as unfinished unless a space or a quote follows it."""
    terms: list[Term] = []
    at = 0
    for match in _QUOTED.finditer(typed):
        terms += _phrase(typed[at : match.start()] + " ", open_ended=False)
        quoted = _phrase(match.group(1), open_ended=False)
        if quoted:
            flat = tuple(word for term in quoted for word in term.words)
            terms.append(Term(flat))
        at = match.end()
    terms += _phrase(typed[at:], open_ended=True)
    content = [t for t in terms if not (len(t.words) == 1 and t.words[0] in words.ELISIONS)]
    return list(dict.fromkeys(content or terms))[:MAX_TERMS]


def _spans(term: Term, tokens: Sequence[words.Word]) -> list[tuple[int, int]]:
    size = len(term.words)
    spans = []
    for i in range(len(tokens) - size + 1):
        for offset, wanted in enumerate(term.words):
            have = tokens[i + offset].text
            same = have == wanted or (term.prefix and offset == size - 1 and have.startswith(wanted))
            if not same:
                break
        else:
            spans.append((tokens[i].start, tokens[i + size - 1].end))
    return spans


def mark(page_text: str, terms: Sequence[Term]) -> tuple[tuple[int, int], ...]:
    """Spans of ``page_text`` that the terms match, in order, overlaps merged."""
    tokens = words.split(page_text)
    spans = sorted(span for term in terms for span in _spans(term, tokens))
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def snip(page_text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A stretch around the densest marks, on one line, and the marks' spans in it. ``spans`` are in order and
    do not overlap, as ``mark`` gives them.
    """
    if not spans:
        bare = " ".join(page_text[: SNIPPET_CHARACTERS * 2].split())
        return bare[:SNIPPET_CHARACTERS], ()
    # One pass, since a page may hold hundreds of thousands of marks; they stand in order.
    best, most, last = 0, 0, 0
    for first, (begin, _) in enumerate(spans):
        while last < len(spans) and spans[last][1] <= begin + SNIPPET_CHARACTERS:
            last += 1
        if last - first > most:
            best, most = first, last - first
    inside = spans[best : best + max(1, most)]
    room = max(0, SNIPPET_CHARACTERS - (inside[-1][1] - inside[0][0])) // 2
    start = max(0, inside[0][0] - room)
    end = min(len(page_text), inside[-1][1] + room)
    while start > 0 and not page_text[start - 1].isspace() and inside[0][0] - start < room + 20:
        start -= 1
    while end < len(page_text) and not page_text[end].isspace() and end - inside[-1][1] < room + 20:
        end += 1
    pieces: list[str] = ["… "] if start > 0 else []
    length = len(pieces[0]) if pieces else 0
    at_map: dict[int, int] = {}
    gap = True
    for i in range(start, end):
        at_map[i] = length
        if page_text[i].isspace():
            if not gap:
                pieces.append(" ")
                length += 1
            gap = True
        else:
            pieces.append(page_text[i])
            length += 1
            gap = False
    snippet = "".join(pieces).rstrip()
    marks = tuple((at_map[s], at_map[e - 1] + 1) for s, e in spans if start <= s and e <= end)
    return snippet + (" …" if end < len(page_text) else ""), marks


def _run(conn: Connection, query: str, limit: int) -> tuple[list[tuple[str, int, float]], int]:
    statement = text(
        "SELECT p.document_id, p.page, f.score FROM "
        "(SELECT rowid AS id, bm25(search_page_words, 1.0, 0.0) AS score FROM search_page_words "
        "WHERE search_page_words MATCH :query ORDER BY score LIMIT :limit) f "
        "JOIN search_page p ON p.id = f.id ORDER BY f.score"
    )
    hits = [
        (str(row[0]), int(row[1]), -float(row[2]))
        for row in conn.execute(statement, {"query": query, "limit": limit})
    ]
    if len(hits) < limit:
        return hits, len(hits)
    counting = text("SELECT count(*) FROM search_page_words WHERE search_page_words MATCH :query")
    return hits, int(conn.execute(counting, {"query": query}).scalar_one())


def find(
    conn: Connection,
    dossier_id: str,
    typed: str,
    page_text: Callable[[str, int], str],
    *,
    documents: Sequence[str] | None = None,
    limit: int = 50,
) -> Found:
    """Pages that hold all the words, best first; when none does, pages that hold some.

    ``page_text(document_id, page)`` gives the text from which snippets are cut.
    """
    terms = parse(typed)
    if not terms or (documents is not None and not documents):
        return Found((), 0, True)
    scope = scope_query(dossier_id, documents)
    joined = " AND ".join(term.query() for term in terms)
    rows, total = _run(conn, f"{scope} AND words : ({joined})", limit)
    all_words = bool(rows) or len(terms) == 1
    if not rows and len(terms) > 1:
        joined = " OR ".join(term.query() for term in terms)
        rows, total = _run(conn, f"{scope} AND words : ({joined})", limit)
    hits = []
    for document_id, page, score in rows:
        whole = page_text(document_id, page)
        spans = mark(whole, terms)
        snippet, marks = snip(whole, spans)
        hits.append(PageHit(document_id, page, snippet, marks, spans, score))
    return Found(tuple(hits), total, all_words)
