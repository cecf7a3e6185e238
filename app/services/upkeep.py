"""Models, passphrase, check and lock."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from app.library import dossiers as dossier_rows
from app.services.engine_words import about, why
from app.services.lanes import Lane
from app.services.models import DEFAULT_ID, ModelRefused
from app.services.operation import Operation, OperationCancelled, Progress
from app.services.views import Changes, EngineCard, ModelCard, VaultReport
from app.services.workspace import Workspace
from engine.client import EngineCancelled, EngineDied, EngineFailed, Request
from engine.protocol import ModelInfo


def engine_card(ws: Workspace) -> EngineCard:
    return ws.host.card()


def list_models(ws: Workspace) -> tuple[ModelCard, ...]:
    """The model that ships with us first, if it is there, then the added ones."""
    return tuple(m.card for m in ws.host.catalogue.installed(ws.settings.current.model_id))


def choose_model(ws: Workspace, model_id: str) -> Operation[ModelCard]:
    """Load a model and keep it as the chosen one; if it does not come, the one before is loaded again.

    Raises ModelUnknown, ModelRefused.
    """

    def work(op: Operation[ModelCard]) -> ModelCard:
        before = ws.host.catalogue.chosen(ws.settings.current.model_id)
        model = ws.host.catalogue.find(model_id)
        try:
            _await_model(op, model.card.label_en, ws.host.load(model))
        except BaseException:
            if before is not None and before.card.id != model_id and not ws.closing:
                ws.host.load(before)
            raise
        ws.settings.change(model_id="" if model_id == DEFAULT_ID else model_id)
        ws.changed(Changes.MODELS | Changes.ENGINE | Changes.READING, None, op)
        return replace(model.card, chosen=True)

    return ws.lanes.run(Lane.QUICK, "choose-model", work)


def add_model(ws: Workspace, path: Path | str) -> Operation[ModelCard]:
    """Copy a converted model file into the models folder, hash it, and load it to prove that it works.

    It stays the loaded one, and becomes the chosen one. Raises ModelRefused, EnvironmentFailure.
    """
    source = Path(path)

    def work(op: Operation[ModelCard]) -> ModelCard:
        before = ws.host.catalogue.chosen(ws.settings.current.model_id)

        def prove(copied: Path) -> ModelInfo:
            ws.host.ensure_started()
            return _await_model(
                op,
                source.name,
                ws.host.client.load(copied, threads=ws.settings.current.engine_threads or None),
            )

        try:
            model = ws.host.catalogue.add(
                source, prove, lambda done, total: op.report(Progress(done, total, "byte", source.name))
            )
        except BaseException:
            if before is not None and not ws.closing:
                ws.host.load(before)
            raise
        # The proof loaded it from the staging folder; from now on it is loaded from where it stays.
        _await_model(op, source.name, ws.host.load(model))
        ws.settings.change(model_id=model.card.id)
        ws.changed(Changes.MODELS | Changes.ENGINE | Changes.READING, None, op)
        return replace(model.card, chosen=True)

    return ws.lanes.run(Lane.IMPORT, "add-model", work)


def _await_model(op: Operation[ModelCard], name: str, request: Request[ModelInfo]) -> ModelInfo:
    op.when_cancelled(request.cancel)
    try:
        return request.result()
    except EngineCancelled:
        raise OperationCancelled(op.verb) from None
    except EngineFailed as failure:
        raise ModelRefused(name, why(failure.code), about(failure)) from None
    except EngineDied:
        raise ModelRefused(name, "the engine could not load it") from None


def remove_model(ws: Workspace, model_id: str) -> Operation[None]:
    """Take an added model away; if it was the chosen one, the model that ships with us takes over.

    Raises ModelBuiltIn, ModelUnknown.
    """

    def work(op: Operation[None]) -> None:
        was_chosen = ws.settings.current.model_id == model_id
        ws.host.catalogue.remove(model_id)
        if was_chosen:
            ws.settings.change(model_id="")
            default = ws.host.catalogue.chosen("")
            if default is not None:
                ws.host.load(default)
        ws.changed(Changes.MODELS | Changes.ENGINE, None, op)

    return ws.lanes.run(Lane.QUICK, "remove-model", work)


def change_passphrase(ws: Workspace, old: str, new: str) -> Operation[None]:
    """Raises WrongPassphrase, WeakPassphrase."""

    def work(_: Operation[None]) -> None:
        ws.vault.change_passphrase(old, new)

    return ws.lanes.run(Lane.QUICK, "change-passphrase", work)


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
    command = [sys.executable, "-m", "app", *arguments]
    if getattr(sys, "frozen", False):
        command = [sys.executable, *arguments]
    if sys.platform == "win32":
        subprocess.Popen(command, close_fds=True)
        os._exit(0)
    os.execv(command[0], command)  # noqa: S606  (our own interpreter and module)
