"""Houses to live in, and small real models to put into them."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.models.convert import convert
from tests.fixtures.model_files import FLOAT_TINY
from tests.promises.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with contextlib.closing(House(tmp_path)) as house:
        yield house


@pytest.fixture
def build_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """For houses that are not like the others."""
    with contextlib.ExitStack() as stack:
        yield lambda name="one", **how: stack.enter_context(contextlib.closing(House(tmp_path / name, **how)))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny known checkpoint with the published tokenizer's chat template, its window as wide as ours."""
    folder = tmp_path_factory.mktemp("tiny")
    shutil.copytree(FLOAT_TINY, folder / "tiny")
    config = folder / "tiny" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), "sliding_window": 4096}), "utf-8")
    convert(folder / "tiny", folder / "tiny.gguf", "q8")
    return folder / "tiny.gguf"
