"""What kind of file some bytes are, by their content; a name only settles what content leaves open."""

from __future__ import annotations

import re
from typing import Final, Literal

from app.ingest.refusals import IngestRefused

Kind = Literal["pdf", "zip", "ole", "rtf", "image", "mail", "markdown", "text", "binary"]

_LOOK_BYTES: Final = 8192
_PDF_HEADER_WITHIN: Final = 1024

# the first bytes, at an offset, and what a person calls it
_IMAGES: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"BM", "BMP"),
    (8, b"WEBP", "WebP"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypavif", "AVIF"),
)
_OTHERS: Final = (
    (0, b"\x7fELF", "program"),
    (0, b"MZ", "program"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (0, b"Rar!\x1a\x07", "RAR"),
    (4, b"ftyp", "video"),
    (0, b"ID3", "audio"),
    (0, b"OggS", "audio"),
    (0, b"RIFF", "audio or video"),
    (0, b"GGUF", "model"),
    (0, b"%!PS", "PostScript"),
)
_UTF16_32_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")

_HEADER_LINE: Final = re.compile(rb"^([!-9;-~]{1,76}):[ \t]?.*(?:\r?\n[ \t].*)*(?:\r?\n|\Z)", re.MULTILINE)
_SURE_HEADERS: Final = frozenset(
    (b"message-id", b"mime-version", b"received", b"return-path", b"delivered-to", b"content-type")
)
_MAIL_HEADERS: Final = _SURE_HEADERS | {b"from", b"to", b"date", b"subject", b"cc", b"reply-to", b"x-mailer"}


def kind_of(data: bytes, name: str = "") -> Kind:
    """The kind of a file. Nothing is unpacked or parsed here."""
    head = data[:_LOOK_BYTES]
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "ole"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if image_kind(data):
        return "image"
    if other_kind(data) or not _looks_like_text(head):
        return "binary"
    if _looks_like_mail(head, name):
        return "mail"
    return "markdown" if extension_of(name) in {"md", "markdown"} else "text"


def refuse_by_name(kind: Kind, name: str) -> None:
    """IngestRefused where a name promises pages and the content is something without any mark of its own."""
    if kind in {"text", "mail", "markdown", "binary"}:
        extension = extension_of(name)
        if extension == "pdf":
            raise IngestRefused("not-a-pdf")
        if extension in {"docx", "doc"}:
            raise IngestRefused("not-a-docx")


def image_kind(data: bytes) -> str:
    """What a picture is called, empty for anything else."""
    if data.startswith(b"BM") and int.from_bytes(data[2:6], "little") not in range(
        len(data) // 2, len(data) + 1
    ):
        return ""  # a text may begin with these two letters
    return _first_match(data, _IMAGES)


def other_kind(data: bytes) -> str:
    """What some other known kind is called, empty when not known."""
    found = _first_match(data, _OTHERS)
    text_like = found in {"program", "audio", "model", "audio or video"} and _looks_like_text(
        data[:_LOOK_BYTES]
    )
    return "" if text_like else found


def extension_of(name: str) -> str:
    """In lower case, without its dot; empty for none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def _first_match(data: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str:
    return next((name for at, mark, name in table if data[at : at + len(mark)] == mark), "")


def _looks_like_text(head: bytes) -> bool:
    if head.startswith(_UTF16_32_MARKS):
        return True
    if b"\0" in head:
        return False
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return controls * 50 <= len(head)


def _looks_like_mail(head: bytes, name: str) -> bool:
    if head.startswith(b"From ") and b"\n" in head:
        head = head[head.index(b"\n") + 1 :]  # the first line of a mailbox file
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    names: list[bytes] = []
    at = 0
    while match := _HEADER_LINE.match(head, at):
        names.append(match.group(1).lower())
        at = match.end()
    known = _MAIL_HEADERS.intersection(names)
    if extension_of(name) == "eml":
        return bool(known)
    ended = head[at : at + 2] in (b"\n", b"\r\n", b"\n\n", b"") or head[at : at + 1] == b"\n"
    return ended and len(known) >= 2 and bool(known & _SURE_HEADERS)
