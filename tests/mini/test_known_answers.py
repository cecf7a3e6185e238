"""The shipped reader says the same on every build and instruction set."""

from __future__ import annotations

import dataclasses
from typing import cast

import msgspec
import pytest

from engine import kernels
from engine.backends.native import NativeBackend
from engine.mini.evaluate import SHIPPED
from engine.mini.golden import GATE, PROMPTS, read, say
from engine.models.loading import load
from engine.protocol import Load
from engine.runtime.seam import RunnableModel
from tests.engine.test_drafting import ask, counted, plain


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


# The reference, which takes seconds for an answer, drafts in tests/native.
@pytest.mark.parametrize("isa", kernels.features().tables[1:] or kernels.features().tables)
@pytest.mark.parametrize("held", [True, False])
def test_drafts_give_the_known_answers_in_fewer_calls(
    isa: str, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Held to its evidence as in the application, or free and guessing from the prompt's own runs of words.
    monkeypatch.setenv("HUISCLOS_ISA", isa)
    reader = cast("RunnableModel", NativeBackend().load(Load(1, str(SHIPPED), threads=1)))
    reader = dataclasses.replace(reader, info=msgspec.structs.replace(reader.info, reader=held))
    guessing, calls = counted(reader)
    written = 0
    for known in read():
        done, told = ask(guessing, known.prompt)
        expected, expected_told = ask(plain(reader), known.prompt)
        words = [reader.token_bytes(token) for token in known.ids if token not in reader.stop_ids]
        assert done.text == expected.text
        assert held or done.text == b"".join(words).decode()
        assert [text for text, _ in told] == [text for text, _ in expected_told]
        assert done.confidence == pytest.approx(expected.confidence, rel=1e-2)
        written += done.generated_tok
    assert calls.steps + calls.drafts < (0.5 if held else 0.9) * written
