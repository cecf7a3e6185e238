"""Whether the vault may still be written: after a failed write or sync it may not, until it is opened
again.

A kernel that fails an fsync may forget the pages it could not write and report success the next time, so
going on would turn one visible failure into a silent loss. Thread rule: any thread; the flag only ever
goes one way.
"""

from __future__ import annotations

from pathlib import Path

from app.core.errors import HuisClosError
from app.store.disk import failure_of
from app.store.failures import StorageFailed


class Health:
    """Shared by everything of one vault that writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writes_failed = False

    @property
    def writes_failed(self) -> bool:
        return self._writes_failed

    def require_writable(self) -> None:
        """Raise StorageFailed once a write has failed for a reason other than lack of space or rights."""
        if self._writes_failed:
            raise StorageFailed

    def write_failed(self, error: OSError) -> HuisClosError:
        """Return what to raise for an error met while writing, and remember it when it is the disk's."""
        failure = failure_of(error, self._folder)
        self.note(failure)
        return failure

    def note(self, failure: HuisClosError) -> None:
        """Remember a failure that came with a write."""
        if isinstance(failure, StorageFailed):
            self._writes_failed = True

    def read_failed(self, error: OSError) -> HuisClosError:
        """Return what to raise for an error met while reading."""
        return failure_of(error, self._folder)
