"""Files become pages of text with word boxes, read by caged children that hold no key and reach nothing."""

from app.ingest.limits import Limits
from app.ingest.names import clean_file_name
from app.ingest.parser import PageView, ParserHelper
from app.ingest.refusals import NOTE_TEMPLATES, REFUSAL_TEMPLATES, IngestCancelled, IngestRefused
from app.ingest.values import Attachment, Note, ParsedDocument, ParsedPage, RenderedPage, Word

__all__ = [
    "NOTE_TEMPLATES",
    "REFUSAL_TEMPLATES",
    "Attachment",
    "IngestCancelled",
    "IngestRefused",
    "Limits",
    "Note",
    "PageView",
    "ParsedDocument",
    "ParsedPage",
    "ParserHelper",
    "RenderedPage",
    "Word",
    "clean_file_name",
]
