"""The sample dossiers' questions asked of the whole application: what the model answers, what falls back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from app import services
from app.chat.values import Answer, AnswerMode, Citation
from app.core.resources import resource
from app.library.documents import list_documents
from app.retrieval import ranking
from tests.bench.shelf import opened
from tests.bench.table import Row, show

SHOWN = 6  # passages that a reader sees first


def measure(home: Path) -> None:
    asked, rows = ask_all(home)
    show(f"The {asked} questions of the sample dossiers, asked of the whole application", rows)


def ask_all(home: Path, model: Path | None = None) -> tuple[int, list[Row]]:
    """How many questions there are, and what became of them; with the shipped model or the one given."""
    with opened(home, model) as workspace:
        dossiers: dict[str, str] = {}
        for language in ("fr", "en"):
            for kind in ("patient", "case"):
                dossier = services.create_dossier(workspace, f"{kind}-{language}").result(30)
                services.import_paths(workspace, dossier.id, [resource("samples", language, kind)]).result()
                dossiers[dossier.name] = dossier.id
        asked = json.loads(resource("samples", "questions.json").read_text("utf-8"))
        tally: Counter[str] = Counter()
        for one in asked:
            dossier_id = dossiers[one["dossier"]]
            tally.update(_search(workspace, dossier_id, one))
            answer = services.ask(workspace, dossier_id, one["question"]).result(120)
            tally.update(_judge(answer, one))
    total = len(asked)
    return total, [
        Row("Search alone: the right page first", f"{tally['found-first']} of {total}"),
        Row(f"  among the first {SHOWN} passages", f"{tally['found']} of {total}"),
        Row("Answered by the model", f"{tally['model']} of {total}"),
        Row("  with the exact value on the right page", f"{tally['exact']} of {tally['model']}"),
        Row("Fell back to quoted passages", f"{tally['passages']} of {total}"),
        Row("  the right page first", f"{tally['first']} of {tally['passages']}"),
        Row("  the right page among the passages quoted", f"{tally['among']} of {tally['passages']}"),
        Row("Right page cited, either way", f"{(tally['page'] + tally['among']) / total:.0%}"),
    ]


def _search(workspace: services.Workspace, dossier_id: str, one: dict[str, str]) -> list[str]:
    with workspace.vault.read() as conn:
        names = {document.id: document.name for document in list_documents(conn, dossier_id)}
        found = ranking.rank(conn, dossier_id, one["question"], limit=SHOWN)
    right = [(names[p.document_id], p.page) == (one["document"], one["page"]) for p in found]
    return [*(["found-first"] if right[:1] == [True] else []), *(["found"] if any(right) else [])]


def _judge(answer: Answer, one: dict[str, str]) -> list[str]:
    citations = [citation for statement in answer.statements for citation in statement.citations]
    right = [_is_there(citation, one) for citation in citations]
    if answer.mode is AnswerMode.PASSAGES:
        first = right[:1] == [True]
        return ["passages", *(["first"] if first else []), *(["among"] if any(right) else [])]
    found = ["model"]
    if any(right):
        found.append("page")
    if any(ok and _plain(one["answer"]) in _plain(c.quote) for ok, c in zip(right, citations, strict=True)):
        found.append("exact")
    return found


def _is_there(citation: Citation, one: dict[str, str]) -> bool:
    return (citation.document, citation.page) == (one["document"], one["page"])


def _plain(text: str) -> str:
    return " ".join(text.replace("’", "'").split()).casefold().strip(" .,;:")
