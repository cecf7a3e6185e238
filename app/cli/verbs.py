"""What each verb of the command line does, and what it says: text for a person, a value for --json."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from app import services
from app.chat.values import Answer, AnswerMode, Citation, Grade, Reason
from app.cli.exits import EXIT_DAMAGED, EXIT_OK, EXIT_STOPPED, on_interrupt
from app.core.errors import UserError
from app.core.paths import Paths
from app.services import Companions, Operation, OperationCancelled, Progress, Workspace
from app.services.spike_choice import SpikeChoice
from app.services.views import DossierCard, EngineCard, ExceptionCard, Hit, ImportReport
from app.store import KdfParameters, Vault, VaultMissing

T = TypeVar("T")
Json = dict[str, object]

GRADES = {Grade.CHECKED_ON_PAGE: "●", Grade.FROM_READING: "◐", Grade.NOT_IN_DOSSIER: "○"}
GRADE_WORDS = {
    Grade.CHECKED_ON_PAGE: "checked on the page",
    Grade.FROM_READING: "from the reading, not checked",
    Grade.NOT_IN_DOSSIER: "not in the dossier, as far as the passages show",
}
NO_ENERGY = {
    "absent": "no counters",
    "forbidden": "its counters are the administrator's",
    "broken": "its counters do not answer",
}
REASONS = {
    Reason.NONE: "",
    Reason.NO_MODEL: "No model is installed: these are the passages closest to your question.",
    Reason.ENGINE_DOWN: "The engine did not answer: these are the passages closest to your question.",
    Reason.LOW_CONFIDENCE: "The model was not sure enough: these are the passages closest to your question.",
    Reason.UNREADABLE_ANSWER: "The model's answer did not stand on any page: these are the closest passages.",
    Reason.QUESTION_TOO_LONG: "The question is too long for the model: these are the closest passages.",
    Reason.STOPPED: "Stopped before an answer came.",
    Reason.NOTHING_FOUND: "Nothing in this dossier resembles your question.",
}


class DossierUnknown(UserError):
    def __init__(self, name: str) -> None:
        super().__init__("dossier-unknown", "There is no dossier called “{name}” in this vault.", name=name)


class Arguments(Protocol):
    """What the parser leaves; each verb reads its own."""

    dossier: str
    paths: list[Path]
    words: list[str]
    question: list[str]
    limit: int
    thorough: bool
    spikes: str | None


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a verb works. ``passphrase(twice)`` asks for it; ``say`` prints progress."""

    paths: Paths
    folder: Path
    passphrase: Callable[[bool], str]
    kdf: KdfParameters
    shipped_models: Path | None
    testing: bool
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    text: str
    value: Json = field(default_factory=dict)
    exit_code: int = EXIT_OK


@contextmanager
def opened(
    setting: Setting,
    *,
    with_engine: bool = False,
    create: bool = False,
    spikes: SpikeChoice | None = None,
) -> Iterator[Workspace]:
    """The workspace of a vault. What the verb needs beside it starts before the passphrase is asked for: the
    parser where a vault may be made to take files in (``create``), the engine where there is a question.
    """
    exists = Vault.exists(setting.folder)
    if not exists and not create:
        raise VaultMissing(str(setting.folder))
    setting.paths.create()
    companions = Companions.start(
        setting.paths,
        with_engine=with_engine,
        with_parser=create,
        shipped_models=setting.shipped_models,
        spikes=spikes,
    )
    try:
        passphrase = setting.passphrase(not exists)
        if exists:
            workspace = Workspace.open(
                setting.folder, passphrase, companions=companions, auto_read=False, testing=setting.testing
            )
        else:
            workspace = Workspace.create(
                setting.folder,
                passphrase,
                companions=companions,
                kdf=setting.kdf,
                auto_read=False,
                testing=setting.testing,
            )
    except BaseException:
        companions.close()
        raise
    with workspace:
        yield workspace


def wait(operation: Operation[T]) -> T:
    """Its result; Ctrl-C stops the operation, not the program."""
    restore = on_interrupt(operation.cancel)
    try:
        return operation.result()
    finally:
        restore()


def _dossier(ws: Workspace, name: str) -> DossierCard:
    card = services.find_dossier(ws, name)
    if card is None:
        raise DossierUnknown(name)
    return card


