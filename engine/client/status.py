"""What the application may know of the engine at any moment, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.protocol import ModelInfo, Welcome

EnginePhase = Literal["stopped", "starting", "ready", "loading", "restarting", "failed"]
"""`ready` with no model is an engine without one. `failed` needs a new `start()`; `restarting` mends
itself.
"""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The engine as last heard of. `reason` is a slug for the last death or failure, empty when all is
    well.

    `rss_bytes` is the memory of the worker, `state_bytes` that of its live readings. `restarts` counts the
    deaths so far. `welcome` tells the promises of the engine's cage.
    """

    phase: EnginePhase
    model: ModelInfo | None = None
    pid: int | None = None
    restarts: int = 0
    reason: str = ""
    rss_bytes: int = 0
    state_bytes: int = 0
    welcome: Welcome | None = None
