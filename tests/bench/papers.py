"""Real documents asked of the whole application: import, search, reader, grade, citation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app import services
from app.chat.evidence import READER_PASSAGES
from app.chat.values import Answer, AnswerMode, Citation, Grade
from app.library import documents as document_rows
from app.library import pages as page_rows
from app.retrieval import ranking
from app.store import KdfParameters
from app.store.kdf import DEFAULT as DEFAULT_KDF
from engine.mini.gates import Gate
from tests.bench.shelf import opened
from tests.papers.collection import Collection, PaperQuestion, gather, load, plain

FURTHER_PASSAGES = 24
PATIENCE_S = 120.0


class QuoteNotThere(Exception):
    """A quote does not stand on the page its question names: the question or our reading of it is wrong."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question answered. ``ranks`` are the places of the true pages among the passages found, from 1."""

    question: PaperQuestion
    answer: Answer
    ranks: tuple[int, ...]

    @property
    def citations(self) -> list[Citation]:
        return [citation for statement in self.answer.statements for citation in statement.citations]

    @property
    def cited_first(self) -> bool:
        return bool(self.citations) and self._is_true(self.citations[0])

    @property
    def cited(self) -> bool:
        return any(map(self._is_true, self.citations))

    @property
    def exact(self) -> bool:
        return (
            self.answer.mode is AnswerMode.MODEL
            and self.cited
            and any(plain(c.quote) == plain(self.question.answer) for c in self.citations)
        )

    def _is_true(self, citation: Citation) -> bool:
        return citation.document == self.question.document and citation.page in self.question.pages

    def found_within(self, passages: int) -> bool:
        return any(rank <= passages for rank in self.ranks)


@dataclass(frozen=True, slots=True)
class PapersMeasured:
    asked: tuple[Asked, ...]
    absent: tuple[Answer, ...]

    def share(self, holds: list[bool]) -> float:
        return 100.0 * sum(holds) / len(holds)

    @property
    def gate(self) -> Gate:
        name = f"Real documents: the true page is cited first ({len(self.asked)} questions)"
        return Gate(name, 75.0, self.share([one.cited_first for one in self.asked]))

    def rows(self) -> list[tuple[str, str]]:
        """What a person would want to know besides the gate, each as "share (count of count)"."""

        def row(name: str, holds: list[bool]) -> tuple[str, str]:
            return name, f"{self.share(holds):.0f} % ({sum(holds)} of {len(holds)})" if holds else "–"

        asked = self.asked
        by_model = [one for one in asked if one.answer.mode is AnswerMode.MODEL]
        return [
            row("True page cited first", [one.cited_first for one in asked]),
            *(
                row(f"  {name}", [one.cited_first for one in asked if one.question.language == language])
                for language, name in (("fr", "French"), ("en", "English"))
            ),
            row("  sharing a keyword", [o.cited_first for o in asked if o.question.shares_keyword]),
            row("  sharing none", [o.cited_first for o in asked if not o.question.shares_keyword]),
            row("True page among all pages cited", [one.cited for one in asked]),
            row("Answered by the model", [one.answer.mode is AnswerMode.MODEL for one in asked]),
            row("  of these: true page", [one.cited for one in by_model]),
            row("  of these: exact value", [one.exact for one in by_model]),
            row("Search alone: true page first", [one.found_within(1) for one in asked]),
            row(
                f"Search alone: among {READER_PASSAGES}", [one.found_within(READER_PASSAGES) for one in asked]
            ),
            row(
                f"Search alone: among {FURTHER_PASSAGES}",
                [one.found_within(FURTHER_PASSAGES) for one in asked],
            ),
            row("Absent: said so", [_says_absent(answer) for answer in self.absent]),
            row(
                "Absent: said so, or passages quoted without an answer",
                [_says_absent(a) or a.mode is AnswerMode.PASSAGES for a in self.absent],
            ),
        ]

    def failures(self) -> str:
        """Every question whose true page is not cited first, and what was cited instead."""
        missed = [one for one in self.asked if not one.cited_first]
        lines = [f"# Real documents: the true page is not cited first ({len(missed)} questions)", ""]
        for one in missed:
            q = one.question
            pages = ", ".join(f"{c.document} p. {c.page}" for c in one.citations[:3]) or "nothing"
            rank = f"found at place {min(one.ranks)}" if one.ranks else "not found by the search"
            said = one.answer.text.strip().replace("\n", " ") or "(nothing)"
            how = "the model said" if one.answer.mode is AnswerMode.MODEL else "passages were quoted:"
            lines += [
                f"- {q.id}{'' if q.shares_keyword else ', no keyword'}: {q.question}",
                f"  - wanted “{q.answer}”, {q.document} p. {q.page}; {rank}",
                f"  - cited {pages}; {how} {said[:160]}",
            ]
        for answer in self.absent:
            if not _says_absent(answer) and answer.mode is AnswerMode.MODEL:
                lines += [f"- absent, but answered: {answer.question}", f"  - {answer.text.strip()[:160]}"]
        return "\n".join(lines) + "\n\n"


