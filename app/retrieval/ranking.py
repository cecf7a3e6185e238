"""Passages that may answer a question, best first.

Two steps: the full-text index gives candidates by BM25 over stems of the question's words and of everything
the thesaurus knows for them; then each candidate is weighed term by term, with its heading and page head as
context, its neighbours, how much of the question it covers, and whether it holds the kind of value that was
asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, text

from app.retrieval import words
from app.retrieval.index import scope_query
from app.retrieval.question import Group, Kind, Question, analyse, kinds_in
from app.retrieval.thesaurus import Stems, Thesaurus, shipped

CANDIDATES = 240
_COMMON_SHARE = 0.25  # a term in more passages than this finds candidates only when nothing rarer does
_COMMON_FROM_PASSAGES = 2_000
_MAX_QUERY_TERMS = 240
_CONTEXT_WEIGHT = 0.45
_NEIGHBOUR_WEIGHT = 0.2
_KIND_BONUS = 1.3
_KIND_MISSING = 0.85
_SEVERAL_MENTIONS = 0.15
_EMBEDDING_WEIGHT = 0.5


class Embedder(Protocol):
    """Optional: turns texts into unit vectors. Nothing here needs one."""

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]: ...


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """``text`` is the passage as it stands on the page (``page_text[start:end]``); higher scores are
    better.
    """

    document_id: str
    page: int
    start: int
    end: int
    text: str
    context: str
    score: float
    bm25: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: int
    document_id: str
    page: int
    start: int
    end: int
    context: str
    body: str
    bm25: float


def _stems(body: str) -> list[str]:
    return [words.stem(word.text) for word in words.split(body)]


def _frequencies(conn: Connection, stems: set[str]) -> dict[str, int]:
    """In how many passages of the vault each stem occurs."""
    if not stems:
        return {}
    statement = text("SELECT term, doc FROM search_passage_vocabulary WHERE term = :term")
    found: dict[str, int] = {}
    for stem in stems:
        row = conn.execute(statement, {"term": stem}).first()
        if row is not None:
            found[stem] = int(row[1])
    return found


def _query(dossier_id: str, terms: Sequence[Stems], documents: Sequence[str] | None) -> str:
    joined = " OR ".join('"' + " ".join(term) + '"' for term in terms)
    return f"{scope_query(dossier_id, documents)} AND {{stems context}} : ({joined})"


def _candidates(
    conn: Connection, dossier_id: str, terms: Sequence[Stems], documents: Sequence[str] | None
) -> list[_Candidate]:
    if not terms or (documents is not None and not documents):
        return []
    statement = text(
        "SELECT p.id, p.document_id, p.page, p.start, p.end, p.context, p.body, f.score FROM "
        "(SELECT rowid AS id, bm25(search_passage_stems, 1.0, 0.4, 0.0) AS score FROM search_passage_stems "
        "WHERE search_passage_stems MATCH :query ORDER BY score LIMIT :limit) f "
        "JOIN search_passage p ON p.id = f.id"
    )
    params = {"query": _query(dossier_id, terms, documents), "limit": CANDIDATES}
    return [
        _Candidate(int(r[0]), str(r[1]), int(r[2]), int(r[3]), int(r[4]), str(r[5]), str(r[6]), -float(r[7]))
        for r in conn.execute(statement, params)
    ]


def _positions(term: Stems, at: Mapping[str, list[int]]) -> list[int]:
    first = at.get(term[0], [])
    if len(term) == 1:
        return first
    return [i for i in first if all(i + k in at.get(stem, ()) for k, stem in enumerate(term))]


def _occurrences(stems: Sequence[str]) -> dict[str, list[int]]:
    at: dict[str, list[int]] = {}
    for i, stem in enumerate(stems):
        at.setdefault(stem, []).append(i)
    return at


def _match(group: Group, at: Mapping[str, list[int]], idf: Mapping[Stems, float]) -> tuple[float, int]:
    """The best variant of a group in one text: (its weight times rarity, its first position or -1)."""
    best, where = 0.0, -1
    for term, weight in group.variants.items():
        if term[0] not in at:
            continue
        positions = _positions(term, at)
        if positions:
            value = weight * idf[term] * (1.0 + _SEVERAL_MENTIONS * min(2, len(positions) - 1))
            if value > best:
                best, where = value, positions[0]
    return best, where


def _weigh(question: Question, candidate: _Candidate, idf: Mapping[Stems, float]) -> float:
    stems = _stems(candidate.body)
    body = _occurrences(stems)
    context = _occurrences(_stems(candidate.context))
    total = covered = possible = 0.0
    where: list[int] = []
    for group in question.groups:
        inside, position = _match(group, body, idf)
        around, _ = _match(group, context, idf)
        value = group.weight * max(inside, _CONTEXT_WEIGHT * around)
        rarity = group.weight * max(idf[term] for term in group.variants)
        possible += rarity
        covered += min(value, rarity)
        total += value
        if position >= 0:
            where.append(position)
    if total == 0.0:
        return 0.0
    score = total * (0.55 + 0.45 * (covered / possible if possible else 0.0))
    if len(where) > 1:
        score *= 1.0 + 0.15 * (len(where) - 1) / (1.0 + (max(where) - min(where)) / 8.0)
    holds = bool(question.kinds & kinds_in(candidate.body)) if question.kinds else False
    if question.kinds:
        score *= _KIND_BONUS if holds else _KIND_MISSING
    if len(stems) < 5 and not holds:
        score *= 0.7  # a lone heading says what follows, not the answer
    return score


def _rarity(question: Question, frequencies: Mapping[str, int], passages: int) -> dict[Stems, float]:
    """Inverse document frequency per variant; a variant absent from the vault cannot match and costs
    nothing.
    """
    idf: dict[Stems, float] = {}
    for group in question.groups:
        for term in group.variants:
            n = min((frequencies.get(stem, 0) for stem in term), default=0)
            idf[term] = math.log(1.0 + (passages - n + 0.5) / (n + 3.0)) if passages else 0.0
    return idf


def _choose_terms(question: Question, frequencies: Mapping[str, int], passages: int) -> list[Stems]:
    terms: dict[Stems, float] = {}
    for group in question.groups:
        for term, weight in group.variants.items():
            if all(stem in frequencies for stem in term):
                terms[term] = max(terms.get(term, 0.0), weight)
    rare = {
        term
        for term in terms
        if passages < _COMMON_FROM_PASSAGES or min(frequencies[s] for s in term) <= _COMMON_SHARE * passages
    }
    kept = rare or set(terms)
    return sorted(kept, key=lambda term: (-terms[term], term))[:_MAX_QUERY_TERMS]


def rank(
    conn: Connection,
    dossier_id: str,
    asked: str,
    *,
    documents: Sequence[str] | None = None,
    limit: int = 24,
    thesaurus: Thesaurus | None = None,
    embedder: Embedder | None = None,
) -> list[RankedPassage]:
    """Passages of one dossier (or of chosen documents of it) for a question, best first, never the same
    text twice.
    """
    question = analyse(asked, thesaurus or shipped())
    stems = {stem for group in question.groups for term in group.variants for stem in term}
    frequencies = _frequencies(conn, stems)
    passages = int(conn.execute(text("SELECT count(*) FROM search_passage")).scalar_one())
    candidates = _candidates(conn, dossier_id, _choose_terms(question, frequencies, passages), documents)
    if not candidates:
        return []
    idf = _rarity(question, frequencies, passages)
    scores = {c.id: _weigh(question, c, idf) for c in candidates}
    if embedder is not None:
        top = max(scores.values()) or 1.0
        vectors = embedder.embed([asked, *(c.body for c in candidates)])
        for candidate, vector in zip(candidates, vectors[1:], strict=True):
            likeness = sum(a * b for a, b in zip(vectors[0], vector, strict=True))
            scores[candidate.id] += _EMBEDDING_WEIGHT * top * max(0.0, likeness)
    pages = {c.id: (c.document_id, c.page) for c in candidates}
    ranked = []
    for c in candidates:
        # Passages of a page are numbered in order: what stands beside a good passage is a little better for
        # it.
        beside = [scores[i] for i in (c.id - 1, c.id + 1) if pages.get(i) == (c.document_id, c.page)]
        score = scores[c.id] + _NEIGHBOUR_WEIGHT * max(beside, default=0.0)
        if score > 0:
            ranked.append(
                RankedPassage(c.document_id, c.page, c.start, c.end, c.body, c.context, score, c.bm25)
            )
    ranked.sort(key=lambda p: (-p.score, p.document_id, p.page, p.start))
    seen: set[str] = set()
    unique = []
    for passage in ranked:
        key = words.indexed(passage.text)
        if key not in seen:
            seen.add(key)
            unique.append(passage)
    return unique[:limit]


__all__ = ["CANDIDATES", "Embedder", "Kind", "RankedPassage", "rank"]
