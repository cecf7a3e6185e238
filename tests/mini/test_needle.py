"""The needle test puts a fact where it says, asks in both ways, and draws what it found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from engine.mini import needle, needle_picture
from engine.mini.evaluate import SHIPPED, prompt_of
from engine.mini.exclusion import fold
from engine.mini.needle import ASKED_FIRST, ASKED_LAST, Cell, Haystack, place
from engine.mini.replies import ids_of
from engine.models.loading import LoadedModel, load


@pytest.fixture(scope="module")
def reader() -> LoadedModel:
    return load(SHIPPED, threads=1)


def test_a_fact_stands_at_its_depth() -> None:
    passages, sizes = ["a", "b", "c", "d"], [10, 10, 10, 10]
    assert [place(passages, sizes, depth) for depth in (0, 25, 50, 75, 100)] == [0, 1, 2, 3, 4]
    assert place(passages, [100, 1, 1, 1], 50) == 1


def test_a_haystack_is_as_long_as_asked_and_grows_without_changing_its_beginning(reader: LoadedModel) -> None:
    haystack = Haystack(reader)
    short = haystack.take(400)
    long = haystack.take(1_500)
    assert long[: len(short)] == short
    assert sum(map(haystack.size_tok, short)) <= 400
    assert 1_300 <= sum(map(haystack.size_tok, long)) <= 1_500


def test_a_fact_names_something_that_stands_nowhere_else(reader: LoadedModel) -> None:
    haystack = Haystack(reader)
    words = {word for passage in haystack.take(2_000) for word in fold(passage).split()}
    for fact in haystack.needles(6):
        assert fact.value in fact.passage
        shared = set(fold(fact.question).split()) & set(fold(fact.passage).split())
        assert any(len(word) >= 5 and word not in words for word in shared)
        assert not set(fold(fact.value).split()) <= words


def test_a_text_read_before_the_question_has_the_tokens_it_has_in_a_prompt(reader: LoadedModel) -> None:
    passages, question = ["The rent is 900 euros.", "Mme Lô signed."], "Who  signed?"
    read = needle.reading_ids(reader, passages, question)
    asked = ids_of(reader, needle.asking(question))
    whole = ids_of(reader, prompt_of(passages, question))
    assert np.array_equal(whole[-len(read) - len(asked) :], np.concatenate([read, asked]))
    assert "900 euros" in reader.decode(read)
    assert "Who" not in reader.decode(read)


def test_every_field_is_asked_in_both_ways(reader: LoadedModel) -> None:
    told: list[Cell] = []
    cells = needle.measure(reader, lengths_tok=(400, 800), depths=(0, 100), needles=2, tell=told.append)
    assert told == cells
    assert {(c.way, c.length_tok, c.depth) for c in cells} == {
        (way, length, depth)
        for way in (ASKED_FIRST, ASKED_LAST)
        for length in (400, 800)
        for depth in (0, 100)
    }
    assert all(cell.asked == 2 and 0 <= cell.found <= 2 for cell in cells)
    assert all(cell.distance_tok == 0 for cell in cells if cell.depth == 100)
    assert all(cell.distance_tok > 100 for cell in cells if cell.depth == 0)


def test_the_picture_shows_what_was_found_and_frames_the_window(tmp_path: Path) -> None:
    cells = [
        Cell(way, length, depth, 4, 4 if depth else 0, 0 if depth else length)
        for way in (ASKED_FIRST, ASKED_LAST)
        for length in (1_000, 8_000)
        for depth in (0, 100)
    ]
    path = tmp_path / "needle.png"
    needle_picture.draw(cells, 1_024, "A reader", path)
    picture = pymupdf.Pixmap(path)
    colours = {picture.pixel(x, y) for x in range(0, picture.width, 3) for y in range(0, picture.height, 3)}
    for share in (0.0, 100.0):
        wanted = tuple(round(255 * part) for part in needle_picture.colour_of(share))
        assert any(all(abs(a - b) <= 2 for a, b in zip(wanted, seen, strict=True)) for seen in colours)
    table = needle_picture.as_markdown(cells, 1_024)
    assert "| 0 % | **0 %** | 0 % |" in table
    assert "| 100 % | **100 %** | **100 %** |" in table


def test_the_report_leaves_table_figures_and_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = needle_picture.report_to(tmp_path, None, longest_tok=500, needles=1)
    assert len(capsys.readouterr().out.splitlines()) == len(cells) == 10
    values = json.loads((tmp_path / "needle.json").read_text("utf-8"))
    assert len(values["cells"]) == 10
    assert "asked last: depth" in (tmp_path / "needle.md").read_text("utf-8")
    assert (tmp_path / "needle.png").read_bytes().startswith(b"\x89PNG")
