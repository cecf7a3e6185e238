"""Which passages a model gets to see: the best ones that fit the window, as many as this machine reads soon
enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.chat.values import Evidence

WINDOW_TOK = 4_096  # the exact window: evidence, question and answer must stay inside it
READER_PROMPT_TOK = 512
READER_PASSAGES = 6
ORDINARY_PASSAGES = 40
FIRST_WORD_S = 4.0
LEAST_TOK = 200


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that could be shown, best first in a list of them. ``text == page_text[start:end]``."""

    document_id: str
    document: str
    page: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Budget:
    """What a prompt may cost: ``prompt_tok`` in the model's own tokens, ``answer_tok`` kept free for the
    answer.
    """

    prompt_tok: int
    answer_tok: int
    passages: int


def plan_budget(
    *,
    reader: bool,
    window_tok: int,
    evidence_tok: int,
    prefill_tok_per_s: float,
    first_word_s: float = FIRST_WORD_S,
) -> Budget:
    """How much evidence suits a model on this machine.

    ``evidence_tok`` is what the model's file asks for (0: no wish). ``prefill_tok_per_s`` is the measured
    speed (0: not measured yet, then the model's wish or a careful thousand holds).
    """
    window = min(window_tok or WINDOW_TOK, WINDOW_TOK)
    if reader:
        prompt = min(READER_PROMPT_TOK, window - 96)
        return Budget(prompt, 96, READER_PASSAGES)
    answer = min(512, window // 4)
    wish = evidence_tok or 2_500
    soon = int(prefill_tok_per_s * first_word_s) if prefill_tok_per_s > 0 else 1_000
    prompt = max(LEAST_TOK, min(wish + 300, soon, window - answer))
    return Budget(min(prompt, window - answer), answer, ORDINARY_PASSAGES)


def number(sources: Sequence[Source]) -> tuple[Evidence, ...]:
    """Give passages their anchors for one question, from 1 up."""
    return tuple(
        Evidence(anchor, s.document_id, s.document, s.page, s.start, s.end, s.text)
        for anchor, s in enumerate(sources, 1)
    )


def choose(
    sources: Sequence[Source],
    budget: Budget,
    count_tok: Callable[[Sequence[Evidence]], int],
) -> tuple[tuple[Evidence, ...], int]:
    """The longest run of best sources whose whole prompt fits, and the prompt's exact size in tokens.

    ``count_tok`` counts the prompt that the evidence would make, in the model's own tokens; it is asked a
    few times only. With nothing that fits, the evidence is empty and the count that of the bare question.
    """
    few = list(sources[: budget.passages])
    # A first guess by characters saves most counts: about four to a token, then the exact count decides.
    low, high = 0, len(few)
    best: tuple[tuple[Evidence, ...], int] | None = None
    guess = high
    while low < high or best is None:
        evidence = number(few[:guess])
        tok = count_tok(evidence)
        if tok <= budget.prompt_tok or guess == 0:
            best = (evidence, tok)
            low = guess
        else:
            high = guess - 1
        if low >= high and best is not None and len(best[0]) == low:
            break
        guess = (low + high + 1) // 2
    return best
