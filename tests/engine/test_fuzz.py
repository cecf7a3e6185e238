"""A short seeded run of the spoilt inputs; the long one is `python -m tests.engine.fuzz`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine import fuzz

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is watched by way of Linux's /proc"
)
NAMES = ("gguf", "safetensors", "torch", "pickle")


def test_spoilt_files_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    found = fuzz.run(NAMES, 1200, 7, tmp_path)
    assert [outcome.faults for outcome in found.values()] == [[]] * 4
    assert all(outcome.inputs == 300 for outcome in found.values())
    assert all(outcome.accepted and outcome.refused for outcome in found.values()), "both sides are reached"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_numbers_make_the_same_input(tmp_path: Path, name: str) -> None:
    (reader,) = (one for one in fuzz.readers(tmp_path) if one.name == name)
    assert fuzz.spoil(reader, 3, 14) == fuzz.spoil(reader, 3, 14)
    assert len({fuzz.spoil(reader, 3, number) for number in range(50)}) > 40


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        (lambda: os._exit(9), "ended the process (9)"),
        (lambda: time.sleep(60), "hangs"),
        (lambda: bytearray(2 * fuzz.MEMORY_BYTES), "gives MemoryError"),
        (lambda: 1 // 0, "gives ZeroDivisionError"),
    ],
)
def test_a_reader_that_crashes_hangs_or_takes_memory_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object], told: str
) -> None:
    """The run itself is put to the test."""
    reader = fuzz.Reader("bad", (b"x" * 20,), (b"y",), lambda path, data: deed() and None)
    if told == "hangs":  # the others have all the time they need on a busy machine
        monkeypatch.setattr(fuzz, "HANG_S", 0.2)
    monkeypatch.setattr(fuzz, "readers", lambda folder: (reader,))
    outcome = fuzz.run(("bad",), 2, 1, tmp_path)["bad"]
    assert outcome.inputs == 2
    assert [f"bad input {number} of seed 1 {told}" in outcome.faults[number] for number in (0, 1)] == [
        True
    ] * 2
