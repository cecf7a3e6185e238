"""The shipped reader says the same on every build and instruction set."""

from __future__ import annotations

import pytest

from engine import kernels
from engine.mini.evaluate import SHIPPED
from engine.mini.golden import GATE, PROMPTS, read, say
from engine.models.loading import load


def test_there_are_ten_known_answers_none_of_them_near_a_tie() -> None:
    known = read()
    assert len(known) == PROMPTS
    assert all(k.lead >= GATE for k in known)
    assert len({k.prompt for k in known}) == PROMPTS
    assert sum(k.answer.startswith("« ") or k.answer.startswith("«") for k in known) == PROMPTS


@pytest.mark.parametrize("isa", kernels.features().tables)
def test_every_instruction_set_gives_the_known_answers(isa: str) -> None:
    reader = load(SHIPPED, threads=1, isa=isa)
    for known in read():
        said = say(reader, known.prompt)
        assert (said.answer, said.ids) == (known.answer, known.ids)
        assert said.lead >= GATE / 2
