"""Bringing a database up to date: one step, one transaction, after a copy of what was there.

The list of steps is handed in by whoever owns the tables. `PRAGMA user_version` holds the version of the
last step done (-1: none) and changes in the step's own transaction, so a kill at any instant leaves a
database either before or after a step, and the next opening goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from app.core.clock import utc_now
from app.core.errors import EnvironmentFailure, HuisClosError
from app.store import disk
from app.store.database import FRESH_VERSION, Database
from app.store.failures import MigrationFailed, VaultNewer
from app.store.health import Health

KEPT_BACKUPS = 3


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: SQL statements, one per string, or a callable that works in the open transaction."""

    version: int
    name: str
    statements: tuple[str, ...] | Callable[[Connection], None]


def require_ordered(migrations: Sequence[Migration]) -> None:
    """Raise ValueError unless versions start at 0 or 1 and grow by one."""
    versions = [step.version for step in migrations]
    if versions and (versions[0] not in (0, 1) or versions != list(range(versions[0], versions[-1] + 1))):
        raise ValueError("migrations are numbered from 0 or 1 without a gap")


def migrate(database: Database, migrations: Sequence[Migration], backups: Path, health: Health) -> None:
    """Run the steps that the database lacks, each in its own transaction.

    A database that holds something is first copied into `backups` (encrypted under the same key).

    Raises VaultNewer when the database is beyond the last step known; MigrationFailed when a step of
    ours is wrong; the environment's failures as they are. Whatever is raised, the database stands at a
    whole step.
    """
    version = database.version()
    newest = migrations[-1].version if migrations else FRESH_VERSION
    if version > newest:
        raise VaultNewer
    pending = [step for step in migrations if step.version > version]
    if not pending:
        return
    if version != FRESH_VERSION:
        back_up(database, backups, f"before-v{pending[-1].version}", health)
    for step in pending:
        _run(database, step)


def back_up(database: Database, backups: Path, label: str, health: Health) -> Path:
    """Write a whole copy of the database to `backups`, durably; keep the last three; return its path."""
    stamp = utc_now().strftime("%Y%m%dT%H%M%S%fZ")
    target = backups / f"{stamp}-{label}.db"
    temporary = backups / f"{target.name}.part"
    try:
        disk.make_folder(backups)
        os.close(disk.create_file(temporary))
        with database.driver() as driver:
            driver.execute("VACUUM INTO ?", (str(temporary),)).fetchall()
        descriptor = os.open(temporary, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        try:
            disk.sync_file(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(target)
        disk.sync_folder(backups)
    except OSError as error:
        raise health.write_failed(error) from None
    finally:
        disk.remove_quietly(temporary)
    for old in sorted(backups.glob("*.db"))[:-KEPT_BACKUPS]:
        disk.remove_quietly(old)
    return target


def _run(database: Database, step: Migration) -> None:
    try:
        with database.write() as connection:
            if callable(step.statements):
                step.statements(connection)
            else:
                for statement in step.statements:
                    connection.exec_driver_sql(statement)
            connection.exec_driver_sql(f"PRAGMA user_version={step.version}")
    except EnvironmentFailure:
        raise
    except HuisClosError as failure:
        raise MigrationFailed(step.version, failure.code) from failure
    except Exception as failure:
        raise MigrationFailed(step.version, type(failure).__name__) from failure