def take_in(setting: Setting, given: Arguments) -> Outcome:
    """``import``: makes the vault and the dossier when they are not there yet."""
    with opened(setting, create=True) as ws:
        card = services.find_dossier(ws, given.dossier)
        if card is None:
            card = wait(services.create_dossier(ws, given.dossier))
        if wait(services.resume_imports(ws)).cancelled:
            raise OperationCancelled("import")
        operation = services.import_paths(ws, card.id, given.paths)
        told: list[str] = []

        def tell(progress: Progress) -> None:
            line = f"{progress.done + 1}/{progress.total}  {printable(progress.detail)}"
            if not told or told[-1] != line:
                told.append(line)
                setting.say(line)

        operation.on_progress(tell)
        report = wait(operation)
    code = EXIT_STOPPED if report.cancelled else EXIT_OK
    return Outcome(_import_text(card, report), _import_value(card, report), code)


def _import_text(card: DossierCard, report: ImportReport) -> str:
    lines = [
        (
            f"{len(report.added)} documents, {report.pages} pages taken into “{card.name}” "
            f"in {report.seconds:.1f} s."
        )
    ]
    lines += [f"  same as {printable(known)}: {printable(name)}" for name, known in report.duplicates]
    lines += [
        f"  not taken in: {printable(e.name)}: {e.problem}" for e in report.exceptions if e.page is None
    ]
    lines += [f"  note: {printable(e.name)}, page {e.page}: {e.problem}" for e in report.exceptions if e.page]
    if report.cancelled:
        lines.append("Stopped; the rest was not taken in.")
    return "\n".join(lines)


def _import_value(card: DossierCard, report: ImportReport) -> Json:
    return {
        "dossier": card.name,
        "added": [{"document_id": d.id, "document": d.name, "pages": d.pages} for d in report.added],
        "duplicates": [{"file": name, "same_as": known} for name, known in report.duplicates],
        "exceptions": [_exception_value(e) for e in report.exceptions],
        "pages": report.pages,
        "seconds": round(report.seconds, 3),
        "cancelled": report.cancelled,
    }


def _exception_value(entry: ExceptionCard) -> Json:
    return {
        "file": entry.name,
        "page": entry.page,
        "code": entry.problem.code,
        "reason": str(entry.problem),
        "can_retry": entry.can_retry,
    }


def search(setting: Setting, given: Arguments) -> Outcome:
    with opened(setting) as ws:
        card = _dossier(ws, given.dossier)
        # A finished command has no unfinished word: the space says so.
        found = wait(services.search(ws, card.id, " ".join(given.words) + " ", limit=given.limit))
    lines = [f"{found.total_pages} pages" + ("" if found.all_words else ", none with all the words")]
    lines += [f"{printable(hit.document)}, page {hit.page}\n    {_marked(hit)}" for hit in found.hits]
    return Outcome(
        "\n".join(lines),
        {
            "words": " ".join(given.words),
            "total_pages": found.total_pages,
            "all_words": found.all_words,
            "hits": [asdict(hit) for hit in found.hits],
            "seconds": round(found.seconds, 6),
        },
    )


def _marked(hit: Hit) -> str:
    text, at = "", 0
    for start, end in hit.marks:
        text += f"{hit.snippet[at:start]}[{hit.snippet[start:end]}]"
        at = end
    return printable(text + hit.snippet[at:])


def ask(setting: Setting, given: Arguments) -> Outcome:
    spikes = None if given.spikes is None else SpikeChoice.parse(given.spikes)
    with opened(setting, with_engine=True, spikes=spikes) as ws:
        card = _dossier(ws, given.dossier)
        answer = wait(services.ask(ws, card.id, " ".join(given.question)))
        engine = services.engine_card(ws)
    text = answer_text(answer)
    if engine.model is not None:
        text += f"\n{_engine_line(engine)}"
    value = answer_value(answer) | {"spikes": asdict(engine.spikes), "energy": asdict(engine.energy)}
    return Outcome(text, value, EXIT_STOPPED if answer.stopped else EXIT_OK)


def _engine_line(engine: EngineCard) -> str:
    """Joules as this machine measured them, or that it cannot; how inputs are coded."""
    energy, spikes = engine.energy, engine.spikes
    if energy.answer_j is not None and energy.watts is not None:
        line = f"energy: {energy.answer_j:.2f} J, {energy.watts:.1f} W (measured: all programs)"
    else:
        line = f"energy: not measurable here ({NO_ENERGY.get(energy.reason, energy.reason)})"
        if energy.measurable:
            line = "energy: nothing to measure"
    if spikes.k:
        line += f"; spikes: k = {spikes.k:g}" + (", down_proj too" if spikes.down else "")
    return line


