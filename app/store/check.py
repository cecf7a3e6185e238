"""Looking a vault over: is every page, index and blob as it was written? Nothing is repaired here.

Quick: the database's own checks and, for every blob referred to, presence and a plausible size. Full:
every blob decrypted to its last byte as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from app.store.blobs import CHUNK_BYTES, HEADER_BYTES, PAD_BYTES, BlobStore
from app.store.database import Database
from app.store.failures import BlobMissing, DatabaseMisuse, VaultDamaged
from app.store.keys import TAG_BYTES
from app.store.orphans import referenced_ids
from app.store.sealed import SealedFiles

Level = Literal["quick", "full"]
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_TEXT = re.compile(r"\bUSING\s+fts5\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: what it is, and the id of what it is about where there is one."""

    code: Literal[
        "database-damaged",
        "index-damaged",
        "foreign-key",
        "blob-missing",
        "blob-damaged",
        "sealed-missing",
        "orphan",
    ]
    about: str = ""

    @property
    def is_damage(self) -> bool:
        """An orphan wastes room and a lost reading can be made again; everything else is damage."""
        return self.code not in ("orphan", "sealed-missing")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found. `exit_code`: 0 nothing, 1 warnings, 2 damage."""

    level: Level
    blobs_checked: int
    problems: tuple[Problem, ...]

    @property
    def exit_code(self) -> int:
        if any(problem.is_damage for problem in self.problems):
            return 2
        return 1 if self.problems else 0


def check(
    database: Database,
    blobs: BlobStore,
    sealed: SealedFiles,
    references: Sequence[str],
    level: Level,
    progress: Callable[[int, int], bool] | None = None,
) -> CheckReport:
    """Look the vault over. `progress(done, of)` is told per blob and stops the check by returning False.

    Findings are returned, not raised; a disk that fails is raised as StorageFailed.
    """
    problems = _database_problems(database, level)
    in_place = set(blobs.ids())
    # Without queries nothing is known to be referred to: then what lies there is what is checked.
    kept = _kept(database, references, problems) if references else frozenset(in_place)
    kept_sealed = {each for each in sealed.ids() if sealed.is_whole(each)}
    blob_ids = sorted(each for each in kept if each in in_place or each not in kept_sealed)
    checked = 0
    for blob_id in blob_ids:
        if progress is not None and not progress(checked, len(blob_ids)):
            break
        problem = _blob_problem(blobs, blob_id, level)
        if problem is not None:
            problems.append(problem)
        checked += 1
    problems += [Problem("orphan", each) for each in sorted(in_place - kept)]
    problems += [Problem("sealed-missing", each) for each in sealed.ids() if not sealed.is_whole(each)]
    return CheckReport(level, checked, tuple(problems))


def _kept(database: Database, references: Sequence[str], problems: list[Problem]) -> frozenset[str]:
    try:
        return referenced_ids(database, references)
    except VaultDamaged:
        if not problems:
            problems.append(Problem("database-damaged"))
        return frozenset()


def _database_problems(database: Database, level: Level) -> list[Problem]:
    try:
        with database.read() as connection:
            found = [
                Problem("database-damaged")
                for _ in connection.exec_driver_sql("PRAGMA cipher_integrity_check")
            ]
            rows = connection.exec_driver_sql(
                "PRAGMA integrity_check" if level == "full" else "PRAGMA quick_check"
            )
            # An index at odds with its text is told by name below.
            told = [str(row[0]) for row in rows]
            found += [
                Problem("database-damaged") for each in told if each != "ok" and "fts5" not in each.lower()
            ]
            for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
                table = str(row[0])
                found.append(Problem("foreign-key", table if _TABLE.fullmatch(table) else ""))
            virtual = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
            )
            tables = [str(name) for name, sql in virtual if _FULL_TEXT.search(str(sql))]
    except VaultDamaged:
        return [Problem("database-damaged")]
    return found[:100] + [
        Problem("index-damaged", table) for table in tables if not _index_is_whole(database, table)
    ]


def _index_is_whole(database: Database, table: str) -> bool:
    if _TABLE.fullmatch(table) is None:
        return False
    try:
        with database.write() as connection:
            _check_index(connection, table)
    except (VaultDamaged, DatabaseMisuse):
        return False
    return True


def _check_index(connection: Connection, table: str) -> None:
    connection.exec_driver_sql(f'INSERT INTO "{table}"("{table}") VALUES(\'integrity-check\')')


def _blob_problem(blobs: BlobStore, blob_id: str, level: Level) -> Problem | None:
    try:
        if level == "full":
            blobs.get(blob_id)
        elif not blobs.exists(blob_id):
            return Problem("blob-missing", blob_id)
        else:
            path = blobs.path(blob_id)
            if path.exists() and not _size_is_plausible(path.stat().st_size):
                return Problem("blob-damaged", blob_id)
    except BlobMissing:
        return Problem("blob-missing", blob_id)
    except VaultDamaged:
        return Problem("blob-damaged", blob_id)
    return None


def _size_is_plausible(size_bytes: int) -> bool:
    body = size_bytes - HEADER_BYTES
    chunks = -(-body // (CHUNK_BYTES + TAG_BYTES))
    plain = body - chunks * TAG_BYTES
    return plain >= PAD_BYTES and plain % PAD_BYTES == 0
