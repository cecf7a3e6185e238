"""The threads that verbs run on: a serial lane each for importing, reading, answering and models, a few for
the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TypeVar

from app.core.log import Log
from app.services.operation import Operation, OperationCancelled
from app.store import VaultLocked

T = TypeVar("T")


class Lane(StrEnum):
    IMPORT = "import"
    READ = "read"
    ASK = "ask"
    MODEL = "model"
    QUICK = "quick"


_THREADS = {Lane.IMPORT: 1, Lane.READ: 1, Lane.ASK: 1, Lane.MODEL: 1, Lane.QUICK: 3}


class Lanes:
    """Runs operations. ``close`` cancels what runs, waits for it and ends the threads. What fails is logged
    by its verb and code.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._closed = False
        self._running: dict[Operation[object], None] = {}  # in the order they were asked for
        self._pools = {
            lane: ThreadPoolExecutor(count, thread_name_prefix=f"huisclos-{lane}")
            for lane, count in _THREADS.items()
        }

    @property
    def closing(self) -> bool:
        return self._closed

    def run(self, lane: Lane, verb: str, work: Callable[[Operation[T]], T]) -> Operation[T]:
        """Start ``work`` on a lane. It gets its operation; whatever it raises becomes the operation's
        error.
        """
        operation: Operation[T] = Operation(verb)

        def body() -> None:
            try:
                operation.check()
                result = work(operation)
            except BaseException as error:
                if not isinstance(error, OperationCancelled):
                    self._log.failure("services", verb, error)
                operation.finish(None, error)
            else:
                operation.finish(result)
            finally:
                with self._lock:
                    self._running.pop(operation, None)  # type: ignore[arg-type]

        with self._lock:
            if not self._closed:
                self._running[operation] = None  # type: ignore[index]
                self._pools[lane].submit(body)
                return operation
        operation.finish(None, VaultLocked())
        return operation

    def running(self) -> tuple[Operation[object], ...]:
        """What runs or waits for its turn, in the order it was asked for."""
        with self._lock:
            return tuple(self._running)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            running = list(self._running)
        for operation in running:
            operation.cancel()
        for pool in self._pools.values():
            pool.shutdown(wait=True)
