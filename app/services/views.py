"""Immutable snapshots that the window and the terminal show. Times are seconds since the epoch, sizes
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag, StrEnum

from app.chat.values import Box
from app.core.errors import HuisClosError, fill


class Changes(IntFlag):
    """What a verb changed; views refresh by flag."""

    NONE = 0
    DOSSIERS = 1
    DOCUMENTS = 2
    READING = 4
    CHATS = 8
    MODELS = 16
    ENGINE = 32
    SETTINGS = 64


class ReadingState(StrEnum):
    OFF = "off"  # no model, or the model does not read
    WAITING = "waiting"  # pages are there that were not read yet
    READING = "reading"
    PAUSED = "paused"
    READY = "ready"
    FAILED = "failed"


class DocumentStatus(StrEnum):
    QUEUED = "queued"
    PARSING = "parsing"
    READY = "ready"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ReadingCard:
    state: ReadingState
    pages_read: int = 0
    pages_total: int = 0
    tokens_read: int = 0
    memory_bytes: int = 0  # size of the kept reading; the same for any length, but with a model that grows
    eta_s: float | None = None
    read_at: float | None = None


@dataclass(frozen=True, slots=True)
class DossierCard:
    id: str
    name: str
    created_at: float
    documents: int
    pages: int
    exceptions: int
    reading: ReadingCard


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file did not make it. ``template`` is English with ``{params}``; the window translates by
    code.
    """

    code: str
    template: str
    params: dict[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        return fill(self.template, self.params)

    @classmethod
    def of(cls, failure: HuisClosError) -> Problem:
        return cls(failure.code, failure.template, dict(failure.params))


@dataclass(frozen=True, slots=True)
class DocumentCard:
    id: str
    dossier_id: str
    parent_id: str | None  # the mail an attachment came with
    name: str
    media_type: str
    layout: str  # "original" | "ours" (formats without pages get our own layout)
    status: DocumentStatus
    pages: int
    pages_done: int
    size_bytes: int
    added_at: float
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class ExceptionCard:
    """A row of the visible exception list: a file that was not taken in, why, and whether a retry can
    help.
    """

    id: str  # hand it to ``retry`` or ``dismiss``
    dossier_id: str
    document_id: str | None
    page: int | None  # set when it speaks of one page of a document that was taken in otherwise
    name: str
    problem: Problem
    can_retry: bool
    happened_at: float


@dataclass(frozen=True, slots=True)
class ImportReport:
    """``added`` and ``resumed`` name documents now ready; ``duplicates`` pairs a file name with what it
    equals.
    """

    added: tuple[DocumentCard, ...]
    duplicates: tuple[tuple[str, str], ...]
    exceptions: tuple[ExceptionCard, ...]
    pages: int
    seconds: float
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """One page that holds the words. ``marks`` are spans of ``snippet``; ``spans`` are spans of the page's
    text.
    """

    document_id: str
    document: str
    page: int
    snippet: str
    marks: tuple[tuple[int, int], ...]
    spans: tuple[tuple[int, int], ...]
    score: float  # higher is better


@dataclass(frozen=True, slots=True)
class SearchResult:
    words: str
    hits: tuple[Hit, ...]
    total_pages: int  # pages that match, which can be more than ``hits``
    all_words: bool  # false: no page holds all the words, these hold some of them
    seconds: float


@dataclass(frozen=True, slots=True)
class PageImage:
    """Pixels of one page: ``rgb`` is width*height*3 bytes. ``boxes`` are in pixels of this image."""

    document_id: str
    page: int
    pages: int
    width_px: int
    height_px: int
    rgb: bytes
    width_pt: float
    height_pt: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class PageText:
    """A page as the model sees it. ``words`` are (start, end, box in points)."""

    document_id: str
    page: int
    pages: int
    width_pt: float
    height_pt: float
    text: str
    words: tuple[tuple[int, int, Box], ...]


@dataclass(frozen=True, slots=True)
class ChatCard:
    id: str
    dossier_id: str
    title: str
    created_at: float
    messages: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that can be chosen. ``id`` is its folder name (or ``default``)."""

    id: str
    label_en: str
    label_fr: str
    format: str
    parameters: int
    size_bytes: int
    sha256: str
    licence: str
    source: str
    built_in: bool
    chosen: bool
    reader: bool  # answers with quotes only, does not reason
    note: str = ""  # what a person must know of its kind, in English
    prefill_tok_per_s: float = 0.0  # measured here when it was added; 0 when it was not
    decode_tok_per_s: float = 0.0
    tok_per_character: float = 0.0
    state_bytes: int = 0  # of one reading in memory
    kv_bytes_per_token: int = 0  # by which a reading grows with every token; 0: its memory has an end
    max_context_tok: int = 0  # how long a reading could be here when it was added; 0: without end


class Fit(StrEnum):
    """Whether a model's file fits this machine's memory."""

    WELL = "well"
    TIGHT = "tight"  # with little left for everything else
    NOT = "not"  # it may be very slow, or not load


@dataclass(frozen=True, slots=True)
class FormatOffer:
    """A form a model can be kept in, how large it is then, and whether that fits."""

    format: str
    size_bytes: int
    fit: Fit


@dataclass(frozen=True, slots=True)
class ModelLook:
    """What a folder or file is, before it is taken in. A model file has one offer: itself."""

    name: str
    is_checkpoint: bool
    architecture: str
    note: str
    container: str  # "torch", "safetensors" or "gguf"
    shards: int
    parameters: int
    source_bytes: int
    licence: str
    spiking: bool
    offers: tuple[FormatOffer, ...]
    recommended: str
    memory_bytes: int  # of this machine
    disk_free_bytes: int  # where it would go


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """Whether a model's file is still what was taken in."""

    model: ModelCard
    whole: bool
    identity: str
    seconds: float


class EngineState(StrEnum):
    OFF = "off"  # no model file to load
    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    RESTARTING = "restarting"  # it died and comes back by itself
    FAILED = "failed"  # gave up; ``problem`` says what to do


@dataclass(frozen=True, slots=True)
class EnergyCard:
    """What this machine measured itself, all programs on the processor included. Where it cannot
    (``measurable`` false), ``reason`` is absent, forbidden or broken, and there are no figures."""

    measurable: bool = False
    reason: str = "absent"
    watts: float | None = None  # while the last answer was made, or the last pages were read
    answer_j: float | None = None  # the last answer
    page_j: float | None = None  # a page, of the last that were read


@dataclass(frozen=True, slots=True)
class SpikesCard:
    """Whether the loaded model's inputs are coded as spikes: thresholds are mean|x| / ``k`` (0: they are
    not). ``own_k`` is what it was made for; ``fixed``: it cannot run without. ``down``: the published code
    does not code that input."""

    k: float = 0.0
    own_k: float = 0.0
    fixed: bool = False
    down: bool = False


@dataclass(frozen=True, slots=True)
class EngineCard:
    """What the status bar says about the engine."""

    state: EngineState
    model: ModelCard | None = None
    device: str = ""  # e.g. "CPU, AVX-512, 8 threads"
    memory_bytes: int = 0  # of the readings that live in the worker now
    prefill_tok_per_s: float = 0.0
    decode_tok_per_s: float = 0.0
    problem: Problem | None = None
    energy: EnergyCard = EnergyCard()
    spikes: SpikesCard = SpikesCard()


@dataclass(frozen=True, slots=True)
class VaultReport:
    """Result of ``check``: ``problems`` is empty when every byte that was looked at is whole."""

    documents: int
    pages: int
    blobs: int
    problems: tuple[str, ...]
    damaged: bool  # something cannot be read any more; other problems are only untidy
    seconds: float
