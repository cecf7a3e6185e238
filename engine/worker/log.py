"""The worker's log is its standard error: numbers and slugs, never a person's text."""

from __future__ import annotations

import contextlib
import sys


def write_log(line: str) -> None:
    """One line to the log, which is standard error; a log that nobody reads any more is no reason to
    fail."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
