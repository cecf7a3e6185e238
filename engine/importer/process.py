"""One request, answered on standard output; the end of standard input stops it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Final

from engine.importer.examination import examine
from engine.importer.intake import rehash, take_in
from engine.models.errors import ConversionCancelledError, ModelError
from engine.protocol import MessageInvalid
from engine.protocol.importing import (
    ImportReport,
    ImportRequest,
    LookAt,
    Moved,
    Refused,
    Stopped,
    TakeIn,
    decode_import_request,
    encode_line,
)

EXIT_DONE: Final = 0
EXIT_GARBLED: Final = 3
EXIT_UNHEARD: Final = 4
_PROGRESS_INTERVAL_S: Final = 0.1


class Ear:
    """Hears the end of standard input, which is the wish to stop."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        threading.Thread(target=self._listen, name="ear", daemon=True).start()

    def ended(self) -> bool:
        return self._ended.is_set()

    def _listen(self) -> None:
        # The descriptor itself: a buffered reader's lock would be held when the process ends.
        while os.read(0, 4096):
            pass
        self._ended.set()


class Voice:
    """Says lines; progress at most ten times a second."""

    def __init__(self) -> None:
        self._last_s = 0.0

    def say(self, report: ImportReport) -> None:
        sys.stdout.buffer.write(encode_line(report))
        sys.stdout.buffer.flush()

    def progress(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if done >= total or now_s - self._last_s >= _PROGRESS_INTERVAL_S:
            self._last_s = now_s
            self.say(Moved(done, total))


def main(line: bytes) -> int:
    """Answers one request. A reader that has gone away ends it quietly; nothing half-made stays."""
    # An interrupt from the terminal is the application's to handle; it then ends our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    voice = Voice()
    try:
        request = decode_import_request(line)
    except MessageInvalid:
        return EXIT_GARBLED
    try:
        voice.say(_answer(request, voice, Ear()))
    except (BrokenPipeError, ConnectionError):
        return EXIT_UNHEARD
    return EXIT_DONE


def _answer(request: ImportRequest, voice: Voice, ear: Ear) -> ImportReport:
    try:
        match request:
            case LookAt():
                return examine(request)
            case TakeIn():
                return take_in(request, voice.progress, ear.ended)
            case _:
                return rehash(request, voice.progress, ear.ended)
    except ConversionCancelledError:
        return Stopped()
    except ModelError as error:
        return Refused(error.code, error.message)
    except MemoryError:
        return Refused("out-of-memory", "Taking the model in needs more memory than it may have.")
    except (BrokenPipeError, ConnectionError):
        raise
    except OSError as error:
        return Refused(
            "model-file-unreadable", f"{error.filename or 'A file'} failed: {error.strerror or error}."
        )
