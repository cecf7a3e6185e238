"""How often the search finds the right page, without the reader: samples and real documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app import services
from app.chat import evidence
from app.chat.evidence import Source
from app.core.resources import resource
from app.library.documents import list_documents
from app.retrieval import ranking
from app.services.answers import QUOTED_PASSAGES
from tests.bench.shelf import opened
from tests.bench.table import Row, show
from tests.papers.collection import MANUALS, QUESTIONS, gather, load

PASSAGES = 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question and the pages of ``document`` that answer it."""

    dossier: str
    language: str
    question: str
    document: str
    pages: frozenset[int]
    shares_keyword: bool


@dataclass(frozen=True, slots=True)
class Found:
    """``page_place`` is the true page's place among the different pages found, from 1; 0 where it is not."""

    wanted: Wanted
    page_place: int


def measure(home: Path, papers: Path | None) -> None:
    sets = {"sample dossiers": (_sample_folders(), _sample_questions())}
    if papers is not None:
        for name, path in (("real documents", QUESTIONS), ("manuals", MANUALS)):
            collection = load(path)
            files = gather(papers, collection.documents)
            folders = {}
            for language in ("en", "fr"):
                folders[f"{path.stem}-{language}"] = shelf = home / "files" / path.stem / language
                shelf.mkdir(parents=True)
                for paper in collection.documents:
                    if paper.language == language:
                        (shelf / paper.file).write_bytes(files[paper.file])
            asked = [
                Wanted(
                    f"{path.stem}-{q.language}", q.language, q.question, q.document, q.pages, q.shares_keyword
                )
                for q in collection.questions
            ]
            sets[name] = (folders, asked)
    with opened(home / "vault") as workspace:
        for name, (folders, asked) in sets.items():
            found = search(workspace, folders, asked)
            show(f"Finding: the {len(asked)} questions of the {name}", rows(found))
            if name == "real documents":  # tests/papers/README.md says what was in view
                show("Of these the odd ones, which were in view", rows(found[0::2]))
                show("Of these the even ones, held out", rows(found[1::2]))
    if papers is None:
        print("  The real documents were not searched: give --papers DIR (tests/papers/README.md).")


def search(workspace: services.Workspace, folders: dict[str, Path], asked: Iterable[Wanted]) -> list[Found]:
    """Import each folder as a dossier of that name and search for every question in its own."""
    ids = {}
    for name, folder in folders.items():
        ids[name] = services.create_dossier(workspace, name).result(30).id
        services.import_paths(workspace, ids[name], [folder]).result()
    found = []
    with workspace.vault.read() as conn:
        for one in asked:
            names = {d.id: d.name for d in list_documents(conn, ids[one.dossier])}
            ranked = ranking.rank(conn, ids[one.dossier], one.question, limit=PASSAGES)
            sources = [
                Source(p.document_id, names[p.document_id], p.page, p.start, p.end, p.text) for p in ranked
            ]
            pages = [(s.document, s.page) for s in evidence.spread(sources, PASSAGES)]
            right = [
                at for at, (name, page) in enumerate(pages, 1) if name == one.document and page in one.pages
            ]
            found.append(Found(one, min(right, default=0)))
    return found


def rows(found: Sequence[Found]) -> list[Row]:
    def row(name: str, some: Sequence[Found], places: int) -> Row:
        right = sum(0 < one.page_place <= places for one in some)
        return Row(name, f"{right / len(some):.0%} ({right} of {len(some)})" if some else "none asked")

    bare = [one for one in found if not one.wanted.shares_keyword]
    quoted = f"among the {QUOTED_PASSAGES} pages quoted"
    return [
        row("The right page first", found, 1),
        row("The right page among 4", found, 4),
        row(f"The right page {quoted}", found, QUOTED_PASSAGES),
        *(
            row(f"  {name}", [one for one in found if one.wanted.language == language], QUOTED_PASSAGES)
            for language, name in (("fr", "French"), ("en", "English"))
        ),
        row("  no keyword shared", bare, QUOTED_PASSAGES),
        row("  no keyword shared: the right page first", bare, 1),
        row("The right page among 10", found, 10),
    ]


def _sample_folders() -> dict[str, Path]:
    return {
        f"{kind}-{language}": resource("samples", language, kind)
        for language in ("fr", "en")
        for kind in ("patient", "case")
    }


def _sample_questions() -> list[Wanted]:
    asked = json.loads(resource("samples", "questions.json").read_text("utf-8"))
    return [
        Wanted(
            one["dossier"],
            one["dossier"].rpartition("-")[2],
            one["question"],
            one["document"],
            frozenset([one["page"]]),
            one["shares_keyword"],
        )
        for one in asked
    ]
