"""Conversations as they are kept: one row per exchange (a question and its answer), inside the caller's
transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, text

from app.chat.values import Answer, AnswerMode, Box, Citation, Evidence, Grade, Reason, Statement, Timings
from app.core.ids import new_id

TITLE_CHARACTERS = 80
_NEAREST = -1


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation. ``created_utc`` is in seconds since the epoch; ``exchanges`` counts its questions."""

    id: str
    dossier_id: str
    title: str
    created_utc: float
    exchanges: int


def title_of(question: str) -> str:
    bare = " ".join(question.split())
    return bare if len(bare) <= TITLE_CHARACTERS else bare[: TITLE_CHARACTERS - 1].rstrip() + "…"


def start_chat(conn: Connection, dossier_id: str, question: str) -> str:
    """Open a conversation titled by its first question; returns its id."""
    chat_id = new_id()
    conn.execute(
        text("INSERT INTO chat (id, dossier_id, title, created_utc) VALUES (:id, :dossier, :title, :now)"),
        {"id": chat_id, "dossier": dossier_id, "title": title_of(question), "now": time.time()},
    )
    return chat_id


def rename_chat(conn: Connection, chat_id: str, title: str) -> None:
    conn.execute(text("UPDATE chat SET title = :t WHERE id = :id"), {"t": title_of(title), "id": chat_id})


def delete_chat(conn: Connection, chat_id: str) -> None:
    conn.execute(text("DELETE FROM chat WHERE id = :id"), {"id": chat_id})


def list_chats(conn: Connection, dossier_id: str) -> tuple[Chat, ...]:
    """Newest first."""
    rows = conn.execute(
        text(
            "SELECT c.id, c.dossier_id, c.title, c.created_utc, count(e.id) FROM chat c "
            "LEFT JOIN chat_exchange e ON e.chat_id = c.id WHERE c.dossier_id = :d "
            "GROUP BY c.id ORDER BY c.created_utc DESC, c.id"
        ),
        {"d": dossier_id},
    )
    return tuple(Chat(*row) for row in rows)


def get_chat(conn: Connection, chat_id: str) -> Chat | None:
    row = conn.execute(
        text(
            "SELECT id, dossier_id, title, created_utc, "
            "(SELECT count(*) FROM chat_exchange WHERE chat_id = chat.id) FROM chat WHERE id = :id"
        ),
        {"id": chat_id},
    ).first()
    return None if row is None else Chat(*row)


def keep_answer(conn: Connection, answer: Answer, documents: Sequence[str] | None) -> None:
    """Keep an answer. One with the same message id replaces the earlier one, in its place."""
    place = conn.execute(
        text("SELECT position FROM chat_exchange WHERE id = :id"), {"id": answer.message_id}
    ).scalar()
    if place is None:
        place = conn.execute(
            text("SELECT coalesce(max(position), -1) + 1 FROM chat_exchange WHERE chat_id = :chat"),
            {"chat": answer.chat_id},
        ).scalar_one()
    conn.execute(text("DELETE FROM chat_exchange WHERE id = :id"), {"id": answer.message_id})
    conn.execute(
        text(
            "INSERT INTO chat_exchange (id, chat_id, position, question, scope, text, mode, reason, model, "
            "confidence, stopped, timings, created_utc) VALUES (:id, :chat, :position, :question, :scope, "
            ":text, :mode, :reason, :model, :confidence, :stopped, :timings, :now)"
        ),
        {
            "id": answer.message_id,
            "chat": answer.chat_id,
            "position": place,
            "question": answer.question,
            "scope": json.dumps(None if documents is None else list(documents)),
            "text": answer.text,
            "mode": answer.mode.value,
            "reason": answer.reason.value,
            "model": answer.model,
            "confidence": answer.confidence,
            "stopped": int(answer.stopped),
            "timings": json.dumps(asdict(answer.timings)),
            "now": time.time(),
        },
    )
    for at, statement in enumerate(answer.statements):
        conn.execute(
            text(
                "INSERT INTO chat_statement (exchange_id, position, start, end, grade) "
                "VALUES (:id, :at, :start, :end, :grade)"
            ),
            {
                "id": answer.message_id,
                "at": at,
                "start": statement.start,
                "end": statement.end,
                "grade": statement.grade.value,
            },
        )
        _keep_citations(conn, answer.message_id, at, statement.citations)
    _keep_citations(conn, answer.message_id, _NEAREST, answer.nearest)
    for item in answer.evidence:
        conn.execute(
            text(
                "INSERT INTO chat_evidence (exchange_id, anchor, document_id, document, page, start, end, "
                "text) VALUES (:id, :anchor, :document_id, :document, :page, :start, :end, :text)"
            ),
            {"id": answer.message_id, **asdict(item)},
        )


