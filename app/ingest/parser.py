"""The application's end: hands files to caged children, checks all that comes back, kills on cancel."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from app.ingest.conversation import Conversation, Reading
from app.ingest.jobs import ForkedJob, Job, SpawnedJob
from app.ingest.kinds import kind_of, refuse_by_name
from app.ingest.limits import Limits
from app.ingest.messages import (
    SMALL_BYTES_MAX,
    Opened,
    ParseRequest,
    RenderRequest,
    ViewRequest,
    encode,
    pixel_bytes_max,
)
from app.ingest.nursery import NURSERY, READY, SPAWN
from app.ingest.refusals import IngestRefused
from app.ingest.values import ParsedDocument, ParsedPage, RenderedPage
from engine import programs

_START_S: Final = 30.0
_NAMES_THAT_SETTLE: Final = {"text/markdown": "x.md", "message/rfc822": "x.eml", "text/plain": "x.txt"}
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

    Spawn it before the vault is opened: the process it starts forks the children, so no key can be in
    their memory.
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
        cls,
        limits: Limits | None = None,
        *,
        command: Sequence[str] | None = None,
        fork: bool | None = None,
        at_once: bool = True,
    ) -> ParserHelper:
        """Start the nursery and return; it warms up while the person types the passphrase.

        ``command`` replaces the program to start, ``fork=False`` asks for a fresh process per job,
        ``at_once=False`` starts nothing before a job comes: for who most likely has none.
        """
        program = command or programs.command_of(NURSERY, "app.ingest.nursery")
        forks = hasattr(os, "fork") if fork is None else fork
        helper = cls(program, limits or Limits(), fork=forks)
        if forks and at_once:
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
        IngestRefused (a reason to show) and IngestCancelled; an error out of ``on_page`` passes through.
        Pages handed
        out before a failure are right and may be kept for a later call.
        """
        self._refuse_at_sight(data, name)
        reading = Reading(first_page, on_page, on_progress or _ignore, self._limits)
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
            with Conversation(self._open_job(), self._limits, cancel) as talk:
                talk.begin(request, data)
                if not reading.take_batch(talk):
                    return reading.document()

    def open_view(self, data: bytes, media_type: str = "") -> PageView:
        """A document held open in a caged child of its own, for drawing one page after the other.

        ``media_type`` is what parsing said: content alone does not tell Markdown from plain text.
        """
        name = _NAMES_THAT_SETTLE.get(media_type, "")
        self._refuse_at_sight(data, name)
        return PageView(self, data, name)

    def render(
        self, data: bytes, media_type: str, page: int, *, width_px: int, cancel: threading.Event | None = None
    ) -> RenderedPage:
        """Draw one page, 1-based, ``width_px`` wide (less where the limits of side and area ask for it).

        Raises IngestRefused, IngestCancelled.
        """
        with self.open_view(data, media_type) as view:
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
            if self._process is not None and not _has_greeted(self._control):
                self._process.kill()  # it has no child yet, and would hear of its end only once it is warm
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(2.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _has_greeted(control: socket.socket) -> bool:
    """Whether the nursery has said that it is warm; nobody waits on this socket any more."""
    control.setblocking(False)
    try:
        return control.recv(1, socket.MSG_PEEK) == READY
    except OSError:
        return False


class PageView:
    """A document held open for drawing. One caller at a time; others wait. A child that dies is replaced."""

    def __init__(self, helper: ParserHelper, data: bytes, name: str) -> None:
        self._helper = helper
        self._data = data
        self._name = name
        self._lock = threading.Lock()
        self._talk: Conversation | None = None
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

    def _ensure_open(self, cancel: threading.Event | None) -> Conversation:
        if self._talk is not None:
            self._talk.cancel = cancel
            return self._talk
        limits = self._helper.limits
        talk = Conversation(self._helper._open_job(), limits, cancel)
        try:
            request = ViewRequest(
                name=self._name, size_bytes=len(self._data), cpu_s=limits.view_cpu_s, limits=limits
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


def _environment() -> dict[str, str]:
    kept = {key: os.environ[key] for key in _KEPT_ENVIRONMENT if key in os.environ}
    # a user's folder that is named is not looked up in the system's list of users
    own = {"PYTHONPATH": str(_ROOT), "PYTHONUSERBASE": os.devnull}
    return kept | own | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


def _ignore(done: int, total: int) -> None:
    """Nobody wants to know."""
