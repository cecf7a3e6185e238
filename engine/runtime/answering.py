"""The answering loop: a prompt goes in, text comes out token by token."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence

import numpy as np

from engine.models.verbatim import Verbatim
from engine.protocol import Generate, GenerateDone, StopReason
from engine.runtime.drafting import steps_for
from engine.runtime.interrupt import Interrupt, Stopped
from engine.runtime.reading import Report, feed
from engine.runtime.sampler import Sampler, Sampling
from engine.runtime.seam import ContextFull, RunnableModel
from engine.runtime.sessions import Session
from engine.runtime.streaming import TextStream

Emit = Callable[[str, Sequence[float]], None]
"""Called with the next piece of text and the probability of each token that made it."""


class PromptEmpty(Exception):
    """The conversation became no tokens at all."""


class AnswerStopped(Stopped):
    """The answer was cancelled; `partial` is what was said so far."""

    def __init__(self, partial: GenerateDone) -> None:
        super().__init__()
        self.partial = partial


def geometric_mean(probabilities: Sequence[float]) -> float:
    """The confidence in an answer: the geometric mean of its tokens' probabilities, 0 for no tokens."""
    if not probabilities or min(probabilities) <= 0.0:
        return 0.0
    return math.exp(sum(math.log(p) for p in probabilities) / len(probabilities))


def answer(
    model: RunnableModel,
    request: Generate,
    session: Session | None,
    interrupt: Interrupt,
    report: Report,
    emit: Emit,
) -> Generator[None, None, GenerateDone]:
    """Answer `request` from a copy of `session`, or from nothing; yields wherever other work may run.

    The session itself is left as it is. Raises AnswerStopped when cancelled, PromptEmpty for an empty prompt.
    """
    began_s = time.monotonic()
    ids = np.asarray(model.encode_prompt(request.messages), dtype=np.int32)
    if not len(ids):
        raise PromptEmpty
    sampling = Sampling(
        temperature=request.temperature,
        top_p=request.top_p,
        repetition_penalty=request.repetition_penalty,
        seed=request.seed,
    )
    sampler = Sampler(sampling, vocabulary=model.vocabulary)
    sampler.see(ids.tolist())
    verbatim = Verbatim(ids.tolist(), model.token_bytes, model.vocabulary) if model.info.reader else None
    stream = TextStream(model.token_bytes, request.stop)
    probabilities: list[float] = []
    untold: list[float] = []
    state = model.new_state() if session is None else session.state.fork()
    reused_tok = state.position
    if model.watch is not None:
        model.watch.watch_answer(state, ids)
    fed = (lambda token_id: None) if model.watch is None else model.watch.fed
    steps = steps_for(model, state, ids, verbatim, request.max_tokens, fed)
    prefilled_s = began_s

    def account(reason: StopReason) -> GenerateDone:
        return GenerateDone(
            text=stream.text,
            prompt_tok=len(ids),
            reused_tok=reused_tok,
            generated_tok=len(probabilities),
            prefill_s=prefilled_s - began_s,
            decode_s=time.monotonic() - prefilled_s,
            stop_reason=reason,
            confidence=geometric_mean(probabilities),
            lowest_probability=min(probabilities, default=0.0),
        )

    def tell(piece: str) -> None:
        if piece:
            emit(piece, tuple(untold))
            untold.clear()

    try:
        report(0, len(ids))
        logits = yield from feed(
            model, state, ids, interrupt, lambda done: report(done, len(ids)), want_logits=True
        )
        prefilled_s = time.monotonic()
        reason: StopReason = "length"
        while len(probabilities) < request.max_tokens:
            interrupt.check()
            choice = sampler.choose(logits, verbatim.allowed(logits) if verbatim else None)
            if choice.token_id in model.stop_ids:
                reason = "end"
                break
            probabilities.append(choice.probability)
            untold.append(choice.probability)
            tell(stream.push(choice.token_id))
            if verbatim:
                verbatim.say(choice.token_id)
            if stream.stopped:
                reason = "stop"
                break
            yield
            interrupt.check()
            room_tok = request.max_tokens - len(probabilities)
            if room_tok > 0:
                try:
                    logits = steps.after(choice.token_id, room_tok - 1, lambda: interrupt.arm(model.new_flag))
                except ContextFull:
                    break  # what was said stands; there is no room to say more
    except (Stopped, model.stopped):
        if prefilled_s == began_s:
            prefilled_s = time.monotonic()
        steps.settle()
        tell(stream.finish())
        raise AnswerStopped(account("stopped")) from None
    steps.settle()
    tell(stream.finish())
    return account(reason)
