"""The application's hold on the engine: start it, ask it, watch it, restart it. No Qt, no thread of the
caller's.
"""

from engine.client.client import EngineClient
from engine.client.errors import EngineCancelled, EngineDied, EngineError, EngineFailed
from engine.client.patience import Patience
from engine.client.request import Request
from engine.client.status import EnginePhase, EngineStatus

__all__ = [
    "EngineCancelled",
    "EngineClient",
    "EngineDied",
    "EngineError",
    "EngineFailed",
    "EnginePhase",
    "EngineStatus",
    "Patience",
    "Request",
]