def _says_absent(answer: Answer) -> bool:
    return bool(answer.statements) and all(s.grade is Grade.NOT_IN_DOSSIER for s in answer.statements)


def measure(
    home: Path, folder: Path, model: Path | None = None, *, kdf: KdfParameters = DEFAULT_KDF
) -> PapersMeasured:
    """Ask every question of the application, with the shipped model or the one at ``model``.

    Raises PapersMissing, QuoteNotThere.
    """
    collection = load()
    files = gather(folder, collection.documents)
    with opened(home, model, kdf) as workspace:
        dossiers = _bring_in(workspace, home, collection, files)
        _check_quotes(workspace, dossiers, collection)
        asked = tuple(_ask(workspace, dossiers[q.language], q) for q in collection.questions)
        absent = tuple(
            services.ask(workspace, dossiers[q.language], q.question).result(PATIENCE_S)
            for q in collection.absent
        )
    return PapersMeasured(asked, absent)


def _bring_in(
    workspace: services.Workspace, home: Path, collection: Collection, files: dict[str, bytes]
) -> dict[str, str]:
    """One dossier per language; gives their ids."""
    dossiers = {}
    for language in sorted({paper.language for paper in collection.documents}):
        shelf = home / f"papers-{language}"
        shelf.mkdir()
        for paper in collection.documents:
            if paper.language == language:
                (shelf / paper.file).write_bytes(files[paper.file])
        dossiers[language] = services.create_dossier(workspace, shelf.name).result(30)
        services.import_paths(workspace, dossiers[language].id, [shelf]).result()
    return {language: dossier.id for language, dossier in dossiers.items()}


def _check_quotes(workspace: services.Workspace, dossiers: dict[str, str], collection: Collection) -> None:
    with workspace.vault.read() as conn:
        ids = {
            document.name: document.id
            for dossier in dossiers.values()
            for document in document_rows.list_documents(conn, dossier)
        }
        for one in collection.questions:
            page = page_rows.get_page(conn, ids[one.document], one.page)
            if plain(one.quote) not in plain(page.text):
                raise QuoteNotThere(f"{one.id}: “{one.quote}” is not on page {one.page} of {one.document}")


def _ask(workspace: services.Workspace, dossier_id: str, one: PaperQuestion) -> Asked:
    with workspace.vault.read() as conn:
        names = {d.id: d.name for d in document_rows.list_documents(conn, dossier_id)}
        ranked = ranking.rank(conn, dossier_id, one.question, limit=FURTHER_PASSAGES)
    ranks = tuple(
        place
        for place, passage in enumerate(ranked, 1)
        if names[passage.document_id] == one.document and passage.page in one.pages
    )
    return Asked(one, services.ask(workspace, dossier_id, one.question).result(PATIENCE_S), ranks)
