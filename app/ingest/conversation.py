"""Talking with one caged child: messages in, checked values or the reason to refuse out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

import msgspec

from app.ingest import checks
from app.ingest.checks import Misbehaviour
from app.ingest.frames import ChannelClosed, FrameTooLarge, frame
from app.ingest.jobs import Death, Job
from app.ingest.limits import Limits
from app.ingest.messages import (
    PART_BYTES,
    SMALL_BYTES_MAX,
    Answer,
    AttachmentMessage,
    Finished,
    Opened,
    PageMessage,
    Part,
    Pixels,
    Refused,
    Request,
    decode_answer,
    encode,
    page_bytes_max,
)
from app.ingest.refusals import IngestCancelled, IngestRefused
from app.ingest.values import Attachment, Note, ParsedDocument, ParsedPage, RenderedPage

_POLL_S: Final = 0.05
_ENDED_BY_LIMIT: Final = frozenset((9, 24))  # SIGKILL and SIGXCPU
_BATCH_WALL_FACTOR: Final = 4  # a batch may take this many silences, however steadily the child talks


class Conversation:
    """One child and what it says, turned into checked values or the reason to refuse.

    Ends the child when left.
    """

    def __init__(self, job: Job, limits: Limits, cancel: threading.Event | None) -> None:
        self._job = job
        self._limits = limits
        self._cpu_s = float("inf")
        self.cancel = cancel

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._job.close()

    def begin(self, request: Request, data: bytes) -> None:
        self._cpu_s = request.cpu_s
        self.say(encode(request))
        self._send(data)

    def say(self, payload: bytes) -> None:
        self._send(frame(payload))

    def answer(self, cap_bytes: int, silence_s: float, deadline_s: float = float("inf")) -> Answer:
        """The next message. IngestRefused for silence, death and nonsense; IngestCancelled."""
        quiet_until_s = min(time.monotonic() + silence_s, deadline_s)
        while True:
            if self.cancel is not None and self.cancel.is_set():
                raise IngestCancelled
            try:
                payload = self._job.next_frame(cap_bytes, _POLL_S)
            except FrameTooLarge:
                raise IngestRefused("reader-misbehaved") from None
            except ChannelClosed:
                raise self._obituary() from None
            if payload is not None:
                return self._decode(payload)
            if time.monotonic() > quiet_until_s:
                raise IngestRefused("too-slow")

    def expect_opened(self, answer: Answer) -> Opened:
        if not isinstance(answer, Opened):
            raise IngestRefused("reader-misbehaved")
        try:
            return checks.check_opened(answer, self._limits)
        except Misbehaviour:
            raise IngestRefused("reader-misbehaved") from None

    def expect_pixels(self, answer: Answer) -> RenderedPage:
        if not isinstance(answer, Pixels):
            raise IngestRefused("reader-misbehaved")
        try:
            return checks.check_pixels(answer, self._limits)
        except Misbehaviour:
            raise IngestRefused("reader-misbehaved") from None

    def _decode(self, payload: bytes) -> Answer:
        try:
            answer = decode_answer(payload)
            if isinstance(answer, Refused):
                raise checks.check_refused(answer)
        except (msgspec.MsgspecError, Misbehaviour, RecursionError):
            raise IngestRefused("reader-misbehaved") from None
        return answer

    def _send(self, data: bytes) -> None:
        try:
            self._job.send(data, self._limits.wall_s)
        except ChannelClosed:
            # a refusal may already lie in the channel, for instance about a missing cage
            self.answer(SMALL_BYTES_MAX, 0.0)
            raise IngestRefused("reader-died") from None

    def _obituary(self) -> IngestRefused:
        death: Death = self._job.death()
        # the kernel's own count runs a little ahead of the one it reports
        out_of_time = death.signal in _ENDED_BY_LIMIT and death.cpu_s >= self._cpu_s * 0.5
        return IngestRefused("too-slow" if out_of_time else "reader-died")


class Reading:
    """What one document has said so far, over as many children as its batches took."""

    def __init__(
        self,
        first_page: int,
        on_page: Callable[[ParsedPage], None],
        on_progress: Callable[[int, int], None],
        limits: Limits,
    ) -> None:
        self.next_page = max(1, first_page)
        self._on_page = on_page
        self._on_progress = on_progress
        self._limits = limits
        self._opened: Opened | None = None
        self._children: list[Attachment] = []
        self._children_bytes = 0
        self._pages_with_text = 0
        self._pages_damaged = 0
        self._deadline_s = 0.0
        self._notes: dict[Note, None] = {}

    def take_batch(self, talk: Conversation) -> bool:
        """Take one child's messages; True when another batch is due."""
        limits = self._limits
        self._deadline_s = time.monotonic() + limits.wall_s * _BATCH_WALL_FACTOR
        opened = talk.expect_opened(talk.answer(SMALL_BYTES_MAX, limits.wall_s, self._deadline_s))
        for note in checks.check_notes(opened):
            self._notes.setdefault(note)
        if self._opened is None:
            self._opened = opened
            self._on_progress(min(self.next_page - 1, opened.page_count), opened.page_count)
        elif _shape(opened) != _shape(self._opened):
            raise IngestRefused("reader-misbehaved")
        try:
            while True:
                answer = talk.answer(page_bytes_max(limits), limits.wall_s, self._deadline_s)
                if isinstance(answer, PageMessage):
                    self._take_page(answer, opened)
                elif isinstance(answer, AttachmentMessage):
                    self._take_attachment(answer, talk)
                elif isinstance(answer, Finished):
                    return self._more_due(answer, opened)
                else:
                    raise Misbehaviour
        except Misbehaviour:
            raise IngestRefused("reader-misbehaved") from None

    def document(self) -> ParsedDocument:
        opened = self._opened
        if opened is None:
            raise IngestRefused("reader-misbehaved")
        if self._pages_damaged == opened.page_count:
            raise IngestRefused("damaged")
        return ParsedDocument(
            media_type=opened.media_type,
            page_count=opened.page_count,
            layout=opened.layout,
            title=opened.title,
            children=tuple(self._children),
            notes=tuple(self._notes),
            pages_with_text=self._pages_with_text,
        )

    def _take_page(self, message: PageMessage, opened: Opened) -> None:
        if self.next_page > opened.page_count:
            raise Misbehaviour
        page = checks.check_page(message, self.next_page, self._limits)
        self.next_page += 1
        self._pages_with_text += bool(page.words)
        self._pages_damaged += page.note == "page-damaged"
        started_s = time.monotonic()
        self._on_page(page)
        self._on_progress(page.number, opened.page_count)
        self._deadline_s += time.monotonic() - started_s  # what the caller does is not the child's time

    def _take_attachment(self, message: AttachmentMessage, talk: Conversation) -> None:
        limits = self._limits
        self._children_bytes += max(0, message.size_bytes)
        if (
            not 0 <= message.size_bytes <= limits.attachment_bytes
            or len(self._children) >= limits.attachments
            or self._children_bytes > limits.attachments_total_bytes
        ):
            raise Misbehaviour
        data = bytearray()
        while len(data) < message.size_bytes:
            part = talk.answer(PART_BYTES + 1024, limits.wall_s, self._deadline_s)
            if not isinstance(part, Part) or not 0 < len(part.data) <= message.size_bytes - len(data):
                raise Misbehaviour
            data += part.data
        self._children.append(Attachment(checks.check_attachment_name(message.name), bytes(data)))

    def _more_due(self, message: Finished, opened: Opened) -> bool:
        if self.next_page > opened.page_count:
            return False
        if opened.layout == "ours" or message.next_page != self.next_page:
            raise Misbehaviour  # pages are missing
        return True


def _shape(opened: Opened) -> tuple[str, str, int]:
    return opened.media_type, opened.layout, opened.page_count
