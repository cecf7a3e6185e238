"""An open vault with everything that works on it; every verb takes one as its first argument."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from app.core.events import EventBus
from app.services.companions import Companions
from app.services.events import Changed, EngineChanged, VaultClosing
from app.services.lanes import Lanes
from app.services.live_readings import LiveReadings
from app.services.open_views import OpenViews
from app.services.operation import Operation
from app.services.schema import MIGRATIONS, REFERENCES
from app.services.views import Changes, EngineCard, EngineState
from app.store import KdfParameters, Vault
from app.store.kdf import DEFAULT as DEFAULT_KDF


class Workspace:
    """Made by ``create`` or ``open``, ended by ``close``. Thread safe.

    It takes over the companions: closing it closes them. ``auto_read`` starts reading a dossier after an
    import.
    """

    def __init__(self, vault: Vault, companions: Companions, *, auto_read: bool) -> None:
        self.vault = vault
        self.companions = companions
        self.helper = companions.helper
        self.host = companions.host
        self.settings = companions.settings
        self.events = EventBus(_report)
        self.log = companions.log
        self.lanes = Lanes(self.log)
        self.live_readings = LiveReadings()
        self.views = OpenViews()
        self.auto_read = auto_read
        self._lock = threading.Lock()
        self._closed = False
        self._engine_state: EngineState | None = None
        # Operations that work on a dossier, so that deleting it can stop them first.
        self._busy: dict[str, set[Operation[Any]]] = {}
        self.host.listen(self._hear_engine)

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: str,
        *,
        companions: Companions | None = None,
        kdf: KdfParameters = DEFAULT_KDF,
        auto_read: bool = True,
        testing: bool = False,
    ) -> Workspace:
        """Make a vault and open it. Raises WeakPassphrase, VaultExists, VaultOnNetwork, DiskFull, ..."""
        parts = companions or Companions.start()
        try:
            vault = Vault.create(
                folder, passphrase, MIGRATIONS, kdf=kdf, references=REFERENCES, testing=testing
            )
        except BaseException:
            if companions is None:
                parts.close()
            raise
        return cls(vault, parts, auto_read=auto_read)

    @classmethod
    def open(
        cls,
        folder: Path,
        passphrase: str,
        *,
        companions: Companions | None = None,
        auto_read: bool = True,
        testing: bool = False,
    ) -> Workspace:
        """Open a vault. Raises WrongPassphrase (the companions stay as they are: try again), VaultMissing,
        VaultInUse, VaultDamaged, VaultNewer, ...

        Call ``resume_imports`` next: it goes on with what a crash or a shutdown left.
        """
        parts = companions or Companions.start()
        try:
            vault = Vault.open(folder, passphrase, MIGRATIONS, references=REFERENCES, testing=testing)
        except BaseException:
            if companions is None:
                parts.close()
            raise
        return cls(vault, parts, auto_read=auto_read)

    @property
    def closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Stop what runs (imports and readings go on at the next opening), end the engine and the parser,
        close the vault. Twice does no harm."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self.events.publish(VaultClosing())
        # The engine goes first: it holds text, and its open requests end at once, which frees the lanes.
        self.host.close()
        self.lanes.close()
        self.views.close()
        self.helper.close()
        self.vault.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def changed(
        self, changes: Changes, dossier_id: str | None = None, op: Operation[Any] | None = None
    ) -> None:
        """Say that something changed: to whoever listens, and in the operation's own flags."""
        if op is not None:
            op.add_changes(changes)
        self.events.publish(Changed(changes, dossier_id))

    def hold(self, dossier_id: str, op: Operation[Any]) -> None:
        with self._lock:
            self._busy.setdefault(dossier_id, set()).add(op)
        op.add_done_callback(lambda done: self._release(dossier_id, done))

    def busy_with(self, dossier_id: str) -> tuple[Operation[Any], ...]:
        with self._lock:
            return tuple(self._busy.get(dossier_id, ()))

    def _release(self, dossier_id: str, op: Operation[Any]) -> None:
        with self._lock:
            self._busy.get(dossier_id, set()).discard(op)

    def _hear_engine(self, card: EngineCard) -> None:
        if card.state is not self._engine_state:
            self._engine_state = card.state
            self.log.note("engine", card.state, code=card.problem.code if card.problem else "none")
        self.events.publish(EngineChanged(card))


def _report(failure: Exception) -> None:
    """A listener's mistake goes where uncaught exceptions of threads go."""
    told = (type(failure), failure, failure.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(told))
