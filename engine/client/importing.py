"""Having a model taken in by a process of its own: what the application holds of it. No Qt."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from engine import programs
from engine.client.errors import ENDED, GARBLED, NOT_STARTED, EngineCancelled, EngineDied, EngineFailed
from engine.client.launch import scrubbed_process
from engine.protocol import MessageInvalid
from engine.protocol.importing import (
    MAX_LINE_BYTES,
    FormatSize,
    ImportReport,
    ImportRequest,
    Look,
    LookAt,
    Moved,
    Reading,
    Refused,
    Rehash,
    Shard,
    Stopped,
    TakeIn,
    TakenIn,
    Verdict,
    decode_import_report,
    encode_line,
)

__all__ = ["FormatSize", "Look", "ModelImporter", "Reading", "Shard", "TakenIn", "Verdict"]

MEMORY_LIMIT_BYTES: Final = 3 << 30
"""Address space of the process, whatever the size of the model."""
_LEAVE_S: Final = 10.0
"""How long a process that was asked to stop may take to clear up before it is ended."""

_R = TypeVar("_R", Look, TakenIn, Verdict)
Progress = Callable[[int, int], None]


class ModelImporter:
    """One import at a time; each call starts a process and waits for it. `cancel` is for any thread.

    Calls raise EngineFailed (it cannot be done, and why), EngineCancelled, EngineDied.
    """

    def __init__(self, *, memory_bytes: int = MEMORY_LIMIT_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def look_at(self, path: Path) -> Look:
        """What a folder or file holds."""
        return self._ask(LookAt(str(path.absolute()), self._memory_bytes), Look, _ignore)

    def take_in(
        self,
        path: Path,
        folder: Path,
        file: str,
        *,
        format_name: str,
        reading: Reading = "f32",
        name: str = "",
        threads: int | None = None,
        quiet: bool = False,
        progress: Progress = lambda done, total: None,
    ) -> TakenIn:
        """Make `folder`/`file` of a checkpoint or a model file. Nothing is left there on a failure, but by a
        process that was killed. `quiet` leaves half of the cores to others where `threads` says nothing."""
        request = TakeIn(
            str(path.absolute()),
            str(folder.absolute()),
            file,
            format_name,
            reading,
            name,
            self._memory_bytes,
            threads or 0,
            quiet,
        )
        return self._ask(request, TakenIn, progress)

    def rehash(self, path: Path, progress: Progress = lambda done, total: None) -> Verdict:
        """Hash a model file once more."""
        return self._ask(Rehash(str(path.absolute()), self._memory_bytes), Verdict, progress)

    def cancel(self) -> None:
        """Ask what runs to stop, and whatever is asked of this object later. Returns at once: what does not
        stop is ended a while later."""
        with self._lock:
            before, self._cancelled = self._cancelled, True
            process = self._process
        if process is not None and not before:
            _close_input(process)
            threading.Thread(target=_end_late, args=(process,), name="importer-end", daemon=True).start()

    def _ask(self, request: ImportRequest, kind: type[_R], progress: Progress) -> _R:
        try:
            line = encode_line(request)
        except MessageInvalid as error:
            raise EngineFailed("model-source-unknown", f"The path cannot be used: {error}.") from None
        process = self._start()
        try:
            self._tell(process, line)
            report = self._hear(process, progress)
        finally:
            self._end(process)
        match report:
            case Refused(code, message):
                raise EngineFailed(code, message)
            case Stopped():
                raise EngineCancelled
            case _ if isinstance(report, kind):
                return report
        raise EngineDied(GARBLED)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._cancelled:
                raise EngineCancelled
            try:
                self._process = scrubbed_process(importer_command())
            except OSError:
                raise EngineDied(NOT_STARTED) from None
            return self._process

    def _tell(self, process: subprocess.Popen[bytes], line: bytes) -> None:
        assert process.stdin is not None
        with suppress(OSError, ValueError):  # it died, or was cancelled: its silence says so
            process.stdin.write(line)
            process.stdin.flush()
        with self._lock:
            cancelled = self._cancelled
        if cancelled:
            _close_input(process)

    def _hear(self, process: subprocess.Popen[bytes], progress: Progress) -> ImportReport:
        assert process.stdout is not None
        while line := process.stdout.readline(MAX_LINE_BYTES + 1):
            try:
                report = decode_import_report(line)
            except MessageInvalid:
                raise EngineDied(GARBLED) from None
            if not isinstance(report, Moved):
                return report
            progress(report.done, report.total)
        if self._cancelled:
            raise EngineCancelled
        raise EngineDied(ENDED)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Have it gone, its last words read: it clears up behind itself once its input has ended."""
        _close_input(process)
        _end_late(process)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        with self._lock:
            self._process = None


def importer_command() -> list[str]:
    """The program that takes models in."""
    return programs.command_of(programs.IMPORTER, "engine.importer")


def _close_input(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError, ValueError):
        if process.stdin is not None:
            process.stdin.close()


def _end_late(process: subprocess.Popen[bytes]) -> None:
    """It may hang in a file that never answers: a share that went away, say."""
    try:
        process.wait(_LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _ignore(done: int, total: int) -> None:
    pass
