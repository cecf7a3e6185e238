"""Error codes that the engine's side of the protocol gives (model files bring their own, such as `model-
file-…`).
"""

from __future__ import annotations

from typing import Final

PROTOCOL_MISMATCH: Final = "protocol-mismatch"
"""The two processes were built from different sources: the program was replaced while it ran."""
MESSAGE_INVALID: Final = "message-invalid"
"""A message was malformed or out of its limits: a bug of ours."""
NO_MODEL: Final = "no-model"
MODEL_ALREADY_LOADED: Final = "model-already-loaded"
SESSION_UNKNOWN: Final = "session-unknown"
SESSION_LIMIT: Final = "session-limit"
PROMPT_EMPTY: Final = "prompt-empty"
STATE_DAMAGED: Final = "state-damaged"
"""A snapshot was changed, cut short, extended, or sealed with another key."""
STATE_MISMATCH: Final = "state-mismatch"
"""A whole snapshot, but of another model, precision, text or version: read the text again."""
STATE_UNWRITABLE: Final = "state-unwritable"
"""The snapshot could not be written or read: disk full, or a failing disk."""
CONTEXT_FULL: Final = "context-full"
"""The model keeps every token it reads, and has no room for more."""
BACKEND_MISSING: Final = "backend-missing"
"""The library that computes such models is not installed."""
BACKEND_FAILED: Final = "backend-failed"
DESCRIPTOR_MISSING: Final = "descriptor-missing"
OUT_OF_MEMORY: Final = "out-of-memory"
INTERNAL: Final = "internal"
"""A bug of ours; the log holds where."""
