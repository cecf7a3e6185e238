"""Asks a converted reader in our own engine, at the precision it is shipped and run with."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import kernels
from engine.models.loading import LoadedModel
from engine.models.verbatim import Verbatim

ANSWER_TOK = 96
WINDOW_PRECISION: kernels.WindowPrecision = "f16"


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Said:
    """`confidence` is the geometric mean of the probabilities of the answer's tokens."""

    text: str
    confidence: float
    prompt_tok: int


@dataclass(frozen=True, slots=True)
class Speed:
    prefill_tok_per_s: float
    decode_tok_per_s: float
    prompt_tok: int


def ids_of(model: LoadedModel, content: str) -> NDArray[np.int32]:
    return np.asarray(model.encode_prompt([Turn("user", content)]), dtype=np.int32)


def ask(model: LoadedModel, content: str, *, free: bool = False) -> Said:
    """The greedy answer to one prompt."""
    state = model.model.new_state(window_precision=WINDOW_PRECISION)
    return answer(model, state, ids_of(model, content), free=free)


def answer(model: LoadedModel, state: kernels.State, ids: NDArray[np.int32], *, free: bool = False) -> Said:
    """The greedy answer after `ids` are read onto what `state` has read already.

    A `free` reader may say anything; otherwise it is held to words of `ids`, as it is in the application.
    """
    logits = model.model.prefill(state, ids, logits="last")
    tokenizer = model.tokenizer
    rules = None if free else Verbatim(ids.tolist(), tokenizer.token_bytes, tokenizer.vocabulary)
    chosen: list[int] = []
    logs: list[float] = []
    while len(chosen) < ANSWER_TOK:
        allowed = None if rules is None else rules.allowed(logits)
        token = int(np.argmax(logits)) if allowed is None else max(allowed, key=lambda i: float(logits[i]))
        if token in model.stop_ids:
            break
        shifted = logits.astype(np.float64) - float(logits[token])
        logs.append(-float(np.logaddexp.reduce(shifted)))
        chosen.append(token)
        if rules is not None:
            rules.say(token)
        logits = model.model.step(state, token)
    return Said(model.decode(chosen), math.exp(statistics.fmean(logs)) if logs else 0.0, len(ids))


def measure_speed(model: LoadedModel, content: str, *, runs: int = 5, answer_tok: int = 64) -> Speed:
    """The whole prompt read at once, then tokens written one by one: the fastest of some runs, since whatever
    else the machine does only slows them."""
    ids = ids_of(model, content)
    prefills, decodes = [], []
    for _ in range(runs):
        state = model.model.new_state(window_precision=WINDOW_PRECISION)
        began_s = time.perf_counter()
        logits = model.model.prefill(state, ids, logits="last")
        read_s = time.perf_counter()
        for _ in range(answer_tok):
            logits = model.model.step(state, int(np.argmax(logits)))
        prefills.append(len(ids) / (read_s - began_s))
        decodes.append(answer_tok / (time.perf_counter() - read_s))
    return Speed(max(prefills), max(decodes), len(ids))
