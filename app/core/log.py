"""The log: slugs, ids and numbers, never text.

A dossier's words must not reach a log, so the log cannot hold words: a value that is neither a number nor a
short slug or id is written as `?`. There is no free-form message and no exception text; a failure is told by
its class, its code and the places in our code it passed through. Two files of 1 MB, the older one replaced.
"""

from __future__ import annotations

import re
import threading
import traceback
from pathlib import Path

from app.core.clock import utc_stamp
from app.core.errors import HuisClosError

Value = str | int | float | bool

_SLUG = re.compile(r"[a-z0-9][a-z0-9._:/+-]{0,63}")
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
MAX_FILE_BYTES = 1 << 20


class Log:
    """One file of lines `stamp level room.event key=value`. Thread safe; a full disk stops nobody."""

    def __init__(self, folder: Path | None, *, name: str = "huisclos.log") -> None:
        """Write to `folder/name`, or nowhere when `folder` is None."""
        self._lock = threading.Lock()
        self._path = None if folder is None else folder / name

    def note(self, room: str, event: str, **values: Value) -> None:
        """Write that `event` happened in `room`."""
        self._write("note", room, event, {key: _safe(value) for key, value in values.items()})

    def failure(self, room: str, event: str, failure: BaseException, **values: Value) -> None:
        """Write that `failure` ended something: its class, its code and where, none of its words."""
        fields = {"kind": _class_name(failure)}
        if isinstance(failure, HuisClosError):
            fields["code"] = _safe(failure.code)
        frames = traceback.extract_tb(failure.__traceback__)[-6:]
        fields["at"] = ",".join(f"{Path(frame.filename).stem}:{frame.lineno}" for frame in frames) or "?"
        self._write("fail", room, event, fields | {key: _safe(value) for key, value in values.items()})

    def tail(self, count: int) -> list[str]:
        """The last lines of the file, oldest first; none where it cannot be read."""
        if self._path is None:
            return []
        with self._lock:
            try:
                lines = self._path.read_text("ascii", "replace").splitlines()
            except OSError:
                return []
        return lines[-count:]

    def _write(self, level: str, room: str, event: str, fields: dict[str, str]) -> None:
        if self._path is None:
            return
        pairs = "".join(f" {key}={value}" for key, value in fields.items())
        line = f"{utc_stamp()} {level} {_safe(room)}.{_safe(event)}{pairs}\n"
        with self._lock:
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._path.exists() and self._path.stat().st_size > MAX_FILE_BYTES:
                    self._path.replace(self._path.with_suffix(".old.log"))
                with self._path.open("a", encoding="ascii", errors="replace") as file:
                    file.write(line)
            except OSError:
                # Whatever is being logged matters more than the log.
                return


def _safe(value: Value) -> str:
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if _SLUG.fullmatch(value) else "?"


def _class_name(failure: BaseException) -> str:
    name = type(failure).__name__
    return name if _CLASS.fullmatch(name) else "?"