def _keep_citations(conn: Connection, message_id: str, statement: int, citations: Iterable[Citation]) -> None:
    for at, citation in enumerate(citations):
        boxes = [[box.x0, box.y0, box.x1, box.y1] for box in citation.boxes]
        conn.execute(
            text(
                "INSERT INTO chat_citation (exchange_id, statement, position, anchor, document_id, document, "
                "page, start, end, quote, boxes, checked) VALUES (:id, :statement, :at, :anchor, "
                ":document_id, :document, :page, :start, :end, :quote, :boxes, :checked)"
            ),
            {
                "id": message_id,
                "statement": statement,
                "at": at,
                "anchor": citation.anchor,
                "document_id": citation.document_id,
                "document": citation.document,
                "page": citation.page,
                "start": citation.start,
                "end": citation.end,
                "quote": citation.quote,
                "boxes": json.dumps(boxes),
                "checked": int(citation.checked),
            },
        )


_EXCHANGE = (
    "SELECT e.id, e.chat_id, c.dossier_id, e.question, e.text, e.mode, e.reason, e.model, e.confidence, "
    "e.stopped, e.timings, e.scope FROM chat_exchange e JOIN chat c ON c.id = e.chat_id "
)


def list_answers(conn: Connection, chat_id: str) -> tuple[Answer, ...]:
    """Oldest first."""
    rows = conn.execute(text(_EXCHANGE + "WHERE e.chat_id = :id ORDER BY e.position"), {"id": chat_id})
    return tuple(_answer(conn, row) for row in rows.all())


def get_answer(conn: Connection, message_id: str) -> tuple[Answer, tuple[str, ...] | None] | None:
    """An answer and the documents it was asked about (None: the whole dossier)."""
    row = conn.execute(text(_EXCHANGE + "WHERE e.id = :id"), {"id": message_id}).first()
    if row is None:
        return None
    scope: list[str] | None = json.loads(row[11])
    return _answer(conn, row), None if scope is None else tuple(scope)


def _answer(conn: Connection, row: Sequence[Any]) -> Answer:
    message_id, whole = str(row[0]), str(row[4])
    citations: dict[int, list[Citation]] = {}
    for c in conn.execute(
        text(
            "SELECT statement, anchor, document_id, document, page, start, end, quote, boxes, checked "
            "FROM chat_citation WHERE exchange_id = :id ORDER BY statement, position"
        ),
        {"id": message_id},
    ):
        boxes = tuple(Box(*box) for box in json.loads(c[8]))
        citations.setdefault(c[0], []).append(
            Citation(c[1], c[2], c[3], c[4], c[5], c[6], c[7], boxes, bool(c[9]))
        )
    statements = tuple(
        Statement(whole[s[1] : s[2]], s[1], s[2], Grade(s[3]), tuple(citations.get(s[0], ())))
        for s in conn.execute(
            text(
                "SELECT position, start, end, grade FROM chat_statement WHERE exchange_id = :id "
                "ORDER BY position"
            ),
            {"id": message_id},
        )
    )
    evidence = tuple(
        Evidence(*e)
        for e in conn.execute(
            text(
                "SELECT anchor, document_id, document, page, start, end, text FROM chat_evidence "
                "WHERE exchange_id = :id ORDER BY anchor"
            ),
            {"id": message_id},
        )
    )
    return Answer(
        message_id=message_id,
        chat_id=str(row[1]),
        dossier_id=str(row[2]),
        question=str(row[3]),
        text=whole,
        statements=statements,
        mode=AnswerMode(row[5]),
        reason=Reason(row[6]),
        model=str(row[7]),
        confidence=float(str(row[8])),
        stopped=bool(row[9]),
        evidence=evidence,
        timings=Timings(**json.loads(str(row[10]))),
        nearest=tuple(citations.get(_NEAREST, ())),
    )


def forget_documents(conn: Connection, document_ids: Iterable[str]) -> None:
    """Forget what was quoted of removed documents: exchanges that cite one go whole, evidence of it goes
    alone.
    """
    for document_id in document_ids:
        params = {"d": document_id}
        conn.execute(
            text(
                "DELETE FROM chat_exchange WHERE id IN "
                "(SELECT exchange_id FROM chat_citation WHERE document_id = :d)"
            ),
            params,
        )
        conn.execute(text("DELETE FROM chat_evidence WHERE document_id = :d"), params)


def forget_dossier(conn: Connection, dossier_id: str) -> None:
    conn.execute(text("DELETE FROM chat WHERE dossier_id = :d"), {"d": dossier_id})
