"""The command line's choice of where experts are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli import main
from tests.fixtures.branched_model import write_branched_checkpoint


def test_answers_are_alike_wherever_experts_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_branched_checkpoint(tmp_path / "checkpoint")
    told = []
    for options in ([], ["--expert-memory", "0"], ["--expert-memory", "4"]):
        words = ["generate", str(folder), "--prompt", "abc", "--max-tokens", "5", "--threads", "1", *options]
        assert main(words) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] == told[2]


def test_less_than_no_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["generate", str(tmp_path), "--prompt", "abc", "--expert-memory", "-1"])
