"""Dead cycles are collected on Qt's thread alone."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.bridge.garbage import GarbageCollector


class Noting:
    """Says on which thread it went."""

    def __init__(self, ends: list[int]) -> None:
        self._ends = ends
        self.cycle = self
        self.held = QObject()

    def __del__(self) -> None:
        self._ends.append(threading.get_ident())


@pytest.fixture
def collector(qtbot: QtBot) -> Iterator[GarbageCollector]:
    gc.collect()
    collector = GarbageCollector()
    yield collector
    collector.stop()


def allocate_much(kept: list[list[int]]) -> None:
    """Far more than Python's own collection would let pass."""
    kept += ([place] for place in range(200_000))


def test_a_worker_that_allocates_much_destroys_no_dead_cycle(collector: GarbageCollector) -> None:
    ends: list[int] = []
    kept: list[list[int]] = []
    Noting(ends)
    worker = threading.Thread(target=allocate_much, args=(kept,))
    worker.start()
    worker.join()
    assert not ends


def test_dead_cycles_go_on_the_thread_of_the_window_soon_after(
    collector: GarbageCollector, qtbot: QtBot
) -> None:
    ends: list[int] = []
    kept: list[list[int]] = []
    Noting(ends)
    worker = threading.Thread(target=allocate_much, args=(kept,))
    worker.start()
    worker.join()
    qtbot.waitUntil(lambda: bool(ends), timeout=60_000)
    assert ends == [threading.get_ident()]


def test_collection_is_given_back_at_the_end(qtbot: QtBot) -> None:
    GarbageCollector().stop()
    assert gc.isenabled()