def answer_text(answer: Answer) -> str:
    """The answer for a person: statements with their grade, then each citation with document, page and
    words.
    """
    lines = [REASONS[answer.reason]] if answer.reason is not Reason.NONE else []
    for statement in answer.statements:
        absent = statement.grade is Grade.NOT_IN_DOSSIER and not any(c.isalpha() for c in statement.text)
        words = "The passages found do not hold the answer." if absent else statement.text
        lines.append(f"{GRADES[statement.grade]} {printable(words)}   ({GRADE_WORDS[statement.grade]})")
    if answer.text and not answer.statements:
        lines.append(printable(answer.text))
    if answer.stopped and answer.text:
        lines.append("(stopped)")
    cited = [c for statement in answer.statements for c in statement.citations]
    if cited:
        lines += ["", *[_citation_line(citation) for citation in cited]]
    if answer.nearest:
        lines += ["", "Closest passages:", *[_citation_line(citation) for citation in answer.nearest]]
    timings = answer.timings
    model = answer.model if answer.mode is AnswerMode.MODEL and answer.model else "search alone"
    lines += [
        "",
        f"{model}; first word after {timings.first_word_s:.2f} s, all after {timings.total_s:.2f} s",
    ]
    return "\n".join(lines)


def _citation_line(citation: Citation) -> str:
    quote = printable(" ".join(citation.quote.split()))
    checked = "" if citation.checked else "   (not checked word for word)"
    return f"[{citation.anchor}] {printable(citation.document)}, page {citation.page}: “{quote}”{checked}"


def answer_value(answer: Answer) -> Json:
    citations = [c for statement in answer.statements for c in statement.citations]
    return {
        "question": answer.question,
        "answer": answer.text,
        "mode": answer.mode.value,
        "reason": answer.reason.value,
        "model": answer.model,
        "confidence": round(answer.confidence, 4),
        "stopped": answer.stopped,
        "statements": [
            {
                "text": statement.text,
                "grade": statement.grade.value,
                "citations": [_citation_value(c) for c in statement.citations],
            }
            for statement in answer.statements
        ],
        "citations": [_citation_value(citation) for citation in citations],
        "nearest": [_citation_value(citation) for citation in answer.nearest],
        "timings": {name: round(value, 4) for name, value in asdict(answer.timings).items()},
    }


def _citation_value(citation: Citation) -> Json:
    return {
        "anchor": citation.anchor,
        "document_id": citation.document_id,
        "document": citation.document,
        "page": citation.page,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "boxes": [[round(v, 2) for v in (b.x0, b.y0, b.x1, b.y1)] for b in citation.boxes],
        "checked": citation.checked,
    }


def list_dossiers(setting: Setting, _: Arguments) -> Outcome:
    with opened(setting) as ws:
        cards = services.list_dossiers(ws)
    lines = [
        f"{printable(card.name)}: {card.documents} documents, {card.pages} pages"
        + (f", {card.exceptions} not taken in whole" if card.exceptions else "")
        for card in cards
    ]
    value = [
        {
            "dossier": card.name,
            "documents": card.documents,
            "pages": card.pages,
            "exceptions": card.exceptions,
            "pages_read": card.reading.pages_read,
        }
        for card in cards
    ]
    return Outcome("\n".join(lines) or "No dossier yet.", {"dossiers": value})


def check(setting: Setting, given: Arguments) -> Outcome:
    with opened(setting) as ws:
        report = wait(services.check_vault(ws, thorough=given.thorough))
    lines = [f"{report.documents} documents, {report.pages} pages, {report.blobs} stored files looked at."]
    lines += [f"  {problem}" for problem in report.problems] or ["Everything is as it was written."]
    value: Json = {
        "documents": report.documents,
        "pages": report.pages,
        "blobs": report.blobs,
        "problems": list(report.problems),
        "damaged": report.damaged,
        "seconds": round(report.seconds, 3),
    }
    return Outcome("\n".join(lines), value, EXIT_DAMAGED if report.damaged else EXIT_OK)


def printable(text: str) -> str:
    """A stranger's text for a terminal: control signs (escape sequences, line breaks, text direction)
    become spaces.
    """
    return "".join(sign if sign.isprintable() else " " for sign in text)
