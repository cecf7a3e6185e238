"""A bundled program has no interpreter for its children: it is each of them itself, asked by a word."""

from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ingest.nursery import NURSERY
from engine import programs
from engine.models.random_checkpoint import write_random_checkpoint
from tests.promises.house import PASSPHRASE, ROOT, House, Ran

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for the program")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house")
    house.make_vault()
    yield house
    house.close()


@pytest.fixture
def program(house: House) -> Path:
    """What a packer makes, as far as our code can tell: `sys.executable` is the program itself, and knows no
    ``-m``. It notes what it was asked to be."""
    notes = str(house.root / "asked")
    path, inside = house.root / "program", house.root / "inside.py"
    # A shell starts it: the first line of a script cannot name an interpreter whose path has spaces.
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(inside))} "$@"\n')
    inside.write_text(
        "import sys\n"
        f"sys.frozen, sys.executable = True, {str(path)!r}\n"
        f"with open({notes!r}, 'a') as notes: notes.write(' '.join(sys.argv[1:2]) + '\\n')\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from app.__main__ import main\n"
        "sys.exit(main())\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def run(house: House, program: Path, *words: object) -> Ran:
    command = [str(program), *map(str, words), "--vault", str(house.vault), "--json"]
    return house.finish(house.start(command), PASSPHRASE)


def asked(house: House) -> list[str]:
    return (house.root / "asked").read_text().split("\n")


def test_a_bundled_program_takes_in_a_model_and_a_paper_and_answers(house: House, program: Path) -> None:
    write_random_checkpoint(house.files / "model", "base", "tiny")
    added = run(house, program, "model", "add", house.files / "model", "--format", "q4")
    assert added.code == 0, added.err
    assert added.value["model"]["prefill_tok_per_s"] > 0
    assert asked(house) == ["model", programs.IMPORTER, programs.IMPORTER, programs.WORKER, ""]
    paper = house.file("letter.txt", "The hearing of Mrs Quillon takes place on 4 May 2031 in Lyon.")
    taken = run(house, program, "import", paper, "--dossier", "D")
    assert taken.code == 0, taken.err
    assert NURSERY in asked(house)
    house.choose_model(added.value["model"]["id"])
    answer = run(house, program, "ask", "When is the hearing?", "--dossier", "D")
    assert answer.code == 0, answer.err
    assert answer.value["model"] == "Random base"
    assert asked(house).count(programs.WORKER) == 2


@pytest.mark.parametrize("word", [programs.WORKER, programs.IMPORTER, NURSERY])
def test_the_program_answers_to_the_words_that_its_children_are_started_with(word: str) -> None:
    """Without a channel or a request each ends at once, and none is taken for a verb or opens a window."""
    done = subprocess.run(
        [sys.executable, "-m", "app", word],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stdout == ""
    assert "huisclos" not in done.stderr


def test_a_word_that_names_no_process_is_a_bug() -> None:
    with pytest.raises(KeyError):
        programs.run("--engine-nothing", [])
