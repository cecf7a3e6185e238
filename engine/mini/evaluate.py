"""Measures a converted model in our own engine: on the generator's validation side and on the samples.

For each question: is the value exact, is the anchor right, would the answer be given at all (confidence), and
is an absent answer recognised. `python -m engine.mini evaluate --model FILE`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from engine.mini import replies
from engine.mini.exclusion import fold
from engine.models.loading import LoadedModel, load

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "resources" / "models" / "mini-reader.gguf"
SAMPLES = ROOT / "resources" / "samples"
ANSWER = re.compile(r"\s*«(?P<value>.*?)»\s*\[\s*(?P<anchor>\d{1,6})\s*\]", re.DOTALL)
PROMPT_TOK = 512
PASSAGES = 6


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    value: str
    anchor: int  # -1 when the reply has no such form
    confidence: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One question answered. `expected` is "" for an absent answer."""

    question: str
    expected: str
    reply: Reply
    anchors: frozenset[int]
    verbatim: bool

    @property
    def exact(self) -> bool:
        return fold(self.reply.value) == fold(self.expected)

    @property
    def holding(self) -> bool:
        """The value holds the expected one or the other way round (a title or a unit more or less)."""
        said, wanted = fold(self.reply.value), fold(self.expected)
        return bool(said) and (f" {wanted} " in f" {said} " or f" {said} " in f" {wanted} ")

    @property
    def right_anchor(self) -> bool:
        return self.reply.anchor in self.anchors


def prompt_of(passages: list[str], question: str) -> str:
    """The user message as the application builds it."""
    lines = [f"[{n}] {' '.join(text.split())}" for n, text in enumerate(passages, 1)]
    asked = f"? {' '.join(question.split())}"
    return "\n".join([asked, *lines, asked])


def ask(model: LoadedModel, content: str) -> Reply:
    """The greedy answer as the application gets it, with its first value and passage."""
    said = replies.ask(model, content)
    match = ANSWER.match(said.text)
    if match is None:
        return Reply(said.text, "", -1, said.confidence)
    return Reply(said.text, match["value"].strip(), int(match["anchor"]), said.confidence)


def judge(model: LoadedModel, passages: list[str], question: str, expected: str, anchors: set[int]) -> Judged:
    reply = ask(model, prompt_of(passages, question))
    shown = passages[reply.anchor - 1] if 0 < reply.anchor <= len(passages) else ""
    return Judged(question, expected, reply, frozenset(anchors), bool(reply.value) and reply.value in shown)


def judge_validation(model: LoadedModel, count: int, seed: int = 99) -> list[Judged]:
    """One question each on `count` generated dossiers of the validation side."""
    from engine.mini.data import Generator

    stream = Generator(seed, "valid").stream(170, 1)
    found = []
    while len(found) < count:
        example = next(stream)
        question = example.questions[0]
        passages = list(example.passages)
        if len(model.encode_text(prompt_of(passages, question.text))) <= PROMPT_TOK:
            found.append(judge(model, passages, question.text, question.value, {question.anchor}))
    return found


def judge_samples(model: LoadedModel, passages_shown: int = PASSAGES) -> list[Judged]:
    """Every sample question over the passages most like it, the right one among them."""
    from engine.mini.papers import choose, holds, read_dossier

    rows = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))
    found = []
    for row in rows:
        for count in range(passages_shown, 0, -1):
            chosen, anchors = choose(row, read_dossier(row["dossier"]), count)
            texts = [p.text for p in chosen]
            if not chosen or len(model.encode_text(prompt_of(texts, row["question"]))) <= PROMPT_TOK:
                break
        if not chosen:
            continue
        assert any(holds(p, row) for p in chosen)
        found.append(judge(model, texts, row["question"], row["answer"], anchors))
    return found


def judge_absent(model: LoadedModel) -> list[Judged]:
    """The sample questions whose answers no paper holds."""
    from engine.mini.papers import choose, read_dossier

    rows = json.loads((SAMPLES / "questions-absent.json").read_text(encoding="utf-8"))
    found = []
    for row in rows:
        passages = read_dossier(row["dossier"])
        ghost = {
            **row,
            "answer": passages[0].text,
            "document": passages[0].document,
            "quote": passages[0].text,
        }
        texts = [p.text for p in choose(ghost, passages, PASSAGES)[0]]
        while len(model.encode_text(prompt_of(texts, row["question"]))) > PROMPT_TOK:
            texts.pop()
        found.append(judge(model, texts, row["question"], "", {0}))
    return found


def summary(judged: list[Judged], floor: float) -> dict[str, float]:
    """Shares of the present and the absent questions; `given` is what stands above the confidence floor."""
    present = [j for j in judged if j.expected]
    absent = [j for j in judged if not j.expected]

    def share(these: list[Judged], among: list[Judged]) -> float:
        return round(len(these) / len(among), 3) if among else 0.0

    given = [j for j in present if j.reply.confidence >= floor and j.verbatim and j.reply.anchor > 0]
    return {
        "questions": len(judged),
        "value": share([j for j in present if j.exact], present),
        "holding": share([j for j in present if j.holding], present),
        "anchor": share([j for j in present if j.right_anchor], present),
        "value+anchor": share([j for j in present if j.exact and j.right_anchor], present),
        "holding+anchor": share([j for j in present if j.holding and j.right_anchor], present),
        "verbatim": share([j for j in present if j.verbatim], [j for j in present if j.reply.value]),
        "false absent": share([j for j in present if j.reply.anchor == 0], present),
        "fell back": share([j for j in present if j not in given], present),
        "right among given": share([j for j in given if j.holding and j.right_anchor], given),
        "absent known": share([j for j in absent if j.reply.anchor == 0], absent),
    }


def weigh_floors(judged: list[Judged]) -> list[tuple[float, float, float]]:
    """(floor, share of the present questions answered above it, share of those answers that are right)."""
    rows = []
    for hundredths in (*range(50, 95, 5), *range(95, 100)):
        figures = summary(judged, hundredths / 100)
        rows.append((hundredths / 100, round(1 - figures["fell back"], 3), figures["right among given"]))
    return rows


def evaluate(path: Path | None, *, validation: int = 200, threads: int = 1) -> dict[str, dict[str, float]]:
    model = load(path or SHIPPED, threads=threads)
    floor = model.info.confidence_floor
    generated = judge_validation(model, validation)
    for limit, given, right in weigh_floors(generated):
        print(
            f"floor {limit:.2f}: {given:.0%} of the validation questions answered, {right:.0%} of those right"
        )
    results = {
        "validation": summary(generated, floor),
        "samples": summary(judge_samples(model) + judge_absent(model), floor),
    }
    for name, figures in results.items():
        print(name, json.dumps(figures, ensure_ascii=False))
    return results
