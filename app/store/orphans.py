"""What a kill leaves behind, put right at opening: the only moment when nobody writes.

Half-written files go at once. A blob nobody refers to goes to quarantine for seven days, in case the
reference was only missed, and comes back by itself when it is read; a sealed file nobody refers to can
be made again and goes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.store import disk
from app.store.blobs import BlobStore, shred
from app.store.database import Database
from app.store.health import Health
from app.store.sealed import SealedFiles

QUARANTINE_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Collected:
    """How much was found: half-written files removed, blobs set aside, sealed files and old blobs erased."""

    half_written: int = 0
    set_aside: int = 0
    sealed_erased: int = 0
    purged: int = 0


def referenced_ids(database: Database, references: Sequence[str]) -> frozenset[str]:
    """Return every id that the queries in `references` name (one column each, NULLs skipped)."""
    with database.read() as connection:
        found = (row[0] for query in references for row in connection.exec_driver_sql(query))
        return frozenset(str(each) for each in found if each is not None)


def collect(
    folder: Path,
    database: Database,
    blobs: BlobStore,
    sealed: SealedFiles,
    references: Sequence[str],
    health: Health,
) -> Collected:
    """Put the vault's folders right. Without `references` only half-written files are removed.

    Raises StorageFailed, StorageRefused or DatabaseMisuse (a query that does not fit the tables).
    """
    try:
        half_written = _empty(folder / "tmp")
        if not references:
            return Collected(half_written)
        kept = referenced_ids(database, references)
        orphans = [blob_id for blob_id in blobs.ids() if blob_id not in kept]
        for blob_id in orphans:
            blobs.set_aside(blob_id)
        lost = [each for each in sealed.ids() if each not in kept or not sealed.is_whole(each)]
        for file_id in lost:
            sealed.delete(file_id)
        return Collected(half_written, len(orphans), len(lost), _purge(folder / "quarantine"))
    except OSError as error:
        raise health.write_failed(error) from None


def _empty(folder: Path) -> int:
    count = 0
    for path in list(folder.iterdir()):
        if path.is_file() or path.is_symlink():
            path.unlink()
            count += 1
    return count


def _purge(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    oldest = time.time() - QUARANTINE_S
    old = [path for path in folder.glob("*.blob") if path.stat().st_mtime < oldest]
    for path in old:
        shred(path)
    if old:
        disk.sync_folder(folder)
    return len(old)
