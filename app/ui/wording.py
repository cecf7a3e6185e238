"""Words for the values the services hand out: counts, sizes, times, states, grades, reasons."""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

from app.chat.values import Grade, Reason
from app.services.views import (
    DocumentCard,
    DocumentStatus,
    EnergyCard,
    EngineCard,
    EngineState,
    ModelCard,
    ReadingCard,
    ReadingState,
)

NBSP = "\u00a0"
_THREADS = re.compile(r"(\d+) threads?")


def pages(count: int) -> str:
    return QCoreApplication.translate("Counts", "%n page(s)", None, count)


def documents(count: int) -> str:
    return QCoreApplication.translate("Counts", "%n document(s)", None, count)


def cores(count: int) -> str:
    return QCoreApplication.translate("Counts", "%n core(s)", None, count)


def percent(value: int) -> str:
    return QCoreApplication.translate("Counts", "{percent}%").format(percent=value)


def no_documents() -> str:
    return QCoreApplication.translate("Counts", "Empty")


def size(size_bytes: int) -> str:
    """A size as the language writes it, in decimal units: "121 MB", "121 Mo"."""
    return QLocale().formattedDataSize(
        size_bytes, 1 if size_bytes < 10_000_000 else 0, QLocale.DataSizeFormat.DataSizeSIFormat
    )


def span(seconds: float) -> str:
    """A rough length of time, as one says it."""
    if seconds < 55:
        return QCoreApplication.translate("Times", "%n s", None, max(1, round(seconds)))
    if seconds <= 5400:
        return QCoreApplication.translate("Times", "%n min", None, max(1, round(seconds / 60)))
    return QCoreApplication.translate("Times", "%n h", None, max(1, round(seconds / 3600)))


def moment(epoch_s: float) -> str:
    """ "08:14" when it was today, else the short date."""
    when = QDateTime.fromSecsSinceEpoch(int(epoch_s))
    if when.date() == QDateTime.currentDateTime().date():
        return QLocale().toString(when.time(), QLocale.FormatType.ShortFormat)
    return QLocale().toString(when.date(), QLocale.FormatType.ShortFormat)


def kind(media_type: str) -> str:
    """A short name for a kind of file."""
    known = {
        "application/pdf": "PDF",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
        "text/markdown": "Markdown",
    }
    if media_type in known:
        return known[media_type]
    if media_type.startswith("message/"):
        return QCoreApplication.translate("Kinds", "Mail")
    if media_type.startswith("text/"):
        return QCoreApplication.translate("Kinds", "Text")
    return ""


def kind_icon(card: DocumentCard) -> str:
    return "mail" if card.media_type.startswith("message/") else "document"


def document_line(card: DocumentCard) -> str:
    """The second line of a document's row."""
    match card.status:
        case DocumentStatus.QUEUED:
            return QCoreApplication.translate("DocumentStates", "Waiting to be taken in")
        case DocumentStatus.PARSING if card.pages:
            return QCoreApplication.translate("DocumentStates", "Page {done} of {total}").format(
                done=card.pages_done, total=card.pages
            )
        case DocumentStatus.PARSING:
            return QCoreApplication.translate("DocumentStates", "Being taken in")
        case DocumentStatus.READY:
            parts = [kind(card.media_type), pages(card.pages)]
            return " · ".join(part for part in parts if part)
        case _:
            return QCoreApplication.translate("DocumentStates", "Not taken in")


def reading_line(card: ReadingCard) -> str:
    """How far the reading is, in one line."""
    match card.state:
        case ReadingState.OFF:
            return QCoreApplication.translate("ReadingStates", "Searchable. Answers come from search.")
        case ReadingState.WAITING:
            return QCoreApplication.translate("ReadingStates", "Read {done} of {total} pages").format(
                done=card.pages_read, total=card.pages_total
            )
        case ReadingState.READING:
            text = QCoreApplication.translate("ReadingStates", "Reading {done} of {total} pages").format(
                done=card.pages_read, total=card.pages_total
            )
            if card.eta_s is not None and card.eta_s >= 1:
                text += " · " + QCoreApplication.translate("ReadingStates", "about {time}").format(
                    time=span(card.eta_s)
                )
            return text
        case ReadingState.PAUSED:
            return QCoreApplication.translate("ReadingStates", "Paused at {done} of {total} pages").format(
                done=card.pages_read, total=card.pages_total
            )
        case ReadingState.READY:
            text = QCoreApplication.translate("ReadingStates", "Read {done} of {total} pages").format(
                done=card.pages_read, total=card.pages_total
            )
            if card.read_at:
                text += " · " + moment(card.read_at)
            return text
        case ReadingState.FAILED:
            return QCoreApplication.translate("ReadingStates", "The reading stopped. Search still works.")


def grade_mark(grade: Grade) -> str:
    """A shape per grade, so that colour is never alone."""
    return {Grade.CHECKED_ON_PAGE: "●", Grade.FROM_READING: "◐", Grade.NOT_IN_DOSSIER: "○"}[grade]


