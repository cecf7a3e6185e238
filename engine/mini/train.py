"""Training with curriculum, checkpoints and resume: plain torch, bfloat16 products, float32 weights.

`python -m engine.mini train DIR --minutes 85` writes DIR/{tokenizer.json,last.pt,curve.jsonl}; started again
on the same DIR it continues.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from tokenizers import Tokenizer
from torch import Tensor

from engine.mini.data import Example, Generator
from engine.mini.exclusion import Exclusion
from engine.mini.model import MiniConfig, MiniReader
from engine.mini.pointing import Hints, Pointing
from engine.mini.vocabulary import END, train_vocabulary

BATCH_TOK = 8192
READ_WEIGHT = 0.02  # of the language-model loss beside the answers' loss
READ_SHARE = 0.06  # of the other positions that take part in it
LOOK_WEIGHT, NUMBER_WEIGHT = 0.1, 0.1  # of the two hints
COPYING = 0.5  # mean loss of the answers' tokens under which the reader is taken to copy
DRILLS = 0.6  # share of rows that are drills until then
MATCHING, COPYING_TOO = 0.2, 0.22  # of the drills: finding a key; then copying; the rest goes by loose words
# (from this share of the time on, sequence lengths in tokens and how often each)
CURRICULUM = (
    (0.0, ((128, 1.0),)),
    (0.10, ((128, 0.4), (256, 0.6))),
    (0.20, ((128, 0.35), (256, 0.65))),
    (0.58, ((128, 1.0),)),
    (0.70, ((128, 0.2), (256, 0.5), (512, 0.3))),
    (0.85, ((128, 0.1), (256, 0.35), (512, 0.55))),
)


@dataclass(slots=True)
class Row:
    ids: list[int]
    passage: list[int]  # the passage each token stands in, 0 outside
    spans: list[tuple[int, int, bool]]  # (first, one past the last token of an answer, present)
    looks: list[tuple[int, int, int]]


@dataclass(slots=True)
class Batch:
    ids: Tensor  # [B, T]
    targets: Tensor  # [B, T], next tokens
    answers: Tensor  # [B, T] bool: positions whose target belongs to an answer
    real: Tensor  # [B, T] bool: positions whose target is text
    spans: list[tuple[int, int, int, bool]]  # (row, first position, last position, present)
    hints: Hints


class Packer:
    """Turns examples into rows of exactly `length` tokens: evidence once, then as many questions as fit."""

    def __init__(self, tokenizer: Tokenizer, generator: Generator) -> None:
        self.tokenizer, self.generator = tokenizer, generator
        self.end = tokenizer.token_to_id(END)
        self.random = Random(generator.random.random())
        self.streams: dict[tuple[int, int], tuple[Iterator[Example], ...]] = {}

    def row(self, length: int, drills: float) -> Row:
        words = int(
            length * (self.random.uniform(0.16, 0.42) if length > 128 else self.random.uniform(0.12, 0.28))
        )
        wanted = max(4, length // 34)
        key = (words, wanted)
        roll = self.random.random() / max(drills, 1e-9)
        drilled = 0 if roll >= 1.0 else 1 if roll < MATCHING else 2 if roll < COPYING_TOO else 3
        if key not in self.streams:
            self.streams[key] = (
                self.generator.stream(*key),
                self.generator.match(length // 7, length // 16),
                self.generator.drill(length // 8, length // 16),
                self.generator.loose(int(words * 0.9), length // 30),
            )
        while True:
            example = next(self.streams[key][drilled])
            starts, head, passage = [0], list[int](), list[int]()
            for number, line in enumerate(example.prompt.splitlines(keepends=True), 1):
                head += self.encode(line)
                passage += [number] * (len(head) - len(passage))
                starts.append(len(head))
            if len(head) > length - 40:
                continue
            row = Row(head, passage, [], [])
            for q in example.questions:
                asked = self.encode(f"? {q.text}\n")
                told = [*self.encode(q.answer), self.end]
                begin = len(row.ids) + len(asked)
                if begin + len(told) > length:
                    continue
                row.ids += asked + told
                row.spans.append((begin, begin + len(told), q.anchor > 0))
                if q.anchor:
                    value = self.encode(f" {q.value}")
                    asking = begin + len(self.encode(f"« {q.value} » [")) - 1
                    source = find(value, row.ids, starts[q.anchor - 1], starts[q.anchor])
                    if source >= 0:
                        row.looks.append((begin + len(self.encode("«")) - 1, source, source + 1))
                        row.looks.append((asking, source, source + len(value)))
            if row.spans:
                return row

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def batch(self, length: int, rows: int, drills: float = 0.0) -> Batch:
        ids = torch.full((rows, length + 1), self.end, dtype=torch.long)
        answers = torch.zeros(rows, length, dtype=torch.bool)
        real = torch.zeros(rows, length, dtype=torch.bool)
        spans = []
        passage = torch.zeros(rows, length, dtype=torch.long)
        looks = []
        for i in range(rows):
            row = self.row(length, drills)
            ids[i, : len(row.ids)] = torch.tensor(row.ids)
            real[i, : len(row.ids) - 1] = True
            passage[i, : len(row.passage)] = torch.tensor(row.passage)
            looks += [(i, *look) for look in row.looks]
            for start, stop, present in row.spans:
                answers[i, start - 1 : stop - 1] = True
                spans.append((i, start - 1, stop - 1, present))
        hints = Hints(torch.tensor(looks, dtype=torch.long).view(-1, 4), passage)
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), answers, real, spans, hints)


def find(wanted: list[int], ids: list[int], start: int, stop: int) -> int:
    """Where `wanted` begins among ids[start:stop]; -1 when its first word is cut into other tokens there."""
    for place in range(start, stop - len(wanted) + 1):
        if ids[place : place + len(wanted)] == wanted:
            return place
    return -1


class Feeder:
    """Writes batches in a process of its own, one ahead, so that training does not wait for text."""

    def __init__(self, vocabulary: Path, seed: int) -> None:
        self.pool = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=begin_feeding, initargs=(vocabulary, seed)
        )
        self.coming: Future[Batch] | None = None

    def next(self, length: int, rows: int, drills: float) -> Batch:
        """The batch asked for by the call before (or, the first time, by this one)."""
        ready = self.coming or self.pool.submit(feed, length, rows, drills)
        self.coming = self.pool.submit(feed, length, rows, drills)
        return ready.result()

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)


_packer: Packer | None = None


def begin_feeding(vocabulary: Path, seed: int) -> None:
    global _packer
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _packer = Packer(Tokenizer.from_file(str(vocabulary)), Generator(seed))


def feed(length: int, rows: int, drills: float) -> Batch:
    assert _packer is not None
    return _packer.batch(length, rows, drills)


def optimizers(model: MiniReader, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for everything else."""
    matrices, others = [], []
    for name, p in model.named_parameters():
        inner = name.startswith("model.layers") and p.ndim == 2 and "gk_proj.0" not in name
        (matrices if inner else others).append(p)
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def loss_of(model: MiniReader, hidden: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """(loss to minimise, mean cross-entropy of the answers' tokens)."""
    others = batch.real & ~batch.answers & (torch.rand(batch.real.shape) < READ_SHARE)
    chosen = batch.answers | others
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model.lm_head(hidden[chosen])
    each = F.cross_entropy(logits.float(), batch.targets[chosen], reduction="none")
    told = batch.answers[chosen]
    answers = each[told].mean()
    return answers + READ_WEIGHT * each[~told].mean(), answers.detach()


@torch.no_grad()
def validate(model: MiniReader, forward, batches: list[Batch]) -> dict[str, float]:
    """Greedy answers judged token by token: an answer is exact when every token would have been chosen."""
    totals = {
        "exact": 0,
        "value": 0,
        "anchor": 0,
        "present": 0,
        "absent": 0,
        "absent_ok": 0,
        "false_absent": 0,
    }
    losses = []
    for batch in batches:
        hidden, _ = forward(batch.ids)
        losses.append(loss_of(model, hidden, batch)[1].item())
        for row, start, stop, present in batch.spans:
            chosen = model.lm_head(hidden[row, start:stop].float()).argmax(-1)
            right = chosen == batch.targets[row, start:stop]
            if not present:
                totals["absent"] += 1
                totals["absent_ok"] += bool(right.all())
                continue
            totals["present"] += 1
            totals["exact"] += bool(right.all())
            totals["value"] += bool(right[:-4].all())
            totals["anchor"] += bool(right[-3])
            totals["false_absent"] += not bool(right[0]) or not bool(right[1])
    present, absent = max(1, totals["present"]), max(1, totals["absent"])
    return {
        "loss": round(sum(losses) / len(losses), 4),
        "exact": round(totals["exact"] / present, 3),
        "value": round(totals["value"] / present, 3),
        "anchor": round(totals["anchor"] / present, 3),
        "absent": round(totals["absent_ok"] / absent, 3),
        "questions": totals["present"] + totals["absent"],
    }


def rate_at(share: float, step: int, resumed: int) -> float:
    """Warm up, hold, then fall linearly to nothing over the last 45 % of the time."""
    warm = min(1.0, (step - resumed + 1) / (100 if resumed == 0 else 20))
    return warm * min(1.0, max(0.0, 1.0 - share) / 0.25) * (0.55 if share > 0.6 else 1.0)


def drills_at(share: float) -> float:
    """The drills' part falls a little in the second half of the time."""
    return max(0.45, 0.5 - 2.0 * max(0.0, share - 0.55))


def lengths_at(share: float) -> tuple[tuple[int, float], ...]:
    return [mix for start, mix in CURRICULUM if share >= start][-1]


def train(
    folder: Path,
    *,
    minutes: float,
    seed: int = 1,
    rate: float = 2e-3,
    threads: int = 2,
    compiled: bool = True,
    config: MiniConfig | None = None,
    checkpoint_s: float = 120.0,
    validation_s: float = 150.0,
) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "tokenizer.json"
    if not vocabulary.exists():
        train_vocabulary().save(str(vocabulary))
    tokenizer = Tokenizer.from_file(str(vocabulary))
    model = MiniReader(config or MiniConfig(tokenizer.get_vocab_size()))
    pointing = Pointing(model.c.hidden_size)
    steppers = [*optimizers(model, rate), torch.optim.AdamW(pointing.parameters(), lr=rate)]
    spent, step, mean, copies = 0.0, 0, None, False
    last = folder / "last.pt"
    if last.exists():
        saved = torch.load(last, weights_only=True)
        model.load_state_dict(saved["model"])
        for stepper, state in zip(steppers, saved["steppers"], strict=False):
            stepper.load_state_dict(state)
        spent, step = saved["spent"], saved["step"]
        mean, copies = saved["mean"], saved["copies"]
    resumed = step
    feeder = Feeder(vocabulary, seed * 1_000_003 + step)
    judge = Packer(tokenizer, Generator(99, "valid"))
    judged = [judge.batch(128, 32), judge.batch(384, 16), judge.batch(512, 12)]
    print(
        f"{sum(p.numel() for p in model.parameters())} parameters,"
        f" {len(Exclusion.of_samples().phrases)} phrases excluded",
        flush=True,
    )

    def forward(ids: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model(ids, torch.bfloat16)

    fast = torch.compile(forward, dynamic=False) if compiled else forward
    chooser = Random(seed + step)
    started = time.monotonic() - spent
    checked = validated = time.monotonic()
    seen, since = 0, time.monotonic()
    total_s = minutes * 60
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    while (spent := time.monotonic() - started) < total_s and not stopped.is_set():
        share = spent / total_s
        # longer sequences only once copying has been found on short ones
        copies = copies or (mean is not None and mean < COPYING)
        mix = lengths_at(share) if copies else CURRICULUM[0][1]
        length = chooser.choices([m[0] for m in mix], [m[1] for m in mix])[0]
        rows = (BATCH_TOK if length > 128 else BATCH_TOK // 2) // length
        batch = feeder.next(length, rows, drills_at(share) if copies else DRILLS)
        now = rate_at(share, step, resumed)
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = rate * now
        hidden, before = fast(batch.ids)
        loss, answers = loss_of(model, hidden, batch)
        looking, numbering = pointing(model, before, batch.hints)
        (loss + LOOK_WEIGHT * looking + NUMBER_WEIGHT * numbering).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
            stepper.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + batch.ids.numel()
        mean = answers.item() if mean is None else 0.97 * mean + 0.03 * answers.item()
        if step % 25 == 0:
            clock = time.monotonic()
            print(
                f"{spent / 60:6.1f} min  step {step}  T {batch.ids.shape[1]}  answers {mean:.3f}  "
                f"looking {looking.item():.3f}  numbering {numbering.item():.3f}  "
                f"rate {rate * now:.5f}  {seen / (clock - since):.0f} tok/s",
                flush=True,
            )
            seen, since = 0, clock
        if time.monotonic() - validated > validation_s:
            scores = validate(model, forward, judged)
            line = {"minutes": round(spent / 60, 1), "step": step, "train": round(mean, 4), **scores}
            with (folder / "curve.jsonl").open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
            print(line, flush=True)
            validated = time.monotonic()
        if time.monotonic() - checked > checkpoint_s:
            save(folder, model, steppers, spent, step, mean, copies)
            checked = time.monotonic()
    save(folder, model, steppers, spent, step, mean, copies)
    feeder.close()
    print(validate(model, forward, judged), flush=True)


def save(
    folder: Path,
    model: MiniReader,
    steppers: list[torch.optim.Optimizer],
    spent: float,
    step: int,
    mean: float | None,
    copies: bool,
) -> None:
    partial = folder / "partial.pt"
    torch.save(
        {
            "model": model.state_dict(),
            "steppers": [s.state_dict() for s in steppers],
            "spent": spent,
            "step": step,
            "mean": mean,
            "copies": copies,
            "config": model.c.as_dict(),
        },
        partial,
    )
    partial.replace(folder / "last.pt")
