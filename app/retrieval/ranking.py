"""Passages that may answer a question, best first.

Two steps: candidates are found by BM25 over stems of the question's words and of everything the thesaurus
knows for them, and by the direction of their word vectors; then each is weighed term by term, with its
heading and page head as context, its neighbours, how much of the question it covers, whether it holds the
kind of value that was asked for, and how far it points where the question does.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, TextClause, bindparam, text

from app.retrieval import vectors, words
from app.retrieval.index import scope_query
from app.retrieval.kinds import Kind, kinds_in
from app.retrieval.question import Question, analyse
from app.retrieval.thesaurus import Stems, Thesaurus, shipped

CANDIDATES = 240
_COMMON_SHARE = 0.25  # a term in more passages than this finds candidates only when nothing rarer does
_COMMON_FROM_PASSAGES = 2_000
_MAX_QUERY_TERMS = 240
_LEADING_WEIGHT = 0.2  # lighter variants find no candidates of their own, they only weigh
_CONTEXT_WEIGHT = 0.45
_NEIGHBOUR_WEIGHT = 0.1
_KIND_BONUS = 1.4
_KIND_MISSING = 0.85
_SEVERAL_MENTIONS = 0.15
_COVERAGE = 0.45
_CONCEPT_SHARE = 0.6
_HINT_WEIGHT = 0.4
_HINT_FALL = 0.8
_HINTS_COUNTED = 4
_KIND_WEIGHT = 0.15
_ALIKE = 100  # passages that are candidates by their direction alone
# Beside the best weight of all candidates. Words mislead more often where there are many passages.
_LIKENESS_WEIGHT = 1.0
_LIKENESS_WEIGHT_AMONG_MANY = 3.0
_LEAST_LIKENESS = 0.25  # less is chance


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


@dataclass(frozen=True, slots=True)
class _Read:
    """What weighing needs of a candidate. ``kinds`` are those of the kinds asked that it holds."""

    stems: tuple[str, ...]
    context: tuple[str, ...]
    kinds: frozenset[Kind]


def _scope(dossier_id: str, documents: Sequence[str] | None) -> dict[str, object]:
    return {"dossier": dossier_id, "everywhere": documents is None, "documents": list(documents or ())}


def _likenesses(
    conn: Connection, dossier_id: str, documents: Sequence[str] | None, asked: str
) -> dict[int, float]:
    """How far each passage points where the question does, in [-1, 1]; those of unknown direction are left
    out. Empty where nothing of the question is known.
    """
    question = vectors.of_question(asked)
    if not question.any():
        return {}
    statement = text(
        "SELECT v.first_passage, v.vectors FROM search_page p JOIN search_page_vectors v ON v.page_id = p.id "
        "WHERE p.dossier_id = :dossier AND (:everywhere OR p.document_id IN :documents)"
    ).bindparams(bindparam("documents", expanding=True))
    rows = [(int(r[0]), bytes(r[1])) for r in conn.execute(statement, _scope(dossier_id, documents))]
    if not rows:
        return {}
    numbers = itertools.chain.from_iterable(
        range(first, first + len(packed) // vectors.SIZE_BYTES) for first, packed in rows
    )
    alike = vectors.likeness(question, vectors.unpack(packed for _, packed in rows), vectors.asking())
    return dict(zip(numbers, alike.tolist(), strict=True))


def _all_of(conn: Connection, dossier_id: str, documents: Sequence[str] | None) -> list[_Candidate]:
    """Every passage, where they are few: then no word needs to lead to the right one. Empty where they are
    many.
    """
    if documents is not None and not documents:
        return []
    statement = text(
        f"{_PASSAGE} WHERE dossier_id = :dossier AND (:everywhere OR document_id IN :documents) LIMIT :limit"
    ).bindparams(bindparam("documents", expanding=True))
    found = _passages(conn, statement, _scope(dossier_id, documents) | {"limit": CANDIDATES + 1})
    return found if len(found) <= CANDIDATES else []


_PASSAGE = "SELECT id, document_id, page, start, end, context, body FROM search_passage"


def _passages(conn: Connection, statement: TextClause, params: Mapping[str, object]) -> list[_Candidate]:
    return [
        _Candidate(int(r[0]), str(r[1]), int(r[2]), int(r[3]), int(r[4]), str(r[5]), str(r[6]), 0.0)
        for r in conn.execute(statement, params)
    ]


def _alike(conn: Connection, likenesses: Mapping[int, float], besides: Collection[int]) -> list[_Candidate]:
    """The passages that point most where the question does, without those ``besides``."""
    best = heapq.nlargest(_ALIKE, likenesses, key=likenesses.__getitem__)
    wanted = [number for number in best if number not in besides and likenesses[number] >= _LEAST_LIKENESS]
    statement = text(f"{_PASSAGE} WHERE id IN :numbers").bindparams(bindparam("numbers", expanding=True))
    return _passages(conn, statement, {"numbers": wanted}) if wanted else []


def _read(candidates: Sequence[_Candidate], asked: frozenset[Kind]) -> dict[int, _Read]:
    contexts: dict[str, tuple[str, ...]] = {}
    for candidate in candidates:
        if candidate.context not in contexts:
            contexts[candidate.context] = words.stems(candidate.context)
    return {
        c.id: _Read(words.stems(c.body), contexts[c.context], kinds_in(c.body, asked)) for c in candidates
    }


def _frequencies(conn: Connection, stems: set[str]) -> dict[str, int]:
    """In how many passages of the vault each stem occurs."""
    if not stems:
        return {}
    statement = text("SELECT term, doc FROM search_passage_vocabulary WHERE term IN :terms").bindparams(
        bindparam("terms", expanding=True)
    )
    return {str(row[0]): int(row[1]) for row in conn.execute(statement, {"terms": sorted(stems)})}


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


@dataclass(frozen=True, slots=True)
class _Needle:
    """One variant of one group, ready to be looked for."""

    group: int
    term: Stems
    value: float  # its weight times its rarity


@dataclass(frozen=True, slots=True)
class _Counts:
    """In how many of ``passages`` each term stands, and any term of each group."""

    passages: int
    terms: Mapping[Stems, int]
    groups: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Scales:
    """A question made ready for weighing passages; needles lie by their first stem."""

    question: Question
    needles: Mapping[str, Sequence[_Needle]]
    hints: Mapping[str, Sequence[tuple[Stems, float]]]
    rarities: Sequence[float]  # of each group: what a passage can earn with it at most
    kinds: Mapping[Kind, float]  # what a kind of value asked tells, by how few candidates hold it


def _stands(term: Stems, stems: Sequence[str], at: int) -> bool:
    return len(term) == 1 or tuple(stems[at : at + len(term)]) == term


def _match(scales: _Scales, stems: Sequence[str]) -> tuple[list[float], list[int]]:
    """For each group its best variant in a text: (weight times rarity, its first position or -1)."""
    count = len(scales.rarities)
    best, where, times = [0.0] * count, [-1] * count, [0] * count
    for at, stem in enumerate(stems):
        for needle in scales.needles.get(stem, ()):
            if needle.value < best[needle.group] or not _stands(needle.term, stems, at):
                continue
            if needle.value > best[needle.group]:
                best[needle.group], where[needle.group], times[needle.group] = needle.value, at, 1
            else:
                times[needle.group] += 1
    for group, often in enumerate(times):
        if often > 1:
            best[group] *= 1.0 + _SEVERAL_MENTIONS
    return best, where


def _hinted(scales: _Scales, stems: Sequence[str]) -> float:
    """What the terms that stand beside such answers say for a text: the best few, each less."""
    found: dict[Stems, float] = {}
    for at, stem in enumerate(stems):
        for term, value in scales.hints.get(stem, ()):
            if term not in found and _stands(term, stems, at):
                found[term] = value
    return sum(
        value * _HINT_FALL**i for i, value in enumerate(sorted(found.values(), reverse=True)[:_HINTS_COUNTED])
    )


def _weigh(scales: _Scales, read: _Read) -> float:
    question, stems, held = scales.question, read.stems, read.kinds
    inside, positions = _match(scales, stems)
    around, _ = _match(scales, read.context)
    total = covered = 0.0
    for group, rarity, near, far in zip(question.groups, scales.rarities, inside, around, strict=True):
        value = group.weight * max(near, _CONTEXT_WEIGHT * far)
        covered += min(value, rarity)
        total += value
    possible = sum(scales.rarities)
    score = total * (1.0 - _COVERAGE + _COVERAGE * (covered / possible if possible else 0.0))
    where = [position for position in positions if position >= 0]
    if len(where) > 1:
        score *= 1.0 + 0.15 * (len(where) - 1) / (1.0 + (max(where) - min(where)) / 8.0)
    score += _HINT_WEIGHT * _hinted(scales, stems)
    told = max((scales.kinds[kind] for kind in held), default=0.0)
    if question.kinds:
        score *= _KIND_BONUS if held else _KIND_MISSING
        score += _KIND_WEIGHT * told
    if len(stems) < 5 and not held:
        score *= 0.7  # a lone heading says what follows, not the answer
    return score


def _count_in_vault(question: Question, frequencies: Mapping[str, int], passages: int) -> _Counts:
    """By the full-text vocabulary: a term as often as its rarest stem, a group as often as its terms."""
    terms = {term: min(frequencies.get(stem, 0) for stem in term) for term in question.terms()}
    groups = [min(passages, sum(terms[term] for term in group.variants)) for group in question.groups]
    return _Counts(passages, terms, groups)


def _count_in(question: Question, reads: Collection[_Read]) -> _Counts:
    """Exactly, where all passages have been read. What is common in this dossier tells nothing in it, however
    rare it is in the others.
    """
    owners: dict[str, list[tuple[Stems, tuple[int, ...]]]] = {}
    numbers: dict[Stems, list[int]] = {term: [] for term in question.hints}
    for number, group in enumerate(question.groups):
        for term in group.variants:
            numbers.setdefault(term, []).append(number)
    for term, of_groups in numbers.items():
        owners.setdefault(term[0], []).append((term, tuple(of_groups)))
    terms = dict.fromkeys(numbers, 0)
    held = [0] * len(question.groups)
    for read in reads:
        found: dict[Stems, tuple[int, ...]] = {}
        for at, stem in enumerate(read.stems):
            for term, groups in owners.get(stem, ()):
                if term not in found and _stands(term, read.stems, at):
                    found[term] = groups
        for term in found:
            terms[term] += 1
        for number in {number for of_groups in found.values() for number in of_groups}:
            held[number] += 1
    return _Counts(len(reads), terms, held)


def _rarity(holding: int, passages: int) -> float:
    """Inverse document frequency of what ``holding`` of the passages hold."""
    return math.log(1.0 + (passages - holding + 0.5) / (holding + 3.0)) if passages else 0.0


def _scales(question: Question, counts: _Counts, reads: Collection[_Read]) -> _Scales:
    needles: dict[str, list[_Needle]] = {}
    rarities = []
    for number, group in enumerate(question.groups):
        most = 0.0
        whole = _CONCEPT_SHARE * _rarity(counts.groups[number], counts.passages)
        for term, weight in group.variants.items():
            rarity = whole + (1.0 - _CONCEPT_SHARE) * _rarity(counts.terms[term], counts.passages)
            most = max(most, rarity)
            needles.setdefault(term[0], []).append(_Needle(number, term, weight * rarity))
        rarities.append(group.weight * most)
    hints: dict[str, list[tuple[Stems, float]]] = {}
    for term, weight in question.hints.items():
        value = weight * _rarity(counts.terms[term], counts.passages)
        hints.setdefault(term[0], []).append((term, value))
    kinds = {
        kind: math.log((len(reads) + 1.0) / (sum(kind in read.kinds for read in reads) + 0.5))
        for kind in question.kinds
    }
    return _Scales(question, needles, hints, rarities, kinds)


def _choose_terms(question: Question, frequencies: Mapping[str, int], passages: int) -> list[Stems]:
    terms: dict[Stems, float] = {}
    for group in question.groups:
        for term, weight in group.variants.items():
            if all(stem in frequencies for stem in term):
                terms[term] = max(terms.get(term, 0.0), weight)
    for term, weight in question.hints.items():
        if all(stem in frequencies for stem in term):
            terms[term] = max(terms.get(term, 0.0), _HINT_WEIGHT * weight)
    rare = {
        term
        for term in terms
        if passages < _COMMON_FROM_PASSAGES or min(frequencies[s] for s in term) <= _COMMON_SHARE * passages
    }
    kept = rare or set(terms)
    kept = {term for term in kept if terms[term] >= _LEADING_WEIGHT} or kept
    return sorted(kept, key=lambda term: (-terms[term], term))[:_MAX_QUERY_TERMS]


def rank(
    conn: Connection,
    dossier_id: str,
    asked: str,
    *,
    documents: Sequence[str] | None = None,
    limit: int = 24,
    thesaurus: Thesaurus | None = None,
) -> list[RankedPassage]:
    """Passages of one dossier (or of chosen documents of it) for a question, best first, never the same
    text twice.
    """
    question = analyse(asked, thesaurus or shipped())
    likenesses = _likenesses(conn, dossier_id, documents, asked)
    candidates = _all_of(conn, dossier_id, documents)
    weight_of_likeness = _LIKENESS_WEIGHT if candidates else _LIKENESS_WEIGHT_AMONG_MANY
    if candidates:
        reads = _read(candidates, question.kinds)
        counts = _count_in(question, reads.values())
    else:
        frequencies = _frequencies(conn, {stem for term in question.terms() for stem in term})
        passages = int(conn.execute(text("SELECT count(*) FROM search_passage")).scalar_one())
        terms = _choose_terms(question, frequencies, passages)
        candidates = _candidates(conn, dossier_id, terms, documents)
        candidates += _alike(conn, likenesses, {c.id for c in candidates})
        reads = _read(candidates, question.kinds)
        counts = _count_in_vault(question, frequencies, passages)
    if not candidates:
        return []
    scales = _scales(question, counts, reads.values())
    scores = {number: _weigh(scales, read) for number, read in reads.items()}
    if not any(scores.values()) and max(likenesses.values(), default=0.0) < _LEAST_LIKENESS:
        return []
    pages = {c.id: (c.document_id, c.page) for c in candidates}
    final: dict[int, float] = {}
    for c in candidates:
        # Passages of a page are numbered in order: what stands beside a good passage is a little better for
        # it.
        beside = [scores[i] for i in (c.id - 1, c.id + 1) if pages.get(i) == (c.document_id, c.page)]
        final[c.id] = scores[c.id] + _NEIGHBOUR_WEIGHT * max(beside, default=0.0)
    most = max(final.values()) or 1.0
    for c in candidates:
        final[c.id] += weight_of_likeness * most * likenesses.get(c.id, 0.0)
    best = sorted(candidates, key=lambda c: (-final[c.id], c.document_id, c.page, c.start))
    # Of passages with the same words the best placed is enough.
    unique = {reads[c.id].stems: c for c in reversed(best)}
    return [
        RankedPassage(c.document_id, c.page, c.start, c.end, c.body, c.context, final[c.id], c.bm25)
        for c in best
        if unique[reads[c.id].stems] is c
    ][:limit]


__all__ = ["CANDIDATES", "Kind", "RankedPassage", "rank"]
