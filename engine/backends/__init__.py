"""Who computes a model: one file here for each backend, and this list. The first that takes a path has it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.backends.contract import Backend
from engine.backends.llama import LlamaBackend
from engine.backends.native import NativeBackend

BACKENDS: Final[tuple[Backend, ...]] = (NativeBackend(), LlamaBackend())

__all__ = ["BACKENDS", "Backend", "backend_for"]


def backend_for(path: Path) -> Backend:
    """The backend for what lies at `path`. The last one of the list takes whatever is left, and says what
    is wrong with it."""
    return next((backend for backend in BACKENDS[:-1] if backend.takes(path)), BACKENDS[-1])
