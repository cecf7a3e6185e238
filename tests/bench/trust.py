"""How often a reader is right by how sure it is and whether the search agrees with it: generated dossiers of
some forty passages, of the validation side, asked of the whole application."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from unittest.mock import patch

from app import services
from app.chat import rounds
from app.chat.values import Answer
from app.library.dossiers import create_dossier
from engine.mini.data import Generator
from engine.mini.examples import Example, Question
from engine.mini.exclusion import fold
from tests.bench.shelf import opened, put_document
from tests.bench.table import Row, show

SEED = 41
DOSSIERS = 24
PAPERS = 10  # of a dossier: generated ones of one language, four passages or so each
WORDS = (60, 90, 120, 150)
FLOORS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)


@dataclass(frozen=True, slots=True)
class Look:
    """The first round of one question: what the reader thinks of it, and what is true."""

    confidence: float
    best: bool
    says_absent: bool
    is_absent: bool
    right: bool


def measure(home: Path, model: Path | None = None, dossiers: int = DOSSIERS) -> None:
    looks = list(ask_all(home, model, dossiers))
    present = [look for look in looks if not look.is_absent]
    asked = f"{len(present)} questions with an answer, {len(looks) - len(present)} without"
    show(f"A reader's first looks: {asked}", [])
    for told, chosen in (
        ("cites the passage found first", [k for k in looks if k.best]),
        ("cites another one", [k for k in looks if not k.best and not k.says_absent]),
        ("says absent", [k for k in looks if k.says_absent]),
    ):
        show(told, [_row(floor, chosen) for floor in FLOORS])


def _row(floor: float, looks: Sequence[Look]) -> Row:
    given = [look for look in looks if look.confidence >= floor]
    right = sum(look.right for look in given)
    share = f"{right / len(given):.0%} right" if given else ""
    return Row(f"  confidence from {floor:.2f}", f"{len(given)}", share)


def ask_all(home: Path, model: Path | None, dossiers: int) -> Iterator[Look]:
    generator = Generator(SEED, "valid")
    with opened(home, model) as workspace, patch.object(rounds, "settled", _first):
        for number in range(dossiers):
            language = ("en", "fr")[number % 2]
            papers = [
                example
                for words in (WORDS * PAPERS)[:PAPERS]
                for example in islice(generator.stream(words, 2, language), 1)
            ]
            dossier_id = _store(workspace, f"{number}", papers)
            for paper, example in enumerate(papers):
                for question in (q for q in example.questions if not q.more):
                    answer = services.ask(workspace, dossier_id, question.text).result(120)
                    yield _judge(answer, question, f"paper {paper}")


def _first(looks: Sequence[rounds.Round], floor: float) -> int:
    """Takes the first round whatever it says, and keeps what it was."""
    _seen.append(looks[0])
    return 0


_seen: list[rounds.Round] = []


def _store(workspace: services.Workspace, name: str, papers: Sequence[Example]) -> str:
    with workspace.vault.write() as connection:
        dossier_id = create_dossier(connection, name).id
        for place, paper in enumerate(papers):
            put_document(connection, dossier_id, f"paper {place}", paper.passages)
    return dossier_id


def _judge(answer: Answer, question: Question, document: str) -> Look:
    seen = _seen[-1]
    cited = [c for statement in answer.statements for c in statement.citations]
    right = any(
        (c.document, c.page) == (document, question.anchor) and fold(c.quote) == fold(question.value)
        for c in cited
    )
    absent = not question.anchor
    return Look(seen.confidence, seen.best, seen.absent, absent, absent if seen.absent else right)
