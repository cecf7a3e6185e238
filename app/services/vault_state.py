"""What a person should know about the vault that is open, and the recovery code they may or may not have."""

from __future__ import annotations

from dataclasses import dataclass

from app.services.lanes import Lane
from app.services.operation import Operation
from app.services.workspace import Workspace


@dataclass(frozen=True, slots=True)
class VaultCard:
    """``read_only``: the disk refused a write, so nothing is written until the vault is opened again.
    ``by_recovery_code``: the recovery code opened it, so the passphrase may be lost.
    """

    read_only: bool
    by_recovery_code: bool
    has_recovery_code: bool


def vault_card(ws: Workspace) -> VaultCard:
    vault = ws.vault
    return VaultCard(vault.is_read_only, vault.opened_by == "recovery", vault.has_recovery_code)


def drop_recovery_code(ws: Workspace) -> Operation[None]:
    """Let no recovery code open the vault: the person did not keep the one that was made."""

    def work(_: Operation[None]) -> None:
        ws.vault.remove_recovery_slot()

    return ws.lanes.run(Lane.QUICK, "drop-recovery-code", work)
