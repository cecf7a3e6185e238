"""A file that was opened: pages of text, pictures of pages, attachments. Runs inside the cage only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, Protocol

from app.ingest.archives import office_kind
from app.ingest.kinds import image_kind, kind_of, other_kind, refuse_by_name
from app.ingest.limits import Limits
from app.ingest.mails import read_mail
from app.ingest.messages import NoteMessage, PageMessage, Pixels
from app.ingest.pdfs import PdfSource
from app.ingest.plain_texts import read_markdown, read_text
from app.ingest.refusals import IngestRefused
from app.ingest.typeset_source import TypesetSource
from app.ingest.word_documents import read_word_document

_DEFAULT: Final = Limits()
_ENCRYPTED_OFFICE: Final = "EncryptedPackage".encode("utf-16-le")


class Source(Protocol):
    """An opened file. Pages are 1-based."""

    media_type: str
    layout: Literal["original", "ours"]
    page_count: int
    title: str

    @property
    def notes(self) -> Sequence[NoteMessage]:
        """What a person should know about the whole document."""

    def page(self, number: int) -> PageMessage:
        """Text and words of a page."""

    def draw(self, number: int, width_px: int) -> Pixels:
        """A page as pixels."""

    def attachments(self) -> Iterable[tuple[str, bytes]]:
        """Files that came inside, with the names they came with."""


def open_source(
    data: bytes, name: str, *, depth: int = 0, limits: Limits = _DEFAULT, for_view: bool = False
) -> Source:
    """Open a file by its content. IngestRefused with the reason. ``for_view`` takes mails of any depth."""
    kind = kind_of(data, name)
    refuse_by_name(kind, name)
    if kind == "pdf":
        return PdfSource(data, limits)
    if kind == "zip":
        found = office_kind(data, limits)
        if found == "docx":
            return TypesetSource(read_word_document(data, limits), limits)
        raise IngestRefused("unsupported-kind", kind=found)
    if kind == "mail":
        if depth >= limits.mail_depth and not for_view:
            raise IngestRefused("nested-too-deep")
        return TypesetSource(read_mail(data, limits), limits)
    if kind == "markdown":
        return TypesetSource(read_markdown(data, limits), limits)
    if kind == "text":
        return TypesetSource(read_text(data, limits), limits)
    if kind == "image":
        raise IngestRefused("image", kind=image_kind(data))
    if kind == "ole":
        if _ENCRYPTED_OFFICE in data[: 1 << 20] or _ENCRYPTED_OFFICE in data[-(1 << 20) :]:
            raise IngestRefused("password")
        raise IngestRefused("unsupported-kind", kind="Word 97-2003, or another old Office format")
    if kind == "rtf":
        raise IngestRefused("unsupported-kind", kind="RTF")
    raise IngestRefused("unsupported-kind", kind=other_kind(data) or "unknown binary file")
