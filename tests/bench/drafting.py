"""Answers with and without drafts: the shipped reader over the sample dossiers, and the shape of the 7B with
guesses of which a given share is right."""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from engine import kernels
from engine.backends.native import NativeBackend
from engine.mini.evaluate import PASSAGES, PROMPT_TOK, SAMPLES, SHIPPED, prompt_of
from engine.mini.papers import choose, read_dossier
from engine.models.config import ModelConfig
from engine.models.convert import Format
from engine.protocol import ChatMessage, Generate, GenerateDone, Load
from engine.runtime.drafting import DraftedSteps, Guess, Guesses, LookupGuesses
from engine.runtime.interrupt import Interrupt
from engine.runtime.seam import RunnableModel
from tests.bench.table import Row, show, tell
from tests.fixtures.random_model import PUBLISHED_7B, write_random_model

Clock = Callable[[], float]

ROUNDS: Final = 3
READ_TOK: Final = 256
WRITTEN_TOK: Final = 32
LAYERS: Final = 4
SHARES: Final = (0.0, 0.5, 0.8, 1.0)
GUESSED_TOK: Final = (4, 8)


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """Tokens per second of the same answers, medians over interleaved rounds; `ratio` is the median of the
    rounds' own ratios, with the least and the largest."""

    what: str
    plain_tok_per_s: float
    drafted_tok_per_s: float
    ratio: float
    least_ratio: float
    largest_ratio: float
    note: str = ""


def measure(folder: Path, *, forms: Sequence[Format] = (), threads: int = 0) -> list[Figure]:
    """Prints and gives the figures; of the 7B's shape for each of `forms`, at 2 GB of disk and memory."""
    figures: list[Figure] = []

    def table(what: str, found: Iterator[Figure]) -> None:
        show(f"Drafts, {what} ({kernels.features().isa}, {threads or 'all'} threads)", [])
        for figure in found:
            figures.append(figure)
            spread = f"{figure.ratio:.2f} x ({figure.least_ratio:.2f}-{figure.largest_ratio:.2f})"
            speeds = f"{figure.plain_tok_per_s:.1f} to {figure.drafted_tok_per_s:.1f} tokens/s {figure.note}"
            tell(Row(figure.what, spread, speeds.rstrip()))

    table("mini reader", reader(threads))
    for form in forms:
        table(f"7B shape, {LAYERS} layers, {form}", wide_model(folder, form, threads))
    return figures


# --- the shipped reader


def reader(threads: int = 0, rounds: int = ROUNDS) -> Iterator[Figure]:
    """Answers to the samples' questions: those that quote, the others, and one guessed wrongly throughout."""
    model = cast("RunnableModel", NativeBackend().load(Load(1, str(SHIPPED), threads=threads)))
    plain = dataclasses.replace(model, draft_step=None)
    prompts = sample_prompts(model)
    said = [(prompt, ask(model, prompt)[0].text, ask(plain, prompt)[0].text) for prompt in prompts]
    same = sum(drafted == stepped for _, drafted, stepped in said)
    quoting = [prompt for prompt, text, _ in said if not text.startswith("«»")]
    absent = [prompt for prompt, text, _ in said if text.startswith("«»")]
    note = f"{same} of {len(said)} answers are the same text"
    for asked, kind in ((quoting, "that quote"), (absent, "that quote nothing")):
        what = f"Reader, {len(asked)} answers {kind}"
        yield compare(what, *both(model, plain, asked, clock(model)), rounds, note)
    yield wrong("Reader", model, 4, rounds)


def clock(model: RunnableModel) -> Clock:
    """One thread's own time does not count what else the machine does meanwhile; of several there is none."""
    return time.thread_time if model.info.threads == 1 else time.perf_counter


def sample_prompts(model: RunnableModel) -> list[str]:
    """The samples' questions, each with the passages most like it, as the reader is judged."""
    prompts = []
    for row in json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8")):
        texts = [passage.text for passage in choose(row, read_dossier(row["dossier"]), PASSAGES)[0]]
        while texts and model.count_text(prompt_of(texts, row["question"])) > PROMPT_TOK:
            texts.pop()
        if texts:
            prompts.append(prompt_of(texts, row["question"]))
    return prompts


