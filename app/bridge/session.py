"""One unlocked workspace on the Qt thread: snapshots are read here, verbs become tasks, events signals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app import services
from app.bridge.relay import Relay
from app.bridge.tasks import Task
from app.chat.values import Answer
from app.services import inside
from app.services.diagnostics import DiagnosticsCard
from app.services.events import Changed
from app.services.long_work import WorkCard
from app.services.operation import Operation
from app.services.spike_choice import SpikeChoice
from app.services.vault_state import VaultCard
from app.services.views import (
    Changes,
    ChatCard,
    DocumentCard,
    DossierCard,
    EngineCard,
    EngineState,
    ExceptionCard,
    ModelCard,
    ReadingCard,
    ReadingState,
)
from app.services.workspace import Workspace


class Session(QObject):
    """What the views hold. ``close`` ends the workspace; tasks that still run end as cancelled."""

    failed = Signal(Exception)  # of a task whose view does not say it itself
    dossiers_changed = Signal()
    documents_changed = Signal(object)  # id of the dossier, or None for any
    chats_changed = Signal(object)
    models_changed = Signal()

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.relay = Relay(workspace.events, self)
        self.relay.changed.connect(self._sort_out)
        self._closed = False
        self._opened = ""
        self._tasks: set[Task] = set()
        self._imports: set[Task] = set()

    # -- snapshots: empty once the session is closed, since views may still ask while they go ---------------

    def dossiers(self) -> tuple[DossierCard, ...]:
        return () if self._closed else services.list_dossiers(self.workspace)

    def documents(self, dossier_id: str) -> tuple[DocumentCard, ...]:
        return () if self._closed else services.list_documents(self.workspace, dossier_id)

    def exceptions(self, dossier_id: str) -> tuple[ExceptionCard, ...]:
        return () if self._closed else services.list_exceptions(self.workspace, dossier_id)

    def chats(self, dossier_id: str) -> tuple[ChatCard, ...]:
        return () if self._closed else services.list_chats(self.workspace, dossier_id)

    def answers(self, chat_id: str) -> tuple[Answer, ...]:
        return () if self._closed else services.list_answers(self.workspace, chat_id)

    def models(self) -> tuple[ModelCard, ...]:
        """What is installed; of the loaded one, the engine knows more than its folder."""
        loaded = self.engine().model
        return tuple(
            loaded if loaded is not None and loaded.id == card.id else card
            for card in services.list_models(self.workspace)
        )

    def opened_dossier(self) -> DossierCard | None:
        """The dossier that was opened last, while it is there."""
        return next((card for card in self.dossiers() if card.id == self._opened), None)

    def dossier_model(self, dossier_id: str) -> str:
        """The id of a dossier's own model, empty where it has the common one."""
        return "" if self._closed else services.dossier_model(self.workspace, dossier_id)

    def characters(self, dossier_id: str) -> int:
        """How much text a dossier's pages hold."""
        return 0 if self._closed else services.count_characters(self.workspace, dossier_id)

    def kept_readings(self, model_id: str) -> int:
        """How many sealed readings would go with a model."""
        return 0 if self._closed else services.count_readings(self.workspace, model_id)

    def engine(self) -> EngineCard:
        return EngineCard(EngineState.OFF) if self._closed else services.engine_card(self.workspace)

    def vault(self) -> VaultCard:
        return VaultCard(False, False, True) if self._closed else services.vault_card(self.workspace)

    def reading(self, dossier_id: str) -> ReadingCard:
        if self._closed:
            return ReadingCard(ReadingState.OFF)
        return services.reading_card(self.workspace, dossier_id)

    def long_work(self) -> tuple[WorkCard, ...]:
        """What would be cut short by locking now."""
        return () if self._closed else services.list_long_work(self.workspace)

    def diagnose(self) -> DiagnosticsCard:
        return services.diagnose(self.workspace)

    # -- verbs ----------------------------------------------------------------------------------------------

    def create_dossier(self, name: str) -> Task:
        return self.follow(services.create_dossier(self.workspace, name))

    def rename_dossier(self, dossier_id: str, name: str) -> Task:
        return self.follow(services.rename_dossier(self.workspace, dossier_id, name))

    def delete_dossier(self, dossier_id: str) -> Task:
        return self.follow(services.delete_dossier(self.workspace, dossier_id))

    def import_paths(self, dossier_id: str, paths: Iterable[Path]) -> Task:
        return self._import(services.import_paths(self.workspace, dossier_id, list(paths)))

    def resume_imports(self) -> Task:
        return self._import(services.resume_imports(self.workspace))

    def retry(self, exception_id: str) -> Task:
        return self._import(services.retry(self.workspace, exception_id))

    def dismiss(self, exception_id: str) -> Task:
        return self.follow(services.dismiss(self.workspace, exception_id))

    def remove_document(self, document_id: str) -> Task:
        return self.follow(services.remove_document(self.workspace, document_id))

    def open_dossier(self, dossier_id: str) -> Task:
        self._opened = dossier_id
        return self.follow(services.open_dossier(self.workspace, dossier_id))

    def read_dossier(self, dossier_id: str) -> Task:
        return self.follow(services.read_dossier(self.workspace, dossier_id))

    def pause_reading(self, dossier_id: str) -> None:
        """Stop the reading of a dossier, whoever began it; what was read is kept."""
        for operation in self.workspace.busy_with(dossier_id):
            if operation.verb == "read-dossier":
                operation.cancel()

    def search(self, dossier_id: str, words: str, documents: Iterable[str] | None = None) -> Task:
        chosen = None if documents is None else tuple(documents)
        return self.follow(services.search(self.workspace, dossier_id, words, documents=chosen), says=False)

    def ask(
        self, dossier_id: str, question: str, *, chat_id: str | None, documents: Iterable[str] | None
    ) -> Task:
        chosen = None if documents is None else tuple(documents)
        operation = services.ask(self.workspace, dossier_id, question, chat_id=chat_id, documents=chosen)
        return self.follow(operation, says=False)

    def regenerate(self, message_id: str) -> Task:
        return self.follow(services.regenerate(self.workspace, message_id), says=False)

    def rename_chat(self, chat_id: str, title: str) -> Task:
        return self.follow(services.rename_chat(self.workspace, chat_id, title))

    def delete_chat(self, chat_id: str) -> Task:
        return self.follow(services.delete_chat(self.workspace, chat_id))

    def page_text(self, document_id: str, page: int) -> Task:
        return self.follow(services.page_text(self.workspace, document_id, page), says=False)

    def page_sizes(self, document_id: str) -> tuple[tuple[float, float], ...]:
        return () if self._closed else services.page_sizes(self.workspace, document_id)

    def render_page(self, document_id: str, page: int, width_px: int) -> Task:
        return self.follow(
            services.render_page(self.workspace, document_id, page, width_px=width_px), says=False
        )

    def choose_model(self, model_id: str) -> Task:
        return self.follow(services.choose_model(self.workspace, model_id), says=False)

    def reload_model(self) -> Task:
        return self.follow(services.reload_model(self.workspace))

    def choose_dossier_model(self, dossier_id: str, model_id: str) -> Task:
        return self.follow(services.choose_dossier_model(self.workspace, dossier_id, model_id), says=False)

    def look_at_model(self, path: Path) -> Task:
        return self.follow(services.look_at_model(self.workspace, path), says=False)

    def add_model(self, path: Path, *, format_name: str = "auto", choose: bool = True) -> Task:
        operation = services.add_model(self.workspace, path, format_name=format_name, choose=choose)
        return self.follow(operation, says=False)

    def check_model(self, model_id: str) -> Task:
        return self.follow(services.check_model(self.workspace, model_id), says=False)

    def remove_model(self, model_id: str) -> Task:
        return self.follow(services.remove_model(self.workspace, model_id), says=False)

    def look_inside(self) -> Task:
        return self.follow(inside.look_inside(self.workspace), says=False)

    def choose_spikes(self, choice: SpikeChoice) -> Task:
        return self.follow(inside.choose_spikes(self.workspace, choice), says=False)

    def change_passphrase(self, old: str, new: str) -> Task:
        return self.follow(services.change_passphrase(self.workspace, old, new), says=False)

    def prove_passphrase(self, secret: str) -> Task:
        return self.follow(services.prove_passphrase(self.workspace, secret), says=False)

    def add_recovery_code(self) -> Task:
        return self.follow(services.add_recovery_code(self.workspace), says=False)

    def drop_recovery_code(self) -> Task:
        return self.follow(services.drop_recovery_code(self.workspace))

    def check_vault(self) -> Task:
        return self.follow(services.check_vault(self.workspace), says=False)

    # -- tasks ----------------------------------------------------------------------------------------------

    @property
    def importing(self) -> bool:
        """True while files are being taken in; closing then pauses them until the next opening."""
        return any(task.running for task in self._imports)

    def cancel_imports(self) -> None:
        for task in list(self._imports):
            task.cancel()

    def follow(self, operation: Operation[Any], *, says: bool = True) -> Task:
        """A task that lives until it has ended. With ``says``, its failure also goes to ``failed``."""
        task = Task(operation, self)
        self._tasks.add(task)
        if says:
            task.failed.connect(self.failed)
        task.ended.connect(lambda: self._forget(task))
        return task

    def close(self) -> None:
        """Stop listening, then close the workspace: it waits for what runs to reach a safe point."""
        self._closed = True
        self.relay.close()
        self.blockSignals(True)
        self.workspace.close()

    def _import(self, operation: Operation[Any]) -> Task:
        task = self.follow(operation)
        self._imports.add(task)
        return task

    def _forget(self, task: Task) -> None:
        self._tasks.discard(task)
        self._imports.discard(task)
        task.deleteLater()

    def _sort_out(self, event: Changed) -> None:
        if event.changes & (Changes.DOSSIERS | Changes.DOCUMENTS | Changes.READING):
            self.dossiers_changed.emit()
        if event.changes & Changes.DOCUMENTS:
            self.documents_changed.emit(event.dossier_id)
        if event.changes & Changes.CHATS:
            self.chats_changed.emit(event.dossier_id)
        if event.changes & (Changes.MODELS | Changes.ENGINE):
            self.models_changed.emit()
