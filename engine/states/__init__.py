"""Reading snapshots: sealed files that hold a session's state and nothing in clear."""

from engine.states.snapshot import (
    SnapshotDamaged,
    SnapshotError,
    SnapshotIdentity,
    SnapshotMismatch,
    SnapshotUnwritable,
    read_snapshot,
    write_snapshot,
)

__all__ = [
    "SnapshotDamaged",
    "SnapshotError",
    "SnapshotIdentity",
    "SnapshotMismatch",
    "SnapshotUnwritable",
    "read_snapshot",
    "write_snapshot",
]
