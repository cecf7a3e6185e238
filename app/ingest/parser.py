"""The application's end: hands files to caged children, checks everything that comes back, kills on cancel."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from app.ingest import checks
from app.ingest.checks import Misbehaviour
from app.ingest.frames import ChannelClosed, FrameTooLarge, frame
from app.ingest.jobs import Death, ForkedJob, Job, SpawnedJob
from app.ingest.kinds import kind_of, refuse_by_name
from app.ingest.limits import Limits
from app.ingest.messages import (
    PART_BYTES,
    SMALL_BYTES_MAX,
    Answer,
    AttachmentMessage,
    Finished,
    Opened,
    PageMessage,
    ParseRequest,
    Part,
    Pixels,
    Refused,
    RenderRequest,
    Request,
    ViewRequest,
    decode_answer,
    encode,
    page_bytes_max,
    pixel_bytes_max,
)
from app.ingest.nursery import READY, SPAWN
from app.ingest.refusals import IngestCancelled, IngestRefused
from app.ingest.values import Attachment, ParsedDocument, ParsedPage, RenderedPage

_POLL_S: Final = 0.05
_START_S: Final = 30.0
_BATCH_WALL_FACTOR: Final = 4  # a batch may take this many silences, however steadily the child talks
_VIEW_CPU_S: Final = 120
_ROOT: Final = Path(__file__).resolve().parents[2]
_KEPT_ENVIRONMENT: Final = (
    "PATH",
    "SYSTEMROOT",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "TMPDIR",
    "TEMP",
)


class ParserHelper:
    """Reads and draws files of strangers in caged children. Thread safe: jobs run side by side.

    Spawn it before the vault is opened: the process it starts forks the children, so no key can be in their memory.
    """

    def __init__(self, command: Sequence[str], limits: Limits, *, fork: bool) -> None:
        self._command = tuple(command)
        self._limits = limits
        self._fork = fork
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    @classmethod
    def spawn(
        cls, limits: Limits | None = None, *, command: Sequence[str] | None = None, fork: bool | None = None
    ) -> ParserHelper:
        """Start the nursery and return; it warms up while the person types the passphrase.

        ``command`` replaces the program to start, ``fork=False`` asks for a fresh process per job.
        """
        program = command or (sys.executable, "-m", "app.ingest.nursery")
        forks = hasattr(os, "fork") if fork is None else fork
        helper = cls(program, limits or Limits(), fork=forks)
        if forks:
            with helper._lock:
                helper._start()
        return helper

    @property
    def limits(self) -> Limits:
        return self._limits

    @property
    def process_id(self) -> int | None:
        """Of the nursery; None where each job has a process of its own."""
        return None if self._process is None else self._process.pid

    def parse(
        self,
        data: bytes,
        name: str,
        *,
        first_page: int = 1,
        depth: int = 0,
        on_page: Callable[[ParsedPage], None],
        on_progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> ParsedDocument:
        """Read a file: ``on_page`` gets every page from ``first_page`` on, in order, on the calling thread.

        ``depth`` is how many mails the file came in; ``on_progress`` gets pages done and pages in all. Raises
        IngestRefused (a reason to show) and IngestCancelled; an error out of ``on_page`` passes through. Pages handed
        out before a failure are right and may be kept for a later call.
        """
        self._refuse_at_sight(data, name)
        reading = _Reading(first_page, on_page, on_progress or _ignore, self._limits)
        while True:
            request = ParseRequest(
                name=name,
                depth=depth,
                first_page=reading.next_page,
                last_page=reading.next_page + self._limits.batch_pages - 1,
                size_bytes=len(data),
                cpu_s=self._cpu_s(data),
                limits=self._limits,
            )
            with _Conversation(self._open_job(), self._limits, cancel) as talk:
                talk.begin(request, data)
                if not reading.take_batch(talk):
                    return reading.document()

    def open_view(self, data: bytes, name: str = "") -> PageView:
        """A document held open in a caged child of its own, for drawing one page after the other."""
        self._refuse_at_sight(data, name)
        return PageView(self, data, name)

    def render(
        self, data: bytes, media_type: str, page: int, *, width_px: int, cancel: threading.Event | None = None
    ) -> RenderedPage:
        """Draw one page, 1-based, ``width_px`` wide (less where the limits of side and area ask for it).

        ``media_type`` is what parsing said; it settles Markdown against plain text. Raises IngestRefused.
        """
        with self.open_view(data, "x.md" if media_type == "text/markdown" else "") as view:
            return view.render(page, width_px=width_px, cancel=cancel)

    def close(self) -> None:
        """End the nursery and every child. May be called again."""
        with self._lock:
            self._closed = True
            self._stop()

    def __enter__(self) -> ParserHelper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refuse_at_sight(self, data: bytes, name: str) -> None:
        if not data:
            raise IngestRefused("empty-file")
        if len(data) > self._limits.file_bytes:
            mib = 1 << 20
            raise IngestRefused(
                "file-too-large", size_mb=-(-len(data) // mib), limit_mb=self._limits.file_bytes // mib
            )
        refuse_by_name(kind_of(data, name), name)

    def _cpu_s(self, data: bytes) -> int:
        pages_of_its_own = kind_of(data, "") == "pdf"
        return self._limits.cpu_s if pages_of_its_own else self._limits.own_layout_cpu_s

    def _open_job(self) -> Job:
        if not self._fork:
            return SpawnedJob((*self._command, "--single"), _environment())
        with self._lock:
            if self._closed:
                raise IngestRefused("reader-died")
            for _ in range(2):
                if self._control is None:
                    self._start()
                try:
                    return self._order_child()
                except OSError:
                    self._stop()  # the nursery is gone; a new one is as empty as the first
        raise IngestRefused("reader-died")

    def _order_child(self) -> ForkedJob:
        control = self._control
        if control is None:
            raise OSError("no nursery")
        ours, theirs = socket.socketpair()
        lifeline, their_line = socket.socketpair()
        try:
            socket.send_fds(control, [SPAWN], [theirs.fileno(), their_line.fileno()])
        except OSError:
            ours.close()
            lifeline.close()
            raise
        finally:
            theirs.close()
            their_line.close()
        return ForkedJob(ours, lifeline)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                (*self._command, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment(),
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.settimeout(_START_S)
        self._control = ours

    def wait_ready(self) -> None:
        """Wait until the nursery has warmed up. IngestRefused when it died instead."""
        with self._lock:
            if self._control is None or not self._fork:
                return
            try:
                greeting = self._control.recv(1, socket.MSG_PEEK)
            except OSError:
                greeting = b""
        if greeting != READY:
            raise IngestRefused("reader-died")

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(2.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


class PageView:
    """A document held open for drawing. One caller at a time; others wait. A child that dies is replaced."""

    def __init__(self, helper: ParserHelper, data: bytes, name: str) -> None:
        self._helper = helper
        self._data = data
        self._name = name
        self._lock = threading.Lock()
        self._talk: _Conversation | None = None
        self._opened: Opened | None = None
        self._drawn = 0

    def render(self, page: int, *, width_px: int, cancel: threading.Event | None = None) -> RenderedPage:
        """Draw one page, 1-based. Raises IngestRefused, IngestCancelled."""
        with self._lock:
            if self._drawn and self._talk is not None:
                # the processor time of one child ends some day; a fresh one goes on
                try:
                    return self._draw(page, width_px, cancel)
                except IngestRefused as refused:
                    if not refused.can_retry:
                        raise
            return self._draw(page, width_px, cancel)

    def page_count(self, cancel: threading.Event | None = None) -> int:
        """How many pages there are. Raises IngestRefused."""
        with self._lock:
            self._ensure_open(cancel)
            return 0 if self._opened is None else self._opened.page_count

    def close(self) -> None:
        """End the child. The view can be used again afterwards."""
        with self._lock:
            self._end()

    def __enter__(self) -> PageView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw(self, page: int, width_px: int, cancel: threading.Event | None) -> RenderedPage:
        talk = self._ensure_open(cancel)
        limits = self._helper.limits
        if self._opened is None or not 1 <= page <= self._opened.page_count:
            raise IngestRefused("page-missing", page=page)
        whole = False
        try:
            talk.say(encode(RenderRequest(page, max(1, min(width_px, limits.render_side_px)))))
            answer = talk.answer(pixel_bytes_max(width_px, limits), limits.render_wall_s)
            picture = talk.expect_pixels(answer)
            whole = True
            self._drawn += 1
            return picture
        finally:
            if not whole:
                self._end()

    def _ensure_open(self, cancel: threading.Event | None) -> _Conversation:
        if self._talk is not None:
            self._talk.cancel = cancel
            return self._talk
        limits = self._helper.limits
        talk = _Conversation(self._helper._open_job(), limits, cancel)
        try:
            request = ViewRequest(
                name=self._name, size_bytes=len(self._data), cpu_s=_VIEW_CPU_S, limits=limits
            )
            talk.begin(request, self._data)
            self._opened = talk.expect_opened(talk.answer(SMALL_BYTES_MAX, limits.wall_s))
        except BaseException:
            talk.close()
            raise
        self._talk, self._drawn = talk, 0
        return talk

    def _end(self) -> None:
        if self._talk is not None:
            self._talk.close()
            self._talk = None


class _Conversation:
    """One child and what it says, turned into checked values or the reason to refuse. Ends the child when left."""

    def __init__(self, job: Job, limits: Limits, cancel: threading.Event | None) -> None:
        self._job = job
        self._limits = limits
        self._cpu_s = float("inf")
        self.cancel = cancel

    def __enter__(self) -> _Conversation:
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
        return IngestRefused(
            "too-slow" if death.signal and death.cpu_s >= self._cpu_s * 0.9 else "reader-died"
        )


class _Reading:
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

    def take_batch(self, talk: _Conversation) -> bool:
        """Take one child's messages; True when another batch is due."""
        limits = self._limits
        deadline_s = time.monotonic() + limits.wall_s * _BATCH_WALL_FACTOR
        opened = talk.expect_opened(talk.answer(SMALL_BYTES_MAX, limits.wall_s, deadline_s))
        if self._opened is not None and opened != self._opened:
            raise IngestRefused("reader-misbehaved")
        if self._opened is None:
            self._opened = opened
            self._on_progress(min(self.next_page - 1, opened.page_count), opened.page_count)
        try:
            while True:
                answer = talk.answer(page_bytes_max(limits), limits.wall_s, deadline_s)
                if isinstance(answer, PageMessage):
                    self._take_page(answer, opened)
                elif isinstance(answer, AttachmentMessage):
                    self._take_attachment(answer, talk, deadline_s)
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
        return ParsedDocument(
            media_type=opened.media_type,
            page_count=opened.page_count,
            layout=opened.layout,
            title=opened.title,
            children=tuple(self._children),
            notes=checks.check_notes(opened),
            pages_with_text=self._pages_with_text,
        )

    def _take_page(self, message: PageMessage, opened: Opened) -> None:
        if self.next_page > opened.page_count:
            raise Misbehaviour
        page = checks.check_page(message, self.next_page, self._limits)
        self.next_page += 1
        self._pages_with_text += bool(page.words)
        self._on_page(page)
        self._on_progress(page.number, opened.page_count)

    def _take_attachment(self, message: AttachmentMessage, talk: _Conversation, deadline_s: float) -> None:
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
            part = talk.answer(PART_BYTES + 1024, limits.wall_s, deadline_s)
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


def _environment() -> dict[str, str]:
    kept = {key: os.environ[key] for key in _KEPT_ENVIRONMENT if key in os.environ}
    return kept | {"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


def _ignore(done: int, total: int) -> None:
    """Nobody wants to know."""
