"""Guessing what an answer says next: the same answer in fewer calls, hardly more where guesses are wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.models.convert import Format, convert
from engine.protocol import ChatMessage, Generate, GenerateDone, Load, WindowPrecision
from engine.runtime import drafting
from engine.runtime.answering import AnswerStopped, answer
from engine.runtime.drafting import LONGEST_TOK, Allowance, DraftedSteps, Guess, LookupGuesses
from engine.runtime.interrupt import Interrupt
from engine.runtime.seam import ComputedDraft, DraftStep, Flag, ReadingState, RunnableModel, Watch
from engine.worker.loading import load_model
from tests.engine.fake_model import FakeFlag, Habits, make_model
from tests.engine.test_runtime import finish
from tests.fixtures.model_files import small_config, write_checkpoint

EVIDENCE = "The patient takes 5 mg of bisoprolol every morning. She came on Monday with her daughter."
QUOTING = "It says: takes 5 mg of bisoprolol every morning. She came on Monday."


@dataclasses.dataclass
class Calls:
    """What was asked of a kernel for one answer."""

    steps: int = 0
    drafts: int = 0
    guessed: int = 0


def counted(model: RunnableModel) -> tuple[RunnableModel, Calls]:
    calls = Calls()
    kernel, draft_step = model.kernel, cast("DraftStep", model.draft_step)

    class Counting:
        new_state = staticmethod(kernel.new_state)
        prefill = staticmethod(kernel.prefill)

        @staticmethod
        def step(state: ReadingState, token_id: int, *, cancel: Flag | None = None) -> NDArray[np.float32]:
            calls.steps += 1
            return kernel.step(state, token_id, cancel=cancel)

    def draft(state: ReadingState, ids: NDArray[np.int32], *, cancel: Flag | None = None) -> ComputedDraft:
        calls.drafts += 1
        calls.guessed += len(ids) - 1
        return draft_step(state, ids, cancel=cancel)

    return dataclasses.replace(model, kernel=Counting(), draft_step=draft), calls  # type: ignore[arg-type]


def plain(model: RunnableModel) -> RunnableModel:
    return dataclasses.replace(model, draft_step=None)


Told = list[tuple[str, tuple[float, ...]]]


def ask(
    model: RunnableModel,
    content: str = EVIDENCE,
    interrupt: Interrupt | None = None,
    at_boundary: Callable[[int], None] = lambda n: None,
    **options: object,
) -> tuple[GenerateDone, Told]:
    request = Generate(1, (ChatMessage("user", content),), **{"max_tokens": 200, **options})  # type: ignore[arg-type]
    told: Told = []
    steps = answer(
        model,
        request,
        None,
        interrupt or Interrupt(),
        lambda done, total: None,
        lambda text, p: told.append((text, tuple(p))),
    )
    return finish(steps, at_boundary), told


class Oracle:
    """Guesses what it was told an answer will say, some of it wrong."""

    def __init__(self, says: Sequence[int], wrong: Sequence[bool]) -> None:
        self._says, self._wrong, self._said = says, wrong or [False], 0

    def say(self, token_id: int) -> None:
        self._said += 1

    def ahead(self, limit: int, uncertain: int) -> Guess:
        found = [
            token + 1 if self._wrong[(self._said + n) % len(self._wrong)] else token
            for n, token in enumerate(self._says[self._said : self._said + limit])
        ]
        return Guess(tuple(found), (True,) * len(found))


def timeless(done: GenerateDone) -> GenerateDone:
    return msgspec.structs.replace(done, prefill_s=0.0, decode_s=0.0)


# --- whole answers


def test_an_answer_that_quotes_is_the_same_in_far_fewer_calls() -> None:
    model = make_model(Habits(script=QUOTING))
    expected, expected_told = ask(plain(model))
    guessing, calls = counted(model)
    done, told = ask(guessing)
    assert done.text == QUOTING
    assert told == expected_told
    assert timeless(done) == timeless(expected)
    assert (
        calls.steps + calls.drafts - done.generated_tok < done.generated_tok / 2
    )  # the plain one's are in it


@settings(max_examples=60, deadline=None)
@given(
    wrong=st.lists(st.booleans(), max_size=12),
    temperature=st.sampled_from([0.0, 1.5]),
    max_tokens=st.integers(1, 40),
    stop=st.sampled_from([(), ("e",), ("q", "ab")]),
    content=st.text("abc ", min_size=1, max_size=12),
)
def test_no_answer_depends_on_what_was_guessed(
    wrong: list[bool], temperature: float, max_tokens: int, stop: tuple[str, ...], content: str
) -> None:
    model = make_model(Habits())
    options = {"temperature": temperature, "max_tokens": max_tokens, "stop": stop, "seed": 4}
    whole, _ = ask(plain(model), content, temperature=temperature, max_tokens=60, seed=4)
    expected, expected_told = ask(plain(model), content, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafting, "LookupGuesses", lambda ids, room: Oracle(list(whole.text.encode()), wrong))
        guessing, calls = counted(model)
        done, told = ask(guessing, content, **options)
    assert told == expected_told
    assert timeless(done) == timeless(expected)
    assert calls.drafts > 0 or done.generated_tok <= 2


def test_guesses_that_are_always_wrong_cost_a_few_and_then_nearly_none() -> None:
    model, calls = counted(make_model(Habits(script="x" * 400)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafting, "LookupGuesses", lambda ids, room: AlwaysWrong())
        done, _ = ask(model, max_tokens=400)
    assert done.text == "x" * 400
    assert 0 < calls.guessed <= 10
    assert calls.steps + calls.drafts == 399


class AlwaysWrong:
    def say(self, token_id: int) -> None:
        pass

    def ahead(self, limit: int, uncertain: int) -> Guess:
        count = min(limit, uncertain)
        return Guess((1,) * count, (False,) * count)


def test_an_answer_can_be_stopped_between_any_two_tokens_of_a_draft() -> None:
    model = make_model(Habits(script=QUOTING))
    for boundary in range(1, 60):
        partials = []
        for one in (model, plain(model)):
            interrupt = Interrupt()

            def stop(n: int, interrupt: Interrupt = interrupt, boundary: int = boundary) -> None:
                if n == boundary:
                    interrupt.cancel()

            with pytest.raises(AnswerStopped) as stopped:
                ask(one, interrupt=interrupt, at_boundary=stop)
            partials.append(stopped.value.partial)
        assert timeless(partials[0]) == timeless(partials[1])
        assert partials[0].text == QUOTING[:boundary]


def test_a_raised_flag_ends_a_draft_as_it_ends_a_step() -> None:
    model = make_model(Habits(script=QUOTING, step_s=60.0))
    oracle = Oracle(list(QUOTING.encode()), [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafting, "LookupGuesses", lambda ids, room: oracle)
        interrupt = Interrupt()
        steps = answer(
            model,
            Generate(1, (ChatMessage("user", EVIDENCE),)),
            None,
            interrupt,
            lambda done, total: None,
            lambda text, p: interrupt.cancel(),
        )
        with pytest.raises(AnswerStopped) as stopped:
            finish(steps)
    assert stopped.value.partial.text == "I"


class Noting:
    """A watch that notes what was fed and where the state then stood."""

    def __init__(self) -> None:
        self.fed_ids: list[int] = []
        self.state: ReadingState | None = None

    def watch_reading(self, state: ReadingState) -> None: ...

    def watch_answer(self, state: ReadingState, prompt_ids: NDArray[np.int32]) -> None:
        self.state = state

    def fed(self, token_id: int) -> None:
        self.fed_ids.append(token_id)


@pytest.mark.parametrize("options", [{}, {"max_tokens": 30}, {"stop": ("bisop",)}, {"max_tokens": 1}])
def test_at_its_end_an_answer_has_read_exactly_what_it_would_have_step_by_step(
    options: dict[str, object],
) -> None:
    found = []
    for draft in (True, False):
        watch = Noting()
        model = make_model(Habits(script=QUOTING))
        model = dataclasses.replace(model if draft else plain(model), watch=cast("Watch", watch))
        ask(model, **options)
        assert watch.state is not None
        found.append((watch.fed_ids, watch.state.position))
    assert found[0] == found[1]


# --- what is guessed


def lookup(prompt: str, said: str = "", room_tok: int = 50) -> LookupGuesses:
    guesses = LookupGuesses(np.frombuffer(prompt.encode(), np.uint8).astype(np.int32), room_tok)
    for byte in said.encode():
        guesses.say(byte)
    return guesses


def guessed(prompt: str, said: str, limit: int) -> str:
    return bytes(lookup(prompt, said).ahead(limit, LONGEST_TOK).token_ids).decode()


def test_the_longest_run_that_stands_there_already_goes_on() -> None:
    assert guessed("abcd1 bcd2 cd3", "abcd", 3) == "1 b"
    assert guessed("abcd1 bcd2 cd3", "xbcd", 2) == "2 "
    assert guessed("abcd1 abcd2", "abcd", 1) == "2"  # of equal ones the latest
    assert guessed("nothing", "like it", 5) == ""
    assert guessed("one c here", " c", 9) == " here "
    assert guessed("a one", "xo", 5) == ""  # one letter is too little
    assert guessed("", "abcab", 9) == "cab"  # what the answer said itself


def test_a_short_run_guesses_little() -> None:
    text = "0123456789abcdefghijkl"
    assert guessed(text, "01", 15) == "2345"
    assert guessed(text, "0123", 15) == "456789ab"
    assert guessed(text, "0123", 3) == "456"


@given(st.text("ab", max_size=60), st.text("ab", min_size=1, max_size=10), st.integers(1, LONGEST_TOK))
def test_what_is_guessed_followed_the_same_tokens_before(prompt: str, said: str, limit: int) -> None:
    whole = prompt + said
    found = guessed(prompt, said, limit)
    assert len(found) <= limit
    if found:
        assert whole[-2:] + found in whole
    elif len(whole) > 2:
        assert whole[-2:] not in whole[:-1]


def test_right_guesses_allow_more_and_wrong_ones_fewer() -> None:
    allowance = Allowance()
    assert allowance.guesses == 2
    allowance.judged(2, 2)
    assert allowance.guesses == 4
    allowance.judged(4, 4)
    allowance.judged(8, 8)
    allowance.judged(LONGEST_TOK, LONGEST_TOK)
    assert allowance.guesses == LONGEST_TOK
    allowance.judged(LONGEST_TOK, 3)
    assert allowance.guesses == 6
    allowance.judged(6, 0)
    assert allowance.guesses == 0
    waits = []
    for _ in range(4):
        written = 0
        while allowance.guesses == 0:
            allowance.written(1)
            written += 1
        waits.append(written)
        allowance.judged(1, 0)
    assert waits == sorted(waits)
    assert waits[-1] >= 4 * waits[0]
    allowance.judged(0, 0)
    assert allowance.guesses == 0


def test_a_guess_ends_before_a_token_that_would_end_the_answer() -> None:
    model, calls = counted(make_model(Habits(script="abcdefgh")))
    steps = drafted_steps(model, [*b"abcdefgh", 257, 0, 0])
    steps.after(ord("a"), 100, FakeFlag)
    assert calls.guessed == len("bcdefgh")
    steps = drafted_steps(model, [*b"abcdefgh"])
    steps.after(ord("a"), 3, FakeFlag)
    assert calls.guessed == len("bcdefgh") + 3


def drafted_steps(model: RunnableModel, says: list[int]) -> DraftedSteps:
    return DraftedSteps(model, model.new_state(), Oracle(says, []), lambda token: None)


# --- real models


# What the order of sums may move in logits near 1, and so which best token is the best either way. With
# integer weights it may move an activation to the neighbouring code, with spikes a count over a tie.
GATES = {"f32": 2e-3, "f16": 5e-3, "int8": 0.1, "integer": 0.1, "spikes": 0.5}


@pytest.mark.parametrize("precision", ["f32", "f16", "int8"])
@pytest.mark.parametrize("form", ["f32", "bf16", "q8", "q4", "spikes"])
def test_the_best_token_is_the_same_wherever_it_leads_by_more_than_the_gate(
    tmp_path: Path, form: Format | Literal["spikes"], precision: WindowPrecision
) -> None:
    gate = max(
        GATES[precision], GATES["integer" if form in ("q8", "q4") else form if form == "spikes" else "f32"]
    )
    compared = 0
    for seed in range(3):
        folder = write_checkpoint(
            tmp_path / str(seed), config=small_config(layers=4), element="F32", seed=seed
        )
        file = tmp_path / f"{seed}.gguf"
        convert(folder, file, "q8" if form == "spikes" else form)
        spikes_k = 3.0 if form == "spikes" else 0.0
        model = load_model(Load(1, str(file), threads=1, window_precision=precision, spikes_k=spikes_k))
        prompt = np.asarray(model.encode_text(EVIDENCE), np.int32)
        stepped = rows_of(plain(model), prompt, None)
        ids = [int(np.argmax(row)) for row in stepped]
        drafted = rows_of(model, prompt, ids)
        for step, draft in zip(stepped, drafted, strict=True):
            second, first = np.sort(step)[-2:]
            if first - second > gate:
                assert np.argmax(step) == np.argmax(draft)
                compared += 1
    assert compared >= 30


def rows_of(
    model: RunnableModel, prompt: NDArray[np.int32], says: list[int] | None, count: int = 40
) -> list[NDArray[np.float32]]:
    """Logits along the greedy answer, or along what it `says`, every fifth token of that guessed wrong."""
    state = model.new_state()
    row = model.kernel.prefill(state, prompt)
    guesses = None if says is None else Oracle(says, [n % 5 == 3 for n in range(count)])
    steps = DraftedSteps(model, state, guesses, lambda token: None)
    rows = [row[: model.vocabulary]]
    while len(rows) < count:
        token = int(np.argmax(rows[-1])) if says is None else says[len(rows) - 1]
        rows.append(steps.after(token, count, model.new_flag)[: model.vocabulary])
    steps.settle()
    assert state.position == len(prompt) + count - 1
    return rows
