"""What the shipped reader must reach, and whether it does.

Everything is asked in our own engine at the shipped precision. Right passages, exact values, verbatim
quotes and absent answers come from the held-out side of the generator (patterns, names and made-up words that
training never sees), the sample dossiers from their questions. What needs the whole application is measured
by its side and joins the same table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.mini.data import held_out
from engine.mini.evaluate import SHIPPED, judge_absent, judge_samples, prompt_of
from engine.mini.outcomes import Outcome, Shares, percent, weigh
from engine.mini.replies import Speed, ask, measure_speed
from engine.models.loading import LoadedModel, load

LANGUAGES = ("fr", "en")
FREE_QUESTIONS = 500
LARGEST_BYTES = 16_000_000
SIDE = "test"  # of the generator: neither trained on nor looked at while training is steered

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Gate:
    """`measured` is None where the measurement was not made; `most` says that less is better."""

    name: str
    goal: float
    measured: float | None
    unit: str = "%"
    most: bool = False

    @property
    def met(self) -> bool:
        if self.measured is None:
            return False
        return self.measured <= self.goal if self.most else self.measured >= self.goal

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        if self.met:
            return "met"
        short = abs(self.goal - self.measured)
        return f"missed by {show(short, 'points' if self.unit == '%' else self.unit)}"


def show(figure: float, unit: str) -> str:
    if unit == "%":
        return f"{figure:.1f} %"
    return f"{figure:,.1f} {unit}" if unit in {"points", "MB"} else f"{figure:,.0f} {unit}"


@dataclass(frozen=True, slots=True)
class Report:
    """A model measured. `tables` are further rows of shares: by language and by task."""

    model: str
    identity: str
    gates: tuple[Gate, ...]
    tables: dict[str, Shares]
    failures: tuple[Outcome, ...]

    def as_values(self) -> dict[str, object]:
        """What goes into the JSON file: figures only, the failures have a file of their own."""
        return {
            "model": self.model,
            "identity": self.identity,
            "gates": [{**asdict(gate), "met": gate.met, "verdict": gate.verdict} for gate in self.gates],
            "shares": {name: asdict(shares) for name, shares in self.tables.items()},
        }


def ask_held_out(
    model: LoadedModel, count: int, *, free: bool = False, tell: Tell | None = None
) -> list[Outcome]:
    """One question on each of `count` generated dossiers, always the same ones; `free` as in `replies`."""
    outcomes: list[Outcome] = []
    for example in held_out(SIDE, count):
        question = example.questions[0]
        said = ask(model, prompt_of(list(example.passages), question.text), free=free)
        outcomes.append(
            Outcome(
                example.language,
                question.kind if question.anchor else "absent",
                question.text,
                example.passages,
                question.answer,
                said.text,
                said.confidence,
            )
        )
        if tell is not None:
            tell(len(outcomes))
    return outcomes


def ask_samples(model: LoadedModel) -> Shares:
    """The sample dossiers' questions over the passages most like them, the right one among them."""
    present, absent = judge_samples(model), judge_absent(model)

    def share(holds: Sequence[bool]) -> float | None:
        return 100.0 * sum(holds) / len(holds) if holds else None

    return Shares(
        questions=len(present) + len(absent),
        right=share([j.exact and j.right_anchor for j in present] + [j.reply.anchor == 0 for j in absent]),
        passage=share([j.right_anchor for j in present]),
        exact=share([j.exact and j.right_anchor for j in present]),
        verbatim=share([j.verbatim for j in present if j.reply.value]),
        absent_known=share([j.reply.anchor == 0 for j in absent]),
        false_alarms=share([j.reply.anchor == 0 for j in present]),
    )


def gap(outcomes: Sequence[Outcome]) -> float | None:
    """How far the two languages lie apart, in points, where they lie furthest: right passage, exact value."""
    gaps = []
    for holds in (_passage, _exact):
        shares = [
            percent((one for one in outcomes if one.present and one.language == language), holds)
            for language in LANGUAGES
        ]
        if any(share is None for share in shares):
            return None
        gaps.append(abs((shares[0] or 0.0) - (shares[1] or 0.0)))
    return max(gaps)


def _passage(one: Outcome) -> bool:
    return one.right_passage


def _exact(one: Outcome) -> bool:
    return one.exact


def set_gates(
    asked: Sequence[Outcome],
    samples: Shares,
    speed: Speed,
    size_bytes: int,
    before: Sequence[Outcome] | None = None,
) -> tuple[Gate, ...]:
    """The gates that need no application. `before` is the same set asked of the model before spike coding."""
    shares = weigh(asked)
    gates = [
        Gate("Right passage, held-out set", 95.0, shares.passage),
        Gate("Exact value, held-out set", 92.0, shares.exact),
        Gate("Quotes that stand word for word in their passage", 98.0, shares.verbatim),
        Gate("Absent answers recognised", 92.0, shares.absent_known),
        Gate("False alarms: “absent” though it is there", 5.0, shares.false_alarms, most=True),
        Gate("French and English apart", 3.0, gap(asked), "points", most=True),
        Gate("Sample dossiers: exact value from the right passage", 90.0, samples.exact),
        Gate("Size of the file", LARGEST_BYTES / 1e6, size_bytes / 1e6, "MB", most=True),
        Gate("Reading", 2_000.0, speed.prefill_tok_per_s, "tokens/s"),
        Gate("Writing", 300.0, speed.decode_tok_per_s, "tokens/s"),
    ]
    if before is not None:
        was, now = weigh(before).exact, shares.exact
        lost = None if was is None or now is None else was - now
        gates.append(Gate("Exact values lost by spike coding", 2.0, lost, "points", most=True))
    return tuple(gates)


def break_down(asked: Sequence[Outcome], samples: Shares) -> dict[str, Shares]:
    """The same shares for all, for each language, for each kind of task, and for the samples."""
    groups: dict[str, list[Outcome]] = {"Held-out set": list(asked)}
    names = {"fr": "French", "en": "English"}
    for language in LANGUAGES:
        groups[names[language]] = [one for one in asked if one.language == language]
    tasks: dict[str, list[Outcome]] = defaultdict(list)
    for one in asked:
        tasks[f"Task: {one.task}"].append(one)
    groups |= dict(sorted(tasks.items()))
    return {name: weigh(group) for name, group in groups.items()} | {"Sample dossiers": samples}


def measure(
    path: Path | None = None,
    *,
    questions: int = 2_000,
    threads: int = 1,
    before: Path | None = None,
    tell: Tell | None = None,
) -> Report:
    """Ask the model at `path` (the shipped one by default) everything that needs no application."""
    model = load(path or SHIPPED, threads=threads)
    asked = ask_held_out(model, questions, tell=tell)
    free = ask_held_out(model, min(FREE_QUESTIONS, questions), free=True)
    samples = ask_samples(model)
    longest = max(asked, key=lambda one: sum(map(len, one.passages)))
    speed = measure_speed(model, prompt_of(list(longest.passages), longest.question))
    was = None if before is None else ask_held_out(load(before, threads=threads), questions, tell=tell)
    return Report(
        f"{model.info.label_en or model.info.name}, {model.info.format}, "
        f"{model.info.parameters:,} parameters",
        model.info.identity,
        set_gates(asked, samples, speed, model.info.size_bytes, was),
        break_down(asked, samples) | {"Held to no words": weigh(free)},
        tuple(one for one in asked if not one.right),
    )
