"""A client with the fake worker; nothing may outlive a test."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.client import (
    EngineClient,
    EngineStatus,
)
from tests.engine.client.world import FAKE, QUICK


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """No thread, no child and no descriptor outlives a test."""
    children = {child.pid for child in psutil.Process().children()}
    threads = set(threading.enumerate())
    descriptors = psutil.Process().num_fds()
    yield
    assert {child.pid for child in psutil.Process().children()} <= children
    assert set(threading.enumerate()) <= threads
    if psutil.Process().num_fds() > descriptors:
        gc.collect()
    assert psutil.Process().num_fds() <= descriptors


@pytest.fixture
def statuses() -> list[EngineStatus]:
    return []


@pytest.fixture
def client(statuses: list[EngineStatus]) -> Iterator[EngineClient]:
    with EngineClient(statuses.append, command=FAKE, patience=QUICK) as started:
        yield started


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str = "model.json", **habits: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(habits))
        return path

    return write
