"""Opening or making a vault off the Qt thread: deriving the key takes a second and must not freeze the
window.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject

from app.bridge.tasks import Task
from app.services.operation import Operation

T = TypeVar("T")


def in_background(verb: str, work: Callable[[], T], parent: QObject | None = None) -> Task:
    """Run ``work`` on a thread of its own; its result or failure arrives through the task."""
    operation: Operation[Any] = Operation(verb)

    def body() -> None:
        try:
            result = work()
        except BaseException as failure:
            operation.finish(None, failure)
        else:
            operation.finish(result)

    task = Task(operation, parent)
    threading.Thread(target=body, name=f"huisclos-{verb}", daemon=True).start()
    return task
