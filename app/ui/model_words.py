"""Words for models: how large, whether one fits, how fast it was, how long a dossier would take."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale

from app.services.model_imports import fit_of, reading_time_s
from app.services.views import DossierCard, Fit, FormatOffer, ModelCard, ModelLook
from app.ui import wording
from app.ui.plain import one_line

PAGE_CHARACTERS = 1800
"""Of an ordinary page of a dossier."""


def parameters(count: int) -> str:
    """ "7.6 billion parameters"."""
    if count >= 1_000_000_000:
        return QCoreApplication.translate("Models", "{count} billion parameters").format(
            count=QLocale().toString(count / 1e9, "f", 1)
        )
    return QCoreApplication.translate("Models", "{count} million parameters").format(
        count=QLocale().toString(count / 1e6, "f", 1)
    )


def licence(text: str) -> str:
    if not text:
        return QCoreApplication.translate("Models", "licence not stated")
    return QCoreApplication.translate("Models", "licence: {name}").format(name=one_line(text, 60))


def format_name(name: str) -> str:
    """What a person needs to choose between the forms of a model."""
    match name:
        case "bf16":
            return QCoreApplication.translate("Models", "BF16 – exact")
        case "q8":
            return QCoreApplication.translate("Models", "Q8 – nearly exact, half the size")
        case "q4":
            return QCoreApplication.translate("Models", "Q4 – a third of the size, less exact")
        case "spike8":
            return QCoreApplication.translate("Models", "SPIKE8 – exact spikes")
        case _:
            return name.upper()


def fit(size_bytes: int, memory_bytes: int) -> str:
    """Whether a file of this size fits this machine's memory."""
    sizes = {"size": wording.size(size_bytes), "memory": wording.size(memory_bytes)}
    match fit_of(size_bytes, memory_bytes):
        case Fit.WELL:
            text = QCoreApplication.translate("Models", "Fits this computer: {size} of {memory} of memory.")
        case Fit.TIGHT:
            text = QCoreApplication.translate(
                "Models", "Fits tightly: {size} of {memory} of memory. Close other programs."
            )
        case Fit.NOT:
            text = QCoreApplication.translate(
                "Models",
                "Does not fit: {size}, and this computer has {memory} of memory. It may be very slow, or not "
                "load at all.",
            )
    return text.format(**sizes)


def offer(one: FormatOffer) -> str:
    """A form in one line: what it is, how large."""
    return f"{format_name(one.format)} · {wording.size(one.size_bytes)}"


def kind(look: ModelLook) -> str:
    """What was found, in one line."""
    if not look.is_checkpoint:
        return QCoreApplication.translate("Models", "a model file")
    if look.spiking:
        return QCoreApplication.translate("Models", "a spiking checkpoint, %n file(s)", None, look.shards)
    return QCoreApplication.translate("Models", "a checkpoint, %n file(s)", None, look.shards)


def speed(card: ModelCard) -> str:
    """What was measured here; empty when nothing was."""
    if card.prefill_tok_per_s <= 0:
        return ""
    return QCoreApplication.translate(
        "Models", "Measured here: reads {read}, writes {write} tokens/s"
    ).format(read=_rate(card.prefill_tok_per_s), write=_rate(card.decode_tok_per_s))


def dossier_time(card: ModelCard, dossier: DossierCard | None, characters: int) -> str:
    """ "412 pages: about an hour here", or that a model cannot hold so many; empty where there is no dossier
    or nothing was measured."""
    if dossier is None or not dossier.pages:
        return ""
    if 0 < card.max_context_tok < characters * card.tok_per_character:
        return QCoreApplication.translate(
            "Models",
            "“{dossier}”, {pages}: more than it can hold; it answers from the passages found",
        ).format(dossier=one_line(dossier.name, 40), pages=wording.pages(dossier.pages))
    seconds = reading_time_s(characters, card.tok_per_character, card.prefill_tok_per_s)
    if seconds is None:
        return ""
    return QCoreApplication.translate("Models", "“{dossier}”, {pages}: about {time} to read here").format(
        dossier=one_line(dossier.name, 40), pages=wording.pages(dossier.pages), time=wording.span(seconds)
    )


def length(card: ModelCard) -> str:
    """How long a dossier a model can hold whose memory grows; empty for one whose memory does not."""
    if not card.kv_bytes_per_token:
        return ""
    each = wording.size(card.kv_bytes_per_token)
    if not card.max_context_tok or not card.tok_per_character:
        return QCoreApplication.translate("Models", "Every token read takes {size} of memory more.").format(
            size=each
        )
    pages = max(1, round(card.max_context_tok / card.tok_per_character / PAGE_CHARACTERS))
    return QCoreApplication.translate(
        "Models", "Every token read takes {size} of memory more; it can hold about {pages} here."
    ).format(size=each, pages=wording.pages(pages))


def note(text: str) -> str:
    """What a person must know of a kind of model; English of ours, translated."""
    match text:
        case "76B-like, unverified":
            return QCoreApplication.translate("Models", "76B-like, unverified")
        case "transformer: memory grows with length":
            return QCoreApplication.translate("Models", "Transformer: memory grows with length.")
        case _:
            return text


def _rate(tokens_per_s: float) -> str:
    return QLocale().toString(tokens_per_s, "f", 1 if tokens_per_s < 100 else 0)
