"""The engine's state, passphrase, check and lock."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from app.library import dossiers as dossier_rows
from app.services.lanes import Lane
from app.services.operation import Operation, Progress
from app.services.views import EngineCard, VaultReport
from app.services.workspace import Workspace
from app.store import WrongPassphrase
from engine.programs import is_bundled


def engine_card(ws: Workspace) -> EngineCard:
    return ws.host.card()


def change_passphrase(ws: Workspace, old: str, new: str) -> Operation[None]:
    """Raises WrongPassphrase, WeakPassphrase."""

    def work(_: Operation[None]) -> None:
        ws.vault.change_passphrase(old, new)

    return ws.lanes.run(Lane.QUICK, "change-passphrase", work)


def prove_passphrase(ws: Workspace, secret: str) -> Operation[None]:
    """Pass only for what opens this vault, derived at the full cost. Raises WrongPassphrase."""

    def work(_: Operation[None]) -> None:
        if not ws.vault.opens_with(secret):
            raise WrongPassphrase

    return ws.lanes.run(Lane.QUICK, "prove-passphrase", work)


def add_recovery_code(ws: Workspace) -> Operation[str]:
    """Make a recovery code, which replaces an earlier one. It is told this once and kept nowhere."""

    def work(_: Operation[str]) -> str:
        return ws.vault.add_recovery_slot()

    return ws.lanes.run(Lane.QUICK, "add-recovery-code", work)


def check_vault(ws: Workspace, *, thorough: bool = False) -> Operation[VaultReport]:
    """Look the vault over without changing it; ``thorough`` reads and verifies every stored byte."""

    def work(op: Operation[VaultReport]) -> VaultReport:
        began_s = time.monotonic()

        def progress(done: int, total: int) -> bool:
            op.report(Progress(done, total, "file"))
            return True

        report = ws.vault.check("full" if thorough else "quick", progress)
        with ws.vault.read() as conn:
            rows = dossier_rows.list_dossiers(conn)
        problems = tuple(f"{found.code} {found.about}".rstrip() for found in report.problems)
        return VaultReport(
            sum(row.documents for row in rows),
            sum(row.pages for row in rows),
            report.blobs_checked,
            problems,
            report.exit_code == 2,
            time.monotonic() - began_s,
        )

    return ws.lanes.run(Lane.QUICK, "check-vault", work)


def lock(ws: Workspace) -> None:
    """Blank, stop the engine and the parser, close the vault. The process must end next: see
    ``restart_locked``.
    """
    ws.close()


def restart_locked(arguments: Sequence[str] = ()) -> NoReturn:
    """Replace this process by a fresh one, since Python cannot forget a key. Call after ``lock``."""
    command = [sys.executable, *(() if is_bundled() else ("-m", "app")), *arguments]
    if sys.platform == "win32":
        subprocess.Popen(command, close_fds=True)
        os._exit(0)
    os.execv(command[0], command)  # noqa: S606  (our own interpreter and module)
