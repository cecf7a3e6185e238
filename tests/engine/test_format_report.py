"""What formats cost: exact ones cost nothing, fewer bits cost more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.format_report import measure_formats
from tests.fixtures.model_files import FLOAT_TINY, GOLDEN

TEXT = "The patient was seen on Monday with a letter from the court about an invoice. " * 4


def test_fewer_bits_cost_more_and_bf16_of_bf16_costs_nothing() -> None:
    report = measure_formats(FLOAT_TINY, TEXT, threads=1, most_tok=96)
    rows = {row.format: row for row in report.rows}
    assert report.tokens == 96
    assert list(rows) == ["bf16", "q8", "q4"]
    assert rows["bf16"].largest_error == 0.0
    assert rows["bf16"].same_best == 1.0
    assert rows["bf16"].perplexity == report.perplexity
    assert 0 < rows["q8"].mean_error < 0.1 < rows["q4"].mean_error < report.spread
    assert rows["q8"].relative_error < 0.05 < rows["q4"].relative_error < 0.4
    assert 16 < rows["bf16"].bits_per_weight < 16.2
    assert 8 < rows["q8"].bits_per_weight < 8.4
    assert 4 < rows["q4"].bits_per_weight < 5
    assert rows["q8"].same_best > rows["q4"].same_best


def test_spiking_codes_are_kept_exactly() -> None:
    (row,) = measure_formats(GOLDEN / "w8aspike-tiny", TEXT, threads=1, most_tok=64).rows
    assert (row.format, row.largest_error, row.same_best) == ("spike8", 0.0, 1.0)


def test_the_command_prints_a_table_or_a_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.txt").write_text(TEXT)
    asked = [
        "formats",
        str(FLOAT_TINY),
        "--text",
        str(tmp_path / "t.txt"),
        "--tokens",
        "32",
        "--threads",
        "1",
    ]
    assert main(asked) == 0
    assert "bits/weight" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    assert [row["format"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["bf16", "q8", "q4"]
    (tmp_path / "t.txt").write_text("")
    assert main(asked) == 3
