"""How a request can end other than well, as the application sees it."""

from __future__ import annotations

from typing import Final

from engine.protocol import GenerateDone, ReadDone

# Why an engine died or never came, as slugs for `EngineDied.reason` and `EngineStatus.reason`.
ENDED: Final = "ended"  # the process went away by itself: a crash, a kill, no memory
UNRESPONSIVE: Final = "unresponsive"  # no heartbeat, or a cancel went unanswered
REFUSED: Final = "refused"  # the handshake failed
NOT_STARTED: Final = "not-started"  # the process could not be started, or said nothing in time
CLOSED: Final = "closed"  # the client was closed, or never started
MODEL_REPLACED: Final = "model-replaced"  # another model was asked for
GARBLED: Final = "garbled"  # it answered with what is no message
GAVE_UP: Final = "gave-up"  # it died too often in a row


class EngineError(Exception):
    """Any way a request fails to give its result."""


class EngineFailed(EngineError):
    """The engine answered that it cannot do this. `code` is a stable slug (engine.protocol.codes or a
    model's).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class EngineCancelled(EngineError):
    """The request was stopped as asked; `partial` holds what was kept."""

    def __init__(self, partial: GenerateDone | ReadDone | None = None) -> None:
        super().__init__("the request was stopped")
        self.partial = partial


class EngineDied(EngineError):
    """The engine went away before it answered. Live sessions are lost; the library is whole. `reason` is a
    slug.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the engine went away: {reason}")
        self.reason = reason
