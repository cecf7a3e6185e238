"""Events of a workspace as Qt signals: published on any thread, heard on the Qt thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal

from app.core.events import EventBus, Subscription
from app.services.events import Changed, EngineChanged, ImportMoved, ReadingMoved, VaultClosing


class Relay(QObject):
    """Holds one subscription per kind of event; ``close`` ends them."""

    changed = Signal(Changed)
    import_moved = Signal(ImportMoved)
    reading_moved = Signal(ReadingMoved)
    engine_changed = Signal(EngineChanged)
    closing = Signal()
    _heard = Signal(object)

    def __init__(self, events: EventBus, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._heard.connect(self._pass_on, Qt.ConnectionType.QueuedConnection)
        kinds = (Changed, ImportMoved, ReadingMoved, EngineChanged, VaultClosing)
        self._subscriptions: list[Subscription[object]] = [
            events.subscribe(kind, self._heard.emit) for kind in kinds
        ]

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()
        self._subscriptions = []

    def _pass_on(self, event: object) -> None:
        match event:
            case Changed():
                self.changed.emit(event)
            case ImportMoved():
                self.import_moved.emit(event)
            case ReadingMoved():
                self.reading_moved.emit(event)
            case EngineChanged():
                self.engine_changed.emit(event)
            case VaultClosing():
                self.closing.emit()
            case _:
                raise TypeError(f"the relay knows no {type(event).__name__}")
