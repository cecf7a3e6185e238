"""A process per engine: its memory is its own, its threads are counted, and it is gone when it is closed."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import psutil

from tests.bench.peer.figures import Taken


class WorkerFailed(Exception):
    """What the other process said when it could not do what it was asked."""


class Worker:
    """Calls methods of an object that `make(*arguments)` builds in a process of its own. Used from one
    thread."""

    def __init__(self, make: Callable[..., object], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()
        self.made = self._answer()
        """How long building took: a Taken."""

    def ask(self, method: str, *arguments: object) -> Any:
        """Raises WorkerFailed."""
        self._pipe.send((method, arguments))
        return self._answer()

    def timed(self, method: str, *arguments: object) -> Callable[[], Taken]:
        """The same question again and again; it answers with a Taken."""

        def ask() -> Taken:
            taken: Taken = self.ask(method, *arguments)
            return taken

        return ask

    @property
    def resident_bytes(self) -> int:
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def processor_share(self, seconds: float) -> float:
        """Of one core, used by the process while nobody asks anything of it."""
        process = psutil.Process(self._process.pid)
        began, began_s = process.cpu_times(), time.monotonic()
        time.sleep(seconds)
        ended = process.cpu_times()
        used_s = ended.user + ended.system - began.user - began.system
        return float(used_s / (time.monotonic() - began_s))

    def _answer(self) -> Any:
        try:
            failed, answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise WorkerFailed(f"the process ended with code {self._process.exitcode}") from None
        if failed:
            raise WorkerFailed(answer)
        return answer

    def close(self) -> None:
        self._pipe.close()
        self._process.join()
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def timed(work: Callable[[], object]) -> Taken:
    began_s, began_processor_s = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - began_s, time.process_time() - began_processor_s)


def _serve(pipe: Connection, make: Callable[..., object], arguments: tuple[object, ...]) -> None:
    made: list[object] = []
    try:
        pipe.send((False, timed(lambda: made.append(make(*arguments)))))
        while True:
            method, given = pipe.recv()
            try:
                answer = (False, getattr(made[0], method)(*given))
            except Exception as error:
                answer = (True, f"{type(error).__name__}: {error}")
            pipe.send(answer)
    except EOFError:
        return
    except KeyboardInterrupt:
        return
    except Exception as error:
        pipe.send((True, f"{type(error).__name__}: {error}"))
