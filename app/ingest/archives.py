"""Looks at a zip's table of contents before a single part of it is unpacked."""

from __future__ import annotations

import io
import zipfile
from typing import Final

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from app.ingest.limits import Limits
from app.ingest.refusals import IngestRefused

_PIECE_BYTES: Final = 1 << 18
_SYMLINK: Final = 0o120000
_FILE_TYPE_MASK: Final = 0o170000
_ODF_KINDS: Final = {
    b"application/vnd.oasis.opendocument.text": "OpenDocument text",
    b"application/vnd.oasis.opendocument.spreadsheet": "OpenDocument spreadsheet",
    b"application/epub+zip": "EPUB",
}


def office_kind(data: bytes, limits: Limits) -> str:
    """ "docx", or what a person calls this zip. IngestRefused where it is unsafe even to look further."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, limits)
            names = {entry.filename for entry in entries}
            if "[Content_Types].xml" in names and any(n.startswith("word/document") for n in names):
                _check_xml(archive, entries, limits)
                return "docx"
            if "mimetype" in names:
                return _ODF_KINDS.get(archive.read("mimetype")[:100].strip(), "ZIP archive")
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
    ):
        raise IngestRefused("damaged") from None
    if "[Content_Types].xml" in names:
        if any(name.startswith("xl/") for name in names):
            return "Excel workbook"
        if any(name.startswith("ppt/") for name in names):
            return "PowerPoint presentation"
    return "ZIP archive"


def _check_entries(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    if (
        len(entries) > limits.zip_entries
        or sum(entry.file_size for entry in entries) > limits.zip_total_bytes
    ):
        raise IngestRefused("archive-too-large")
    seen: set[str] = set()
    for entry in entries:
        if entry.flag_bits & 1:
            raise IngestRefused("password")
        name = entry.filename.replace("\\", "/")
        symlink = (entry.external_attr >> 16) & _FILE_TYPE_MASK == _SYMLINK
        if name.startswith("/") or ":" in name or ".." in name.split("/") or symlink or name in seen:
            raise IngestRefused("archive-unsafe")
        seen.add(name)
        packed_bytes = max(entry.compress_size, 1)
        if entry.file_size > limits.zip_entry_bytes or (
            entry.file_size > limits.zip_ratio_floor_bytes
            and entry.file_size > limits.zip_ratio * packed_bytes
        ):
            raise IngestRefused("archive-too-large")


def _check_xml(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    """Read the parts that will be parsed once without building anything: no DTD, no entity, no deep
    nesting."""
    for entry in entries:
        if not entry.filename.lower().endswith((".xml", ".rels")):
            continue
        parser = DefusedXMLParser(target=_DepthWatch(limits.xml_depth), forbid_dtd=True)
        try:
            with archive.open(entry) as part:
                while piece := part.read(_PIECE_BYTES):
                    parser.feed(piece)
            parser.close()
        except DefusedXmlException:
            raise IngestRefused("archive-unsafe") from None
        except ParseError:
            raise IngestRefused("damaged") from None


class _DepthWatch:
    """Counts open elements and builds nothing."""

    def __init__(self, depth_max: int) -> None:
        self._depth = 0
        self._depth_max = depth_max

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > self._depth_max:
            raise IngestRefused("archive-unsafe")

    def end(self, tag: str) -> None:
        self._depth -= 1

    def close(self) -> None:
        """The parser asks for it."""
