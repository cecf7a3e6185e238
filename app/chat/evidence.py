"""Which passages a model gets to see: the best ones that fit the window, as many as this machine reads soon
enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.chat.values import Evidence

WINDOW_TOK = 4_096  # the exact window: evidence, question and answer must stay inside it
READER_EVIDENCE_TOK = 400
READER_QUESTION_TOK = 112  # the question's line and the anchors; 512 in all
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
    window_tok: int  # prompt and answer together never pass this


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
        prompt = min((evidence_tok or READER_EVIDENCE_TOK) + READER_QUESTION_TOK, window - 96)
        return Budget(max(1, prompt), 96, READER_PASSAGES, window)
    answer = min(512, window // 4)
    wish = evidence_tok or 2_500
    soon = int(prefill_tok_per_s * first_word_s) if prefill_tok_per_s > 0 else 1_000
    prompt = max(LEAST_TOK, min(wish + 300, soon, window - answer))
    return Budget(min(prompt, window - answer), answer, ORDINARY_PASSAGES, window)


def number(sources: Sequence[Source]) -> tuple[Evidence, ...]:
    """Give passages their anchors for one question, from 1 up."""
    return tuple(
        Evidence(anchor, s.document_id, s.document, s.page, s.start, s.end, s.text)
        for anchor, s in enumerate(sources, 1)
    )


def spread(sources: Sequence[Source], count: int) -> list[Source]:
    """The best ``count`` sources of different pages; of the same ones only where pages run out."""
    first: dict[tuple[str, int], Source] = {}
    for source in sources:
        first.setdefault((source.document_id, source.page), source)
    best = list(first.values())[:count]
    more = [source for source in sources if source not in best]
    return best + more[: count - len(best)]


def choose(
    sources: Sequence[Source],
    budget: Budget,
    count_tok: Callable[[Sequence[Evidence]], int],
) -> tuple[Evidence, ...]:
    """The longest run of best sources whose whole prompt keeps to the budget.

    ``count_tok`` counts the prompt that some evidence would make, in the model's own tokens; it is asked a
    handful of times only. On a slow machine one passage is shown even where the budget has no room for it,
    since without any there is no answer; but never past the window: then the outcome is empty.
    """
    few = list(sources[: budget.passages])
    low, high = 0, len(few)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tok(number(few[:middle])) <= budget.prompt_tok:
            low = middle
        else:
            high = middle - 1
    if low == 0 and few and count_tok(number(few[:1])) + budget.answer_tok <= budget.window_tok:
        low = 1
    return number(few[:low])
