"""Known answers of the shipped reader: ten prompts whose greedy answers no build may change.

Chosen so that at every token the best logit leads the next one by more than `GATE`, on every instruction set
this machine has; rounding differs between them, and a spike count near a tie moves what follows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from engine import kernels
from engine.mini.data import held_out
from engine.mini.evaluate import SHIPPED, prompt_of
from engine.mini.replies import ANSWER_TOK, WINDOW_PRECISION, ids_of
from engine.models.loading import LoadedModel, load

FIXTURE = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "mini-reader-answers.json"
GATE = 1.0
PROMPTS = 10
LONGEST_TOK = 160


@dataclass(frozen=True, slots=True)
class Known:
    """`lead` is the least lead of the best logit over the next, along the whole answer."""

    prompt: str
    answer: str
    ids: tuple[int, ...]
    lead: float


def say(model: LoadedModel, prompt: str) -> Known:
    """The greedy answer, with no rule but the model's own ranking."""
    state = model.model.new_state(window_precision=WINDOW_PRECISION)
    logits = model.model.prefill(state, ids_of(model, prompt), logits="last")
    chosen: list[int] = []
    lead = float("inf")
    while len(chosen) < ANSWER_TOK:
        second, first = np.sort(logits)[-2:]
        lead = min(lead, float(first - second))
        token = int(np.argmax(logits))
        chosen.append(token)
        if token in model.stop_ids:
            break
        logits = model.model.step(state, token)
    return Known(prompt, model.decode(chosen), tuple(chosen), round(lead, 2))


def choose(path: Path = SHIPPED, *, threads: int = 1) -> list[Known]:
    """From held-out questions, French and English in turn, no two with the same answer."""
    models = [load(path, threads=threads, isa=isa) for isa in kernels.features().tables]
    found: list[Known] = []
    for example in held_out("valid", 2000):
        prompt = prompt_of(list(example.passages), example.questions[0].text)
        if len(ids_of(models[0], prompt)) > LONGEST_TOK or any(k.prompt == prompt for k in found):
            continue
        said = [say(model, prompt) for model in models]
        least = min(said, key=lambda known: known.lead)
        if least.lead < GATE or len({known.ids for known in said}) > 1:
            continue
        if sum(known.answer == least.answer for known in found) < 2:
            found.append(least)
        if len(found) == PROMPTS:
            return found
    raise ValueError(f"only {len(found)} of the held-out answers are sure enough")


def write(path: Path = SHIPPED) -> Path:
    rows = [asdict(known) for known in choose(path)]
    FIXTURE.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return FIXTURE


def read() -> list[Known]:
    rows = json.loads(FIXTURE.read_text(encoding="utf-8"))
    return [Known(r["prompt"], r["answer"], tuple(r["ids"]), r["lead"]) for r in rows]
