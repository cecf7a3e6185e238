"""A mail: its headers as a first block, its body as text, its attachments handed out as files."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage, Message
from typing import Final

from app.ingest.hypertext import html_blocks
from app.ingest.limits import Limits
from app.ingest.plain_texts import decode_text, text_blocks
from app.ingest.refusals import IngestRefused
from app.ingest.stories import Block, Paragraph, Rule, Run, Story, plain

MEDIA_TYPE: Final = "message/rfc822"
_SHOWN: Final = ("From", "To", "Cc", "Date", "Subject")
_SIGNATURES: Final = frozenset(
    ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")
)
_EXTENSIONS: Final = {
    "text/html": ".html",
    "text/plain": ".txt",
    "text/calendar": ".ics",
    "application/pdf": ".pdf",
}
_DEPTH_MAX: Final = 50
_HEADER_CHARACTERS_MAX: Final = 4_000


def read_mail(data: bytes, limits: Limits) -> Story:
    """Read a mail. IngestRefused when it has more parts than are looked at, or is no mail at all."""
    if data.startswith(b"From ") and b"\n" in data:
        data = data[data.index(b"\n") + 1 :]
    message = email.message_from_bytes(data.lstrip(b"\xef\xbb\xbf\r\n"), policy=email.policy.default)
    story = Story(MEDIA_TYPE)
    for name in _SHOWN:
        value = _header(message, name)
        if value:
            story.blocks.append(Paragraph((Run(f"{name}: ", bold=True), Run(value)), "field"))
    if not story.blocks:
        raise IngestRefused("damaged")
    story.title = _header(message, "Subject")
    story.blocks.append(Rule())
    parts = _Parts(limits, story)
    parts.walk(message, 0)
    story.blocks += parts.body()
    return story.check_length(limits)


class _Parts:
    """Sorts the leaves of a mail into bodies and attachments."""

    def __init__(self, limits: Limits, story: Story) -> None:
        self._limits = limits
        self._story = story
        self._count = 0
        self._total_bytes = 0
        self._bodies: list[list[Block]] = []

    def body(self) -> list[Block]:
        return [block for body in self._bodies for block in body]

    def walk(self, part: Message, depth: int) -> None:
        """Take one part and what is inside it. IngestRefused beyond the limits."""
        self._count += 1
        if self._count > self._limits.mail_parts or depth > _DEPTH_MAX:
            raise IngestRefused("archive-too-large")
        kind = part.get_content_type()
        if kind == "message/rfc822":
            self._attach_mail(part)
        elif kind == "multipart/alternative":
            self._walk_alternatives(part, depth)
        elif part.is_multipart():
            for child in _children(part):
                self.walk(child, depth + 1)
        elif kind in {"text/plain", "text/html"} and not _is_attachment(part):
            self._bodies.append(_blocks(part))
        elif kind in _SIGNATURES:
            return
        elif kind.startswith("image/") and part.get_content_disposition() != "attachment":
            self._story.note("images-left-out")
        else:
            self._attach(_file_name(part), _content(part))

    def _walk_alternatives(self, part: Message, depth: int) -> None:
        """Of several forms of one text the plain one counts, unless it is blank."""
        children = list(_children(part))
        plains = [
            child
            for child in children
            if child.get_content_type() == "text/plain" and not _is_attachment(child)
        ]
        if any(_blocks(child) for child in plains):
            rest = [
                child for child in children if child.is_multipart()
            ]  # pictures and files beside an HTML form
            self._bodies.append(_blocks(plains[0]))
            for child in rest:
                for leaf in _children(child):
                    if leaf.get_content_type() != "text/html":
                        self.walk(leaf, depth + 1)
            return
        for child in children:
            if child not in plains:
                self.walk(child, depth + 1)

    def _attach_mail(self, part: Message) -> None:
        inner = next(_children(part), None)
        if inner is None:
            return
        try:
            data = inner.as_bytes(policy=email.policy.compat32)
        except (UnicodeError, LookupError, ValueError, TypeError, AttributeError):
            data = str(inner.get_payload()).encode(errors="replace")
        name = part.get_filename() or _header(inner, "Subject") or "mail"
        self._attach(name if name.lower().endswith(".eml") else f"{name}.eml", data)

    def _attach(self, name: str, data: bytes) -> None:
        limits = self._limits
        if len(self._story.attachments) >= limits.attachments:
            self._story.note("attachments-left-out")
            return
        self._total_bytes += len(data)
        if len(data) > limits.attachment_bytes or self._total_bytes > limits.attachments_total_bytes:
            self._total_bytes -= len(data)
            self._story.note("attachment-too-large")
            return
        self._story.attachments.append((name.encode(errors="replace").decode()[:4096], data))


def _children(part: Message) -> Iterator[Message]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (child for child in payload if isinstance(child, Message))


def _is_attachment(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or bool(_named(part))


def _named(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, TypeError, LookupError, AttributeError):
        return ""


def _file_name(part: Message) -> str:
    return _named(part) or "attachment" + _EXTENSIONS.get(part.get_content_type(), "")


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _blocks(part: Message) -> list[Block]:
    charset = part.get_content_charset() or ""
    try:
        text = decode_text(_content(part), charset)
    except IngestRefused:
        return [plain("[…]")]
    return html_blocks(text) if part.get_content_type() == "text/html" else text_blocks(text)


def _header(message: Message | EmailMessage, name: str) -> str:
    try:
        values = message.get_all(name) or []
        text = ", ".join(str(value) for value in values)
    except Exception:  # the header parser has many ways to fail on hostile lines
        text = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    clean = text.encode("utf-8", errors="replace").decode()
    return " ".join(clean.split())[:_HEADER_CHARACTERS_MAX]
