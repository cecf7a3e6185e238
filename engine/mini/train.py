"""Training with curriculum, checkpoints and resume: plain torch, bfloat16 products, float32 weights.

`python -m engine.mini train DIR --minutes 85` writes DIR/{tokenizer.json,last.pt,curve.jsonl}; started again
on the same DIR it continues.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from tokenizers import Tokenizer
from torch import Tensor

from engine.mini.data import Generator
from engine.mini.exclusion import Exclusion
from engine.mini.hardware import Hardware, find_hardware
from engine.mini.model import MiniConfig, MiniReader
from engine.mini.pointing import Pointing
from engine.mini.rows import Batch, Feeder, Packer
from engine.mini.vocabulary import train_vocabulary

LONG_TOK = 256  # from this length on a step takes `Hardware.long_batch_tok` tokens
SPIKES_K = 3.0
SPIKES_FROM = 0.94  # share of the time from which inputs are coded as spikes and weights rounded to int8
READ_WEIGHT = 0.02  # of the language-model loss beside the answers' loss
READ_SHARE = 0.03  # of the other positions that take part in it
# of the hints, by name
WEIGHTS = {
    "finds": 0.4,
    "copies": 0.1,
    "regions": 0.1,
    "matches": 0.03,
    "numbers": 0.05,
    "asked": 0.2,
    "begins": 0.1,
    "verdict": 0.1,
}
FIRST_WEIGHT = 3.0  # of an answer's first word, which decides it, beside the words that follow
# (from this share of the time on, lengths in tokens and how often each)
CURRICULUM = (
    (0.0, ((96, 1.0),)),
    (0.04, ((96, 0.5), (128, 0.5))),
    (0.2, ((96, 0.25), (128, 0.45), (192, 0.3))),
    (0.5, ((128, 0.4), (192, 0.4), (256, 0.2))),
    (0.6, ((128, 0.15), (192, 0.25), (256, 0.35), (384, 0.25))),
    (0.75, ((192, 0.15), (256, 0.3), (384, 0.35), (512, 0.2))),
    (0.9, ((256, 0.3), (384, 0.36), (512, 0.3), (1024, 0.02), (2048, 0.01), (4096, 0.005), (8192, 0.005))),
)
# what an accelerator adds, since it has time for it
LONG_CURRICULUM = (
    (0.75, ((1024, 0.05), (2048, 0.03))),
    (0.85, ((1024, 0.08), (2048, 0.06), (4096, 0.04), (8192, 0.03), (16_384, 0.02), (32_768, 0.02))),
)
JUDGED = ((128, 90), (256, 90), (512, 40))  # lengths and numbers of the validation's rows
COMPILED_TOK = 384  # longer rows are too rare to be worth a compilation; so is the stage with spikes

Forward = Callable[[Tensor], tuple[Tensor, list[Tensor]]]


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
    device = hidden.device
    others = batch.real & ~batch.answers & (torch.rand(batch.real.shape, device=device) < READ_SHARE)
    chosen = batch.answers | others
    with torch.autocast(device.type, dtype=torch.bfloat16):
        logits = model.head(hidden[chosen])
    each = F.cross_entropy(logits.float(), batch.targets[chosen], reduction="none")
    told = batch.answers[chosen]
    weights = torch.ones(batch.real.shape, device=device)
    weights[batch.firsts[:, 0], batch.firsts[:, 1]] = FIRST_WEIGHT
    answers = (each[told] * weights[chosen][told]).sum() / told.sum()
    return answers + READ_WEIGHT * each[~told].mean(), each[told].mean().detach()


@torch.no_grad()
def validate(
    model: MiniReader, forward: Forward, batches: list[Batch], marks: tuple[int, int]
) -> dict[str, object]:
    """Greedy answers judged token by token: an answer is exact when every token would have been chosen.

    `marks` are the tokens that close an answer before it has begun, and that open an anchor.
    """
    empty, bracket = marks
    present: dict[str, list[bool]] = defaultdict(list)
    absent: list[bool] = []
    anchors: list[bool] = []
    alarms: list[bool] = []  # "absent" said of what is there
    losses = []
    for batch in batches:
        hidden, _ = forward(batch.ids)
        losses.append(loss_of(model, hidden, batch)[1].item())
        for row, start, stop, passage, kind in batch.spans:
            chosen = model.head(hidden[row, start:stop].float()).argmax(-1)
            wanted = batch.targets[row, start:stop]
            right = chosen == wanted
            whole = bool(right.all())
            if not passage:
                absent.append(whole)
                continue
            anchors.append(bool(right[(wanted == bracket).nonzero()[0, 0] + 1]))
            alarms.append(int(chosen[1]) == empty)
            for name in ("exact", f"T{batch.ids.shape[1]}", kind):
                present[name].append(whole)
    shares = {name: round(sum(all_) / len(all_), 3) for name, all_ in sorted(present.items())}
    return {
        "loss": round(sum(losses) / len(losses), 4),
        "exact": shares.pop("exact", 0.0),
        "anchor": round(sum(anchors) / max(1, len(anchors)), 3),
        "absent": round(sum(absent) / max(1, len(absent)), 3),
        "false absent": round(sum(alarms) / max(1, len(alarms)), 3),
        "questions": len(anchors) + len(absent),
        **shares,
    }


def rate_at(share: float, step: int, resumed: int) -> float:
    """Warm up, hold, then fall linearly to nothing over the last 45 % of the time."""
    warm = min(1.0, (step - resumed + 1) / (100 if resumed == 0 else 20))
    return warm * min(1.0, max(0.0, 1.0 - share) / 0.45)


def drills_at(share: float) -> float:
    """The drills' part of the rows: half at first, a seventh from the middle on."""
    return max(0.15, 0.5 - 0.6 * max(0.0, share - 0.05))


