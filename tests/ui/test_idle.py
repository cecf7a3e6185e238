"""When the window locks by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from app.ui.idle import SLEPT_S, IdleWatch


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watched(qapp: QApplication) -> Iterator[tuple[IdleWatch, Clock, list[int]]]:
    clock = Clock()
    watch = IdleWatch(qapp, clock)
    heard: list[int] = []
    watch.idle.connect(lambda: heard.append(1))
    watch.watch(5)
    yield watch, clock, heard
    watch.rest()
    qapp.removeEventFilter(watch)
    watch.deleteLater()


def test_it_comes_once_after_the_limit(watched: tuple[IdleWatch, Clock, list[int]]) -> None:
    watch, clock, heard = watched
    for _ in range(14):
        clock.now += 20
        watch._tick()
    assert heard == []
    clock.now += 20
    watch._tick()
    clock.now += 20
    assert heard == [1]
    assert not watch._timer.isActive()


def test_a_machine_that_slept_wakes_up_locked(watched: tuple[IdleWatch, Clock, list[int]]) -> None:
    watch, clock, heard = watched
    slept: list[int] = []
    watch.slept.connect(lambda: slept.append(1))
    clock.now += SLEPT_S + 1
    watch._tick()
    assert slept == [1]
    assert heard == []
    assert not watch._timer.isActive()


def test_behind_a_veil_only_sleep_counts(watched: tuple[IdleWatch, Clock, list[int]]) -> None:
    watch, clock, heard = watched
    slept: list[int] = []
    watch.slept.connect(lambda: slept.append(1))
    watch.watch_sleep()
    for _ in range(200):
        clock.now += 20
        watch._tick()
    assert (heard, slept) == ([], [])
    clock.now += SLEPT_S + 1
    watch._tick()
    assert (heard, slept) == ([], [1])


def test_a_clock_that_is_set_back_neither_locks_nor_keeps_open_for_ever(
    watched: tuple[IdleWatch, Clock, list[int]],
) -> None:
    watch, clock, heard = watched
    clock.now -= 86_400
    watch._tick()
    assert heard == []
    for _ in range(15):
        clock.now += 20
        watch._tick()
    assert heard == [1]
