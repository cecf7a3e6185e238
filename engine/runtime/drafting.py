"""Answers faster than token by token: what comes next is guessed from the prompt's own text, and several
tokens are computed at once, which costs little more than one. The model's own choice decides about each.

A guess changes no choice: every token is chosen from logits computed after exactly the tokens before it,
whatever the temperature. Those logits are a single step's but for the order of sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.models.verbatim import Verbatim
from engine.runtime.seam import ComputedDraft, Flag, ReadingState, RunnableModel

LONGEST_TOK: Final = 15
"""Guesses of one draft; with the token that was chosen they fill a block of the kernels."""
_SHORTEST_MATCH_TOK: Final = 2
_LONGEST_MATCH_TOK: Final = 8
_EARNED: Final = 0.1
"""Guesses that a written token pays for: at 0.3 of a step each, being wrong stays within 3 % of the time."""
_FIRST_GUESSES: Final = 2.0


@dataclass(frozen=True, slots=True)
class Guess:
    """Tokens that may follow; `certain` says of each whether only it may, those before it being right."""

    token_ids: tuple[int, ...]
    certain: tuple[bool, ...]


NOTHING: Final = Guess((), ())


class Guesses(Protocol):
    """A source of guesses; it is told every token of the answer."""

    def say(self, token_id: int) -> None: ...

    def ahead(self, limit: int, uncertain: int) -> Guess:
        """At most `limit` tokens that may come next, at most `uncertain` of them uncertain."""


class QuotedGuesses:
    """Guesses of a reader that is held to its evidence: what the rules leave, and the words that come next
    where it copies from."""

    def __init__(self, rules: Verbatim) -> None:
        self._rules = rules

    def say(self, token_id: int) -> None:
        """Nothing: the rules are told by whoever chooses."""

    def ahead(self, limit: int, uncertain: int) -> Guess:
        found = self._rules.ahead(limit, uncertain)
        return Guess(tuple(token for token, _ in found), tuple(certain for _, certain in found))


class LookupGuesses:
    """Guesses from where the prompt or the answer itself said the same before: the longest run of last tokens
    that stands there already, of equal ones the latest, and what followed it."""

    def __init__(self, prompt_ids: NDArray[np.int32], room_tok: int) -> None:
        self._ids = np.empty(len(prompt_ids) + room_tok, np.int32)
        self._ids[: len(prompt_ids)] = prompt_ids
        self._count = len(prompt_ids)

    def say(self, token_id: int) -> None:
        self._ids[self._count] = token_id
        self._count += 1

    def ahead(self, limit: int, uncertain: int) -> Guess:
        if not uncertain:
            return NOTHING
        known, last = self._ids[: self._count], self._count - 1
        places = np.flatnonzero(known[:last] == known[last])
        matched = 1
        while matched < _LONGEST_MATCH_TOK and matched <= last and len(places):
            longer = places[(places >= matched) & (known[places - matched] == known[last - matched])]
            if not len(longer):
                break
            places = longer
            matched += 1
        if matched < _SHORTEST_MATCH_TOK or not len(places):
            return NOTHING
        start = int(places[-1]) + 1
        # A short run says little about what follows.
        found = known[start : start + min(limit, uncertain, 2 * matched)].tolist()
        return Guess(tuple(found), (False,) * len(found))


class Allowance:
    """How many guesses may be wrong, so that an answer that quotes nothing costs no more than a few steps in
    a hundred: some at first, more for each that was right, fewer and fewer while all are wrong. Depends on
    tokens alone, never on time, so that the same request always computes the same.
    """

    def __init__(self) -> None:
        self._left = _FIRST_GUESSES
        self._earned = _EARNED

    @property
    def guesses(self) -> int:
        """How many may be wrong now."""
        return max(0, int(self._left))

    def written(self, count: int) -> None:
        """So many tokens were written, guessed or not."""
        self._left = min(LONGEST_TOK, self._left + count * self._earned)

    def judged(self, guessed: int, right: int) -> None:
        """Of so many uncertain guesses so many were right."""
        if not guessed:
            return
        self._earned = _EARNED if right else self._earned / 2
        self._left = min(LONGEST_TOK, self._left + right - (guessed - right))


class DraftedSteps:
    """Gives the logits after each token of one answer, from drafts where there is something to guess.

    The state stands behind the tokens that `settle` has read into it, which `fed` is told of.
    """

    def __init__(
        self,
        model: RunnableModel,
        state: ReadingState,
        guesses: Guesses | None,
        fed: Callable[[int], None],
    ) -> None:
        self._model = model
        self._state = state
        self._guesses = guesses
        self._allowance = Allowance()
        self._fed = fed
        self._draft: ComputedDraft | None = None
        self._drafted: tuple[int, ...] = ()
        self._certain: tuple[bool, ...] = ()
        self._right = 0

    def after(self, token_id: int, room_tok: int, arm: Callable[[], Flag]) -> NDArray[np.float32]:
        """Float32 [vocab] after one more chosen token; at most `room_tok` others will follow it. Raises what
        the kernel raises; the state then stands behind the tokens before this one."""
        if self._guesses is not None:
            self._guesses.say(token_id)
        if self._draft is not None and self._drafted[self._right + 1 : self._right + 2] == (token_id,):
            self._right += 1
            row: NDArray[np.float32] = self._draft.logits[self._right]
            return row
        self.settle()
        guess = self._guess(room_tok)
        if not guess.token_ids or self._model.draft_step is None:
            logits = self._model.kernel.step(self._state, token_id, cancel=arm())
            self._allowance.written(1)
            self._fed(token_id)
            return logits
        drafted = (token_id, *guess.token_ids)
        self._draft = self._model.draft_step(self._state, np.asarray(drafted, np.int32), cancel=arm())
        self._drafted, self._certain, self._right = drafted, guess.certain, 0
        first: NDArray[np.float32] = self._draft.logits[0]
        return first

    def settle(self) -> None:
        """Reads into the state what was chosen of the last draft."""
        if self._draft is None:
            return
        draft, self._draft = self._draft, None
        draft.commit(self._right + 1)
        for token_id in self._drafted[: self._right + 1]:
            self._fed(token_id)
        uncertain = [not certain for certain in self._certain]
        self._allowance.judged(sum(uncertain), sum(uncertain[: self._right]))
        self._allowance.written(self._right + 1)

    def _guess(self, room_tok: int) -> Guess:
        if self._guesses is None:
            return NOTHING
        guess = self._guesses.ahead(min(LONGEST_TOK, room_tok), self._allowance.guesses)
        for place, token_id in enumerate(guess.token_ids):
            if token_id in self._model.stop_ids:  # which nothing follows
                return Guess(guess.token_ids[:place], guess.certain[:place])
        return guess


def steps_for(
    model: RunnableModel,
    state: ReadingState,
    prompt_ids: NDArray[np.int32],
    rules: Verbatim | None,
    room_tok: int,
    fed: Callable[[int], None],
) -> DraftedSteps:
    """For an answer of up to `room_tok` tokens to `prompt_ids`, which `state` has read."""
    guesses: Guesses | None = None
    if model.draft_step is not None:
        guesses = LookupGuesses(prompt_ids, room_tok) if rules is None else QuotedGuesses(rules)
    return DraftedSteps(model, state, guesses, fed)
