"""Rows of the library as immutable values. Times are seconds since the epoch (UTC), sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.library.words import Word

Params = Mapping[str, str | int | float]


class DocumentStatus(StrEnum):
    QUEUED = "queued"
    PARSING = "parsing"
    READY = "ready"
    FAILED = "failed"  # something broke on our side or the machine's; a retry can help
    REFUSED = "refused"  # the file itself cannot be taken in as it is


@dataclass(frozen=True, slots=True)
class Dossier:
    """``documents`` and ``pages`` count what is ready, ``exceptions`` the rows of the exception list."""

    id: str
    name: str
    created_utc: float
    documents: int = 0
    pages: int = 0
    exceptions: int = 0
    model_id: str = ""  # the model this dossier alone is read and answered with; empty for the common one


@dataclass(frozen=True, slots=True)
class Document:
    """One file. ``pages_done`` counts pages stored so far, so an interrupted import goes on at the next one.

    A document is viewable whenever ``page_count`` is above 0, also when it was refused for having no text.
    """

    id: str
    dossier_id: str
    parent_id: str | None  # the mail it came with
    name: str
    media_type: str  # empty until the file was looked into
    layout: str  # "original", or "ours" for formats without pages; empty until known
    title: str
    size_bytes: int
    blob_id: str
    content_mac: bytes
    status: DocumentStatus
    failure_code: str
    failure_params: Params
    page_count: int
    pages_done: int
    position: int  # order within the dossier
    depth: int  # how many mails it is nested in
    source_path: str  # where it was dropped from; empty for attachments
    added_utc: float


@dataclass(frozen=True, slots=True)
class Page:
    """Text of one page, 1-based, and where each word stands.

    ``note`` is a code such as "no-text", or empty.
    """

    number: int
    width_pt: float
    height_pt: float
    text: str
    words: tuple[Word, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class PageSize:
    number: int
    width_pt: float
    height_pt: float
    note: str


@dataclass(frozen=True, slots=True)
class LibraryException:
    """A row of the exception list: a file, or a page of one, that was not taken in whole, and why."""

    id: str
    dossier_id: str
    document_id: str | None  # None for a file that never made it into the library
    page: int | None
    name: str
    code: str
    params: Params
    source_path: str  # where it was dropped from; empty when not known
    can_retry: bool
    happened_utc: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """The first ``pages`` pages of a document are part of a reading."""

    document_id: str
    pages: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The booking of a reading snapshot. It holds for exactly one model and one text prefix."""

    id: str
    dossier_id: str
    model_identity: str
    position_tok: int
    text_mac: bytes  # keyed hash of the text read so far
    sealed_file_id: str
    size_bytes: int
    covered: tuple[Coverage, ...]
    created_utc: float
    model_id: str = ""  # the installed model that read it

    @property
    def pages(self) -> int:
        return sum(part.pages for part in self.covered)


@dataclass(frozen=True, slots=True)
class Shred:
    """What the store must destroy once the rows are gone."""

    blob_ids: tuple[str, ...] = ()
    sealed_file_ids: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = field(default=())  # so that other rooms can drop what they derived

    def __add__(self, other: Shred) -> Shred:
        return Shred(
            self.blob_ids + other.blob_ids,
            self.sealed_file_ids + other.sealed_file_ids,
            self.document_ids + other.document_ids,
        )
