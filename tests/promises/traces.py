"""What strace saw of a program and of everything it started: one file per thread, no line cut in two."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\w+)(?P<rest>.*)$")
_PATH = re.compile(r'^(?:AT_FDCWD(?:<[^>]*>)?|\d+<(?P<folder>[^>]*)>), "(?P<path>(?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Call:
    thread: int
    name: str
    arguments: str
    result: str
    rest: str

    @property
    def succeeded(self) -> bool:
        return not self.result.startswith("-")

    @property
    def path(self) -> str:
        """The path an open call named, whole."""
        found = _PATH.match(self.arguments)
        if found is None:
            return self.arguments
        path = found["path"].encode("latin-1", "replace").decode("unicode_escape")
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
        return path if path.startswith("/") else f"{found['folder'] or ''}/{path}"

    @property
    def writes(self) -> bool:
        return any(
            flag in self.arguments for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
        )


# Opens a file after it has made its memory its own, as our programs do.
_SHY = """
import ctypes
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
open("/dev/null")
"""


@functools.cache
def can_trace() -> bool:
    """Whether this machine has strace and lets it look into programs that keep their memory to themselves."""
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-qq", "-e", "trace=openat", sys.executable, "-I", "-S", "-c", _SHY]
    return '"/dev/null"' in subprocess.run(command, capture_output=True, text=True).stderr


def tracing(folder: Path, what: str) -> list[str]:
    """The words to put before a command."""
    folder.mkdir(parents=True, exist_ok=True)
    return ["strace", "-ff", "-qq", "-y", "-s", "4096", "-e", f"trace={what}", "-o", str(folder / "t")]


def calls_of(folder: Path) -> list[Call]:
    found = []
    for file in sorted(folder.glob("t.*")):
        thread = int(file.suffix[1:])
        for line in file.read_text("utf-8", "replace").splitlines():
            match = _CALL.match(line)
            if match:
                found.append(Call(thread, match["name"], match["arguments"], match["result"], match["rest"]))
    return found