def simple_at(share: float) -> float:
    """Of the questions without a value, or for more than a value, the share left out: finding comes first."""
    return max(0.0, min(0.7, 1.75 - 2.5 * share))


def lengths_at(share: float, longest_tok: int) -> tuple[tuple[int, float], ...]:
    """Lengths of rows and how often each, none beyond `longest_tok`."""
    mixes = [mix for start, mix in CURRICULUM if share >= start][-1]
    if longest_tok >= LONG_CURRICULUM[-1][1][-1][0]:
        mixes += next((mix for start, mix in reversed(LONG_CURRICULUM) if share >= start), ())
    return tuple((length, often) for length, often in mixes if length <= longest_tok)


def rows_of(length: int, hardware: Hardware) -> int:
    """Always the same for a length, since every shape may be compiled."""
    return max(1, (hardware.batch_tok if length < LONG_TOK else hardware.long_batch_tok) // length)


def train(
    folder: Path,
    *,
    minutes: float,
    seed: int = 1,
    rate: float = 1e-3,
    threads: int = 2,
    compiled: bool = True,
    hardware: Hardware | None = None,
    config: MiniConfig | None = None,
    checkpoint_s: float = 120.0,
    validation_s: float = 240.0,
    spikes_from: float = SPIKES_FROM,
    most_steps: int | None = None,
) -> None:
    hardware = hardware or find_hardware()
    device = hardware.device
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "tokenizer.json"
    if not vocabulary.exists():
        train_vocabulary().save(str(vocabulary))
    tokenizer = Tokenizer.from_file(str(vocabulary))
    model = MiniReader(config or MiniConfig(tokenizer.get_vocab_size())).to(device)
    pointing = Pointing(model.c.hidden_size).to(device)
    steppers = [*optimizers(model, rate), torch.optim.AdamW(pointing.parameters(), lr=rate)]
    spent, step, mean, seen = 0.0, 0, None, 0
    last = folder / "last.pt"
    if last.exists():
        saved = torch.load(last, weights_only=True, map_location=device)
        model.load_state_dict(saved["model"])
        pointing.load_state_dict(saved["pointing"])
        for stepper, state in zip(steppers, saved["steppers"], strict=False):
            stepper.load_state_dict(state)
        spent, step, mean, seen = saved["spent"], saved["step"], saved["mean"], saved["seen"]
    resumed = step
    feeder = Feeder(vocabulary, seed * 1_000_003 + step, hardware.writers)
    judge = Packer(tokenizer, Generator(99, "valid"))
    marks = judge.writer.encode("«»")[1], judge.writer.encode("« x » [1]")[-3]
    judged = [judge.batch(length, rows).on(hardware.take) for length, rows in JUDGED]
    print(
        f"{sum(p.numel() for p in model.parameters())} parameters,"
        f" {len(Exclusion.of_samples().phrases)} phrases excluded",
        flush=True,
    )

    def forward(ids: Tensor) -> tuple[Tensor, list[Tensor]]:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            return model(ids, torch.bfloat16)

    def spiking(ids: Tensor) -> tuple[Tensor, list[Tensor]]:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            return model(ids, torch.bfloat16, SPIKES_K)

    def chosen_forward(share: float) -> tuple[Forward, Forward]:
        """(what trains, what validates) at this share of the time."""
        return (spiking, spiking) if share >= spikes_from else (fast, forward)

    fast: Forward = torch.compile(forward, dynamic=False) if compiled and hardware.compiled else forward
    chooser = Random(seed + step)
    started = time.monotonic() - spent
    checked = validated = time.monotonic()
    passed, since = 0, time.monotonic()
    total_s = minutes * 60
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())

    def save_all() -> None:
        coded = SPIKES_K if spent / total_s >= spikes_from else 0.0
        progress = {"spent": spent, "step": step, "mean": mean, "seen": seen, "spikes_k": coded}
        save(folder, model, pointing, steppers, progress)

    while (spent := time.monotonic() - started) < total_s and not stopped.is_set():
        if most_steps is not None and step - resumed >= most_steps:
            break
        share = spent / total_s
        mix = lengths_at(share, hardware.longest_tok)
        length = chooser.choices([m[0] for m in mix], [m[1] for m in mix])[0]
        batch = feeder.next(length, rows_of(length, hardware), drills_at(share), simple_at(share))
        batch = batch.on(hardware.take)
        now = rate_at(share, step, resumed)
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = rate * now
        training, judging = chosen_forward(share)
        hidden, stream = (training if length <= COMPILED_TOK else judging)(batch.ids)
        loss, answers = loss_of(model, hidden, batch)
        hints = pointing(model, stream, batch.hints)
        (loss + sum(WEIGHTS[name] * value for name, value in hints.items())).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
            stepper.zero_grad(set_to_none=True)
        tokens = batch.ids.numel()
        step, seen, passed = step + 1, seen + tokens, passed + tokens
        mean = answers.item() if mean is None else 0.97 * mean + 0.03 * answers.item()
        if step % 25 == 0:
            clock = time.monotonic()
            told = "  ".join(f"{name} {value.item():.2f}" for name, value in hints.items())
            print(
                f"{spent / 60:6.1f} min  step {step}  T {batch.ids.shape[1]}  answers {mean:.3f}  {told}  "
                f"rate {rate * now:.5f}  {passed / (clock - since):.0f} tok/s",
                flush=True,
            )
            passed, since = 0, clock
        if time.monotonic() - validated > validation_s:
            scores = validate(model, judging, judged, marks)
            line = {"minutes": round(spent / 60, 1), "step": step, "tokens": seen, "train": round(mean, 4)}
            with (folder / "curve.jsonl").open("a", encoding="utf-8") as out:
                out.write(json.dumps({**line, **scores}) + "\n")
            print({**line, **scores}, flush=True)
            validated = time.monotonic()
            passed, since = 0, validated
        if time.monotonic() - checked > checkpoint_s:
            save_all()
            checked = time.monotonic()
    save_all()
    feeder.close()
    for name, way in (("float", forward), ("spiking", spiking)):
        print(name, validate(model, way, judged, marks), flush=True)


def save(
    folder: Path,
    model: MiniReader,
    pointing: Pointing,
    steppers: list[torch.optim.Optimizer],
    progress: dict[str, float | int | None],
) -> None:
    partial = folder / "partial.pt"
    torch.save(
        {
            "model": model.state_dict(),
            "pointing": pointing.state_dict(),
            "steppers": [s.state_dict() for s in steppers],
            **progress,
            "config": model.c.as_dict(),
        },
        partial,
    )
    partial.replace(folder / "last.pt")
