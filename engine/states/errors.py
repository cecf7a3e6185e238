"""Why a snapshot cannot be used."""

from __future__ import annotations


class SnapshotError(Exception):
    """A snapshot cannot be used, and why."""


class SnapshotDamaged(SnapshotError):
    """The file was changed, cut short or extended, is no snapshot at all, or was sealed with another key."""


class SnapshotUnwritable(SnapshotError):
    """The system could not write or read the file (disk full, failing disk). The file is of no use."""


class SnapshotMismatch(SnapshotError):
    """A whole snapshot, but of another model, layout, text or format version: the text must be read again."""
