"""What a backend is to the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from engine.models.errors import ModelError
from engine.protocol import Load
from engine.runtime.seam import LoadedBackend


class Backend(Protocol):
    """One way of computing models. Importing its file costs nothing and needs no library but our own."""

    @property
    def name(self) -> str: ...

    def takes(self, path: Path) -> bool:
        """Whether the file or folder is for this backend, by its content. Never raises."""

    def load(self, request: Load) -> LoadedBackend:
        """Raises ModelError, or OSError for a file that cannot be read."""

    def explain(self, error: Exception) -> ModelError | None:
        """An error of a model loaded here, in words for a person; None when it is a bug."""