def grade_words(grade: Grade) -> str:
    match grade:
        case Grade.CHECKED_ON_PAGE:
            return QCoreApplication.translate("Grades", "Checked on the page")
        case Grade.FROM_READING:
            return QCoreApplication.translate("Grades", "From the reading")
        case Grade.NOT_IN_DOSSIER:
            return QCoreApplication.translate("Grades", "Not in the dossier")


def grade_meaning(grade: Grade) -> str:
    match grade:
        case Grade.CHECKED_ON_PAGE:
            return QCoreApplication.translate(
                "Grades",
                "The quoted words were found, letter by letter, on the page that is cited. "
                "Whether they answer the question is yours to judge.",
            )
        case Grade.FROM_READING:
            return QCoreApplication.translate(
                "Grades",
                "The model says so; none of its words could be checked on a page. Look before you rely "
                "on it.",
            )
        case Grade.NOT_IN_DOSSIER:
            return QCoreApplication.translate(
                "Grades", "The passages that fit the question do not hold the answer."
            )


def reason(why: Reason) -> str:
    """Why an answer is passages only; empty when there is nothing to say."""
    match why:
        case Reason.NONE:
            return ""
        case Reason.NO_MODEL:
            return QCoreApplication.translate(
                "Reasons", "No model is installed, so these are the passages that fit the question best."
            )
        case Reason.ENGINE_DOWN:
            return QCoreApplication.translate(
                "Reasons", "The engine was not running, so these are the passages that fit the question best."
            )
        case Reason.LOW_CONFIDENCE:
            return QCoreApplication.translate(
                "Reasons",
                "The model was not sure enough, so these are the passages that fit the question best.",
            )
        case Reason.UNREADABLE_ANSWER:
            return QCoreApplication.translate(
                "Reasons", "The model's answer could not be tied to a page, so these are the best passages."
            )
        case Reason.QUESTION_TOO_LONG:
            return QCoreApplication.translate(
                "Reasons",
                "The question is too long for this model; these are the best passages. Ask a shorter one.",
            )
        case Reason.STOPPED:
            return QCoreApplication.translate("Reasons", "The answer was stopped before its first word.")
        case Reason.NOTHING_FOUND:
            return QCoreApplication.translate(
                "Reasons", "Nothing in the chosen documents fits the question. Try other words."
            )


def reader_sentence() -> str:
    """What a reader model is and what it is not, wherever one is shown or chosen."""
    return QCoreApplication.translate(
        "Models",
        "It finds the words that answer a question and quotes them with their page; it does not reason, "
        "summarise or write, and can miss what is there.",
    )


def model_label(card: ModelCard) -> str:
    french = QLocale().language() == QLocale.Language.French
    return card.label_fr if french else card.label_en


def device(text: str) -> str:
    """The engine's English description of the machine ("CPU, AVX2, 4 threads") in the window's language."""
    told = text.replace("CPU", QCoreApplication.translate("Devices", "CPU"))
    return _THREADS.sub(
        lambda found: QCoreApplication.translate("Devices", "%n thread(s)", None, int(found[1])), told
    )


def energy_line(card: EnergyCard) -> str:
    """Joules and watts as this machine measured them, or that it cannot. Never an estimate."""
    if not card.measurable:
        return QCoreApplication.translate("Energy", "not measurable here")
    parts = []
    if card.answer_j is not None:
        parts.append(
            QCoreApplication.translate("Energy", "{joules} J per answer").format(
                joules=_joules(card.answer_j)
            )
        )
    if card.page_j is not None:
        parts.append(
            QCoreApplication.translate("Energy", "{joules} J per page").format(joules=_joules(card.page_j))
        )
    if card.watts is not None:
        parts.append(f"{QLocale().toString(card.watts, 'f', 0)}{NBSP}W")
    return " · ".join(parts) or QCoreApplication.translate("Energy", "nothing measured yet")


def energy_meaning(card: EnergyCard) -> str:
    """What the figures stand on, or why there are none."""
    if card.measurable:
        return QCoreApplication.translate(
            "Energy",
            "Measured by this machine's own counters for the last answer and the last pages read: all "
            "programs that ran meanwhile are in it.",
        )
    if card.reason == "forbidden":
        return QCoreApplication.translate(
            "Energy", "This machine counts its energy, but lets only its administrator read the counters."
        )
    return QCoreApplication.translate(
        "Energy", "This machine has no energy counters that can be read. Nothing is shown in their place."
    )


def _joules(joules: float) -> str:
    return QLocale().toString(joules, "f", 0 if joules >= 100 else 1 if joules >= 1 else 2)


def engine_line(card: EngineCard) -> str:
    """The state of the engine in a few words; the model's name when it is ready."""
    match card.state:
        case EngineState.READY:
            if card.model is None:
                return QCoreApplication.translate("EngineStates", "No model")
            return model_label(card.model)
        case EngineState.OFF:
            return QCoreApplication.translate("EngineStates", "No model – search works")
        case EngineState.STARTING:
            return QCoreApplication.translate("EngineStates", "Engine starting…")
        case EngineState.LOADING:
            return QCoreApplication.translate("EngineStates", "Loading the model…")
        case EngineState.RESTARTING:
            return QCoreApplication.translate("EngineStates", "Engine restarting…")
        case EngineState.FAILED:
            return QCoreApplication.translate("EngineStates", "Engine stopped – search works")
