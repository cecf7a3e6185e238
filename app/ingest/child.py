"""What a caged child does: read one request, give up everything, then look at the file.

``warm_up`` runs before any fork and touches whatever parsing may want later: in the cage no file can be
opened, not
even one of Python's own.
"""

from __future__ import annotations

import codecs
import contextlib
import encodings
import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Final

from app.ingest.frames import ChannelClosed, FrameTooLarge, PipeEnd
from app.ingest.messages import (
    PART_BYTES,
    REQUEST_BYTES_MAX,
    Answer,
    AttachmentMessage,
    Finished,
    Opened,
    ParseRequest,
    Part,
    Refused,
    ViewRequest,
    decode_render_request,
    decode_request,
    encode,
)
from app.ingest.mupdf import pymupdf
from app.ingest.refusals import IngestRefused
from app.ingest.sources import Source, open_source
from app.ingest.specimens import write_specimens
from engine.cage import Guarantee, cage_parser

_COPIES_OF_FILE: Final = 3  # the bytes received, the library's own copy, and one in passing
_NEEDED_PROMISES: Final = frozenset(
    ("sockets", "processes", "signals", "file_reads", "file_writes", "memory_limit", "cpu_limit")
)


def warm_up() -> None:
    """Import every codec and read one small file of each kind, drawing its first page."""
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in {"mbcs", "oem"} or sys.platform == "win32":
            importlib.import_module(f"encodings.{module.name}")
            try:
                codecs.lookup(module.name)
            except LookupError:
                continue  # a table of names, not a codec
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    for name, data in write_specimens():
        source = open_source(data, name)
        for number in range(1, source.page_count + 1):
            source.page(number)
            source.draw(number, 100)
        list(source.attachments())
    with contextlib.suppress(IngestRefused):
        open_source(b"%PDF-1.7 nothing", "broken.pdf")


def serve_job(read_fd: int, write_fd: int) -> int:
    """Serve the one request that comes; returns the exit code of this process."""
    pipe = PipeEnd(read_fd, write_fd)
    try:
        request = decode_request(pipe.receive(REQUEST_BYTES_MAX))
        allowance = request.limits.memory_bytes + _COPIES_OF_FILE * request.size_bytes
        guarantee = cage_parser(address_space_bytes() + allowance, request.cpu_s)
        try:
            refuse_without(guarantee)
            _answer(pipe, request, bytes(pipe.receive_exactly(request.size_bytes)))
        except IngestRefused as refused:
            _say(pipe, Refused(refused.code, dict(refused.params)))
    except (ChannelClosed, FrameTooLarge, BrokenPipeError):
        return 1
    return 0


def refuse_without(guarantee: Guarantee) -> None:
    """IngestRefused where the system ought to hold this cage and does not; elsewhere the guarantee is shown
    as it is."""
    broken = sorted(_NEEDED_PROMISES & guarantee.broken)
    if sys.platform == "linux" and broken:
        raise IngestRefused("cage-missing", reason=", ".join(broken))


def address_space_bytes() -> int:
    """What this process has mapped before it reads anything; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * 4096


def _answer(pipe: PipeEnd, request: ParseRequest | ViewRequest, data: bytes) -> None:
    # whatever a hostile file makes a library raise ends as a reason, never as a traceback
    try:
        if isinstance(request, ParseRequest):
            _parse(pipe, request, data)
        else:
            _view(pipe, request, data)
    except (IngestRefused, ChannelClosed, FrameTooLarge, BrokenPipeError):
        raise
    except MemoryError:
        raise IngestRefused("too-much-memory") from None
    except Exception as error:
        raise IngestRefused("too-much-memory" if "alloc" in str(error) else "damaged") from None


def _parse(pipe: PipeEnd, request: ParseRequest, data: bytes) -> None:
    source = open_source(data, request.name, depth=request.depth, limits=request.limits)
    _say_opened(pipe, source)
    last = min(request.last_page if source.layout == "original" else source.page_count, source.page_count)
    for number in range(request.first_page, last + 1):
        _say(pipe, source.page(number))
    if last >= source.page_count:
        for name, content in source.attachments():
            _say(pipe, AttachmentMessage(name, len(content)))
            for at in range(0, len(content), PART_BYTES):
                _say(pipe, Part(content[at : at + PART_BYTES]))
    _say(pipe, Finished(0 if last >= source.page_count else last + 1))


def _view(pipe: PipeEnd, request: ViewRequest, data: bytes) -> None:
    source = open_source(data, request.name, limits=request.limits, for_view=True)
    _say_opened(pipe, source)
    while True:
        try:
            order = decode_render_request(pipe.receive(REQUEST_BYTES_MAX))
        except ChannelClosed:
            return
        _say(pipe, source.draw(order.page, order.width_px))


def _say_opened(pipe: PipeEnd, source: Source) -> None:
    _say(pipe, Opened(source.media_type, source.layout, source.page_count, source.title, list(source.notes)))


def _say(pipe: PipeEnd, message: Answer) -> None:
    pipe.send(encode(message))
