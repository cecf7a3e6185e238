"""Why a file is not taken in, and what a person should know about one that is.

The codes travel from the caged child as plain words; the templates live here, so nothing a document says
can become
a message. The window translates by code, the command line prints the English sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.core.errors import Param, UserError

REFUSAL_TEMPLATES: Final[Mapping[str, str]] = {
    "empty-file": "The file is empty (0 bytes).",
    "file-too-large": "The file is too large: {size_mb} MB, the limit is {limit_mb} MB.",
    "unsupported-kind": "This is not a kind of file that can be read yet ({kind}).",
    "image": "Images are not a kind of file that can be read yet ({kind}).",
    "not-a-pdf": "The name says PDF, but the content is not a PDF.",
    "not-a-docx": "The name says Word document, but the content is not one.",
    "not-text": "The content is neither a kind of document we know nor readable text.",
    "password": "The file is protected by a password. Save a copy without a password and drop it again.",
    "damaged": "The file is damaged or cut short, and nothing in it could be read.",
    "no-pages": "The document has no pages.",
    "too-many-pages": "The document has {pages} pages, the limit is {limit}.",
    "nothing-to-read": "There is no text in the file.",
    "no-text": "No page has any text: it is a scan. It can be viewed; reading scans comes later.",
    "archive-too-large": "The document unpacks to more than is allowed. It was not opened.",
    "archive-unsafe": "The document's packing is not what a Word document looks like. It was not opened.",
    "nested-too-deep": "A mail within a mail within a mail: only two levels are opened.",
    "too-many-attachments": "The mail has {count} attachments, the limit is {limit}.",
    "too-much-text": "The document holds more text than is allowed.",
    "too-much-memory": "Reading the file needs more memory than is allowed.",
    "too-slow": "Reading the file takes longer than is allowed.",
    "reader-died": "Reading the file failed and was stopped; nothing else was touched.",
    "reader-misbehaved": "Reading the file gave an answer that cannot be right, so it was stopped.",
    "page-missing": "The document has no page {page}.",
    "cage-missing": "Files cannot be read safely on this system: {reason}.",
}

NOTE_TEMPLATES: Final[Mapping[str, str]] = {
    "no-text": "No text on this page: it may be a scan.",
    "page-damaged": "This page is damaged and could not be read.",
    "more-pages": "{count} more pages were not taken in whole; most likely they are scans.",
    "text-cut": "This page holds more text than is allowed; the rest was left out.",
    "repaired": "The file is damaged; what could be recovered was taken in.",
    "images-left-out": "Pictures in this document have no text and were left out.",
    "attachment-too-large": "An attachment is too large and was left out.",
    "attachments-left-out": "This mail has more attachments than are taken in; the rest was left out.",
    "signs-missing": "Some signs of this document cannot be drawn; its text is complete.",
}

# A second try can end otherwise only where the machine, not the file, may have been the cause.
_RETRY_CAN_HELP: Final = frozenset(
    {"too-slow", "too-much-memory", "reader-died", "reader-misbehaved", "cage-missing"}
)


class IngestRefused(UserError):
    """A file was not taken in. ``code`` is a key of ``REFUSAL_TEMPLATES``."""

    def __init__(self, code: str, /, **params: Param) -> None:
        super().__init__(code, REFUSAL_TEMPLATES[code], **params)

    @property
    def detail(self) -> str:
        """The English sentence."""
        return self.sentence()

    @property
    def can_retry(self) -> bool:
        """Whether trying the same bytes again may end otherwise."""
        return self.code in _RETRY_CAN_HELP


class IngestCancelled(Exception):
    """The person cancelled; pages handed out so far stand."""