def ask(model: RunnableModel, prompt: str, now: Clock = time.perf_counter) -> tuple[GenerateDone, float]:
    """The answer, and the seconds from its first text to its end."""
    told_s: list[float] = []
    request = Generate(1, (ChatMessage("user", prompt),), max_tokens=96)
    steps = model.generate(
        request, None, Interrupt(), lambda done, total: None, lambda text, p: told_s.append(now())
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("GenerateDone", end.value), now() - told_s[0]


def both(
    model: RunnableModel, plain: RunnableModel, prompts: Sequence[str], now: Clock
) -> tuple[Callable[[], float], Callable[[], float]]:
    def speed(one: RunnableModel) -> float:
        said = [ask(one, prompt, now) for prompt in prompts]
        return sum(done.generated_tok - 1 for done, _ in said) / sum(seconds for _, seconds in said)

    return lambda: speed(plain), lambda: speed(model)


# --- guesses of which a given share is right


class Scripted:
    """Guesses what an answer says, each token right with the same chance."""

    def __init__(self, says: Sequence[int], share: float, guessed_tok: int, vocabulary: int) -> None:
        random = np.random.default_rng(1)
        right = random.random(len(says)) < share
        self._says = [
            token if ok else (token + 1) % vocabulary for token, ok in zip(says, right, strict=True)
        ]
        self._guessed_tok, self._said = guessed_tok, 0

    def say(self, token_id: int) -> None:
        self._said += 1

    def ahead(self, limit: int, uncertain: int) -> Guess:
        found = self._says[self._said : self._said + min(limit, self._guessed_tok)]
        return Guess(tuple(found), (True,) * len(found))


class AlwaysWrong:
    """Guesses as much as it may, all of it wrong, at every token: the worst that a text can do."""

    def __init__(self, lookup: LookupGuesses) -> None:
        self._lookup = lookup

    def say(self, token_id: int) -> None:
        self._lookup.say(token_id)

    def ahead(self, limit: int, uncertain: int) -> Guess:
        self._lookup.ahead(limit, uncertain)  # what looking costs
        count = min(limit, uncertain)
        return Guess((0,) * count, (False,) * count)


class Written:
    """Steps along one greedy answer of a model that has read a random text."""

    def __init__(self, model: RunnableModel, written_tok: int) -> None:
        self.model = model
        self.prompt = np.random.default_rng(0).integers(5, model.vocabulary, READ_TOK).astype(np.int32)
        self._read = model.new_state()
        self._logits = model.kernel.prefill(self._read, self.prompt)
        self.ids: list[int] = []
        state, logits = self._read.fork(), self._logits
        for _ in range(written_tok):
            self.ids.append(self._choose(logits))
            logits = model.kernel.step(state, self.ids[-1])

    def speed(self, guesses: Guesses | None) -> float:
        """Tokens a second, each chosen as an answer chooses; the answer goes its way whatever is chosen."""
        state = self._read.fork()
        steps = DraftedSteps(self.model, state, guesses, lambda token: None)
        now = clock(self.model)
        began_s = now()
        logits = self._logits
        for place, token in enumerate(self.ids):
            self._choose(logits)
            logits = steps.after(token, len(self.ids) - 1 - place, self.model.new_flag)
        steps.settle()
        return len(self.ids) / (now() - began_s)

    def _choose(self, logits: NDArray[np.float32]) -> int:
        row = np.asarray(logits, np.float64)[: self.model.vocabulary]
        float(np.exp(row - row.max()).sum())  # the probability of what is chosen
        return int(np.argmax(row))


def wrong(name: str, model: RunnableModel, times: int, rounds: int = ROUNDS) -> Figure:
    written = Written(model, WRITTEN_TOK * times)

    def drafted() -> float:
        return written.speed(AlwaysWrong(LookupGuesses(written.prompt, len(written.ids))))

    what = f"{name}, {len(written.ids)} tokens, every guess wrong"
    return compare(what, lambda: written.speed(None), drafted, rounds)


def wide_model(
    folder: Path,
    form: Format,
    threads: int = 0,
    rounds: int = ROUNDS,
    config: ModelConfig = PUBLISHED_7B,
    layers: int = LAYERS,
) -> Iterator[Figure]:
    """Of a random model as wide as the 7B, of fewer layers."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"drafts-{form}.gguf"
    try:
        write_random_model(file, form, dataclasses.replace(config, layers=layers))
        model = cast("RunnableModel", NativeBackend().load(Load(1, str(file), threads=threads)))
        written = Written(model, WRITTEN_TOK)
        for guessed_tok in GUESSED_TOK:
            for share in SHARES:

                def drafted(share: float = share, guessed_tok: int = guessed_tok) -> float:
                    return written.speed(Scripted(written.ids, share, guessed_tok, model.vocabulary))

                what = f"{guessed_tok} guesses a call, each right at {share:.0%}"
                yield compare(what, lambda: written.speed(None), drafted, rounds)
        yield wrong("As an answer", model, 2, rounds)
    finally:
        file.unlink(missing_ok=True)


# --- figures


def compare(
    what: str, plain: Callable[[], float], drafted: Callable[[], float], rounds: int = ROUNDS, note: str = ""
) -> Figure:
    pairs = [(plain(), drafted()) for _ in range(rounds)]
    ratios = [fast / slow for slow, fast in pairs]
    return Figure(
        what,
        statistics.median(slow for slow, _ in pairs),
        statistics.median(fast for _, fast in pairs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        note,
    )
