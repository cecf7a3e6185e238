"""Examples become rows of tokens, and rows batches: one question each, before and after the evidence."""

from __future__ import annotations

import os
import re
import signal
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer
from torch import Tensor

from engine.mini.data import Generator
from engine.mini.examples import Example, Question
from engine.mini.pointing import LOOKS, Hints
from engine.mini.vocabulary import END

BUCKETS = (96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192, 16_384, 32_768)
WORD_TOK = 1.75  # tokens of a word of evidence, to aim at a length
QUESTIONS = 2  # rows made of one dossier
AROUND_TOK = 10  # before and after a value: where the question's words are likely to stand
MATCHES = 6  # words of the question a row looks up while it reads
AHEAD = 3  # batches of a writer before they are asked for
LONG_TOK = 512  # rows beyond are the passages of many dossiers
LONG_WORDS = 120
_PLAIN = ("value", "sentence")  # questions that stay clear among other dossiers
_WORD = re.compile(r"\w{5,}")
_QUOTED = re.compile(r"«([^«»]*)» \[(\d+)\]")
_TELLING = re.compile(r"\w{4,}|\d")


@dataclass(slots=True)
class Row:
    ids: list[int]
    passage: list[int]  # the passage each token stands in, 0 outside
    asked: list[int]  # 1: a word of the question in the evidence, 0: another of the evidence, -1 outside
    answer: tuple[int, int]  # first and one past the last token of the answer (its end token included)
    first: int  # the passage that holds the answer, 0 when absent
    begins: list[int]  # where the values begin
    finds: list[tuple[int, int, int]]
    copies: list[tuple[int, int, int]]
    regions: list[tuple[int, int, int]]
    matches: list[tuple[int, int, int]]
    kind: str


@dataclass(slots=True)
class Batch:
    ids: Tensor  # [B, T]
    targets: Tensor  # [B, T], next tokens
    answers: Tensor  # [B, T] bool: positions whose target belongs to an answer
    firsts: Tensor  # [B, 2] (row, position) whose target begins the value or closes an empty answer
    real: Tensor  # [B, T] bool: positions whose target is text
    spans: list[tuple[int, int, int, int, str]]  # (row, first position, last position, passage or 0, kind)
    hints: Hints

    def on(self, take: Callable[[Tensor], Tensor]) -> Batch:
        """The same where `take` puts tensors."""
        tensors = (self.ids, self.targets, self.answers, self.firsts, self.real)
        return Batch(*(take(tensor) for tensor in tensors), self.spans, self.hints.on(take))


class Writer:
    """Turns an example and one of its questions into a row."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.end: int = tokenizer.token_to_id(END)
        # one number for all spellings of a token that differ in case or in the space before it
        names: dict[str, int] = {}
        self.sames: list[int] = []
        self.telling: list[bool] = []
        for index in range(tokenizer.get_vocab_size()):
            plain = tokenizer.decode([index]).strip().lower()
            self.sames.append(names.setdefault(plain, len(names)))
            self.telling.append(bool(_TELLING.fullmatch(plain) or (len(plain) > 1 and plain.isdigit())))

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def row(self, passages: Sequence[str], question: Question, random: Random) -> Row:
        asked = self.encode(f"? {question.text}\n")
        ids, passage, starts = list(asked), [0] * len(asked), [0]
        offsets: list[list[tuple[int, int]]] = [[]]
        for number, text in enumerate(passages, 1):
            starts.append(len(ids))
            coded = self.tokenizer.encode(f"[{number}] {text}\n", add_special_tokens=False)
            ids += coded.ids
            offsets.append(coded.offsets)
            passage += [number] * len(coded.ids)
        ids += asked
        begin = len(ids)
        answer = spaced(question.answer, passages)
        coded = self.tokenizer.encode(answer, add_special_tokens=False)
        ids += [*coded.ids, self.end]
        passage += [0] * (len(ids) - len(passage))
        finds, copies, begins = [], [], list[int]()
        regions: list[tuple[int, int, int]] = []
        for match in _QUOTED.finditer(answer):
            number = int(match.group(2))
            value = match.group(1).strip()
            if not 0 < number <= len(passages) or not value:
                continue
            told = tokens_of(coded.offsets, match.start(1) + match.group(1).index(value), value)
            place = place_of(value, passages[number - 1])
            if place < 0:
                continue
            source = tokens_of(offsets[number], place + len(f"[{number}] "), value)
            at, shown = begin + told[0], starts[number] + source[0]
            begins.append(shown)
            anchor = begin + tokens_of(coded.offsets, match.start(2), match.group(2))[0]
            copies.append((anchor - 1, shown, starts[number] + source[1]))
            finds.append((at - 1, shown, shown + 1))
            if not regions:  # around the first value, whatever stands before or after it
                around = max(starts[number], shown - AROUND_TOK)
                beyond = min(starts[number] + source[1] + AROUND_TOK, starts[number] + len(offsets[number]))
                regions = [
                    (n, around, beyond) for n in range(begin - len(asked) + 1, begin) if self.telling[ids[n]]
                ]
                regions += [(begin - 1, around, beyond), (begin, around, beyond)]
            if coded.ids[told[0] : told[1]] == ids[shown : starts[number] + source[1]]:
                copies += [(at + i - 1, shown + i, shown + i + 1) for i in range(1, told[1] - told[0])]
        found = _QUOTED.search(answer)
        words = {self.sames[i]: n for n, i in enumerate(asked) if self.telling[i]}
        marks = [-1 if not p else int(self.sames[i] in words) for i, p in zip(ids, passage, strict=True)]
        places = [n for n, mark in enumerate(marks) if mark == 1]
        matches = [
            (n, words[self.sames[ids[n]]], words[self.sames[ids[n]]] + 1)
            for n in random.sample(places, min(MATCHES, len(places)))
        ]
        return Row(
            ids,
            passage,
            marks,
            (begin, len(ids)),
            int(found.group(2)) if found else 0,
            begins,
            finds,
            copies,
            regions,
            matches,
            question.kind,
        )


def place_of(value: str, passage: str) -> int:
    """Where a value stands in its passage as whole words if it does so at all; -1 when nowhere."""
    whole = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", passage)
    return whole.start() if whole else passage.find(value)


def spaced(answer: str, passages: Sequence[str]) -> str:
    """The answer with no space after « where none stands before the value in its passage either.

    A value then has the same tokens in the answer as in the passage.
    """

    def fit(match: re.Match[str]) -> str:
        number, value = int(match.group(2)), match.group(1).strip()
        if not value or not 0 < number <= len(passages):
            return match.group()
        place = place_of(value, passages[number - 1])
        close = place > 0 and not passages[number - 1][place - 1].isspace() and value[0].isalnum()
        return f"«{'' if close else ' '}{value} » [{number}]"

    return _QUOTED.sub(fit, answer)


def tokens_of(offsets: Sequence[tuple[int, int]], start: int, value: str) -> tuple[int, int]:
    """The tokens (first, one past the last) that hold text[start : start + len(value)]."""
    ends = [stop for _, stop in offsets]
    first = bisect_left(ends, start + 1)
    return first, bisect_left(ends, start + len(value), lo=first) + 1


class Packer:
    """Endless batches of rows of about one length, from the generator's dossiers and drills."""

    def __init__(self, tokenizer: Tokenizer, generator: Generator) -> None:
        self.writer, self.generator = Writer(tokenizer), generator
        self.random = Random(generator.random.random())
        self.streams: dict[tuple[str, int], Iterator[Example]] = {}
        self.waiting: dict[int, list[Row]] = {}

    def stream(self, name: str, words: int) -> Iterator[Example]:
        key = (name, words)
        if key not in self.streams:
            make = getattr(self.generator, name)
            self.streams[key] = make(words, 4 if name == "stream" else 3)
        return self.streams[key]

    def batch(self, length: int, rows: int, drills: float = 0.0, simple: float = 0.0) -> Batch:
        """`rows` rows of more than the next smaller bucket's and at most `length` tokens.

        Of the rows that ask for anything but a value that is there, a share of `simple` is left out.
        """
        if length > LONG_TOK:
            return collate([self.long_row(length) for _ in range(rows)], length, self.writer.end)
        waiting = self.waiting.setdefault(length, [])
        r = self.random
        while len(waiting) < rows:
            name = "stream"
            if r.random() < drills:
                name = r.choice(("match", "loose", "loose", "drill"))
            room = (length - 44) * r.uniform(0.6, 1.0) / WORD_TOK
            example = next(self.stream(name, max(8, int(room * (0.8 if name == "drill" else 1.0)) // 8 * 8)))
            questions = list(example.questions)
            r.shuffle(questions)
            easy = [q for q in questions if (q.value and q.kind == "value") or r.random() >= simple]
            for question in easy[:QUESTIONS]:
                row = self.writer.row(example.passages, question, r)
                fitting = bisect_left(BUCKETS, len(row.ids))
                if fitting < len(BUCKETS):
                    shelf = self.waiting.setdefault(BUCKETS[fitting], [])
                    if BUCKETS[fitting] == length or len(shelf) < 4 * rows:
                        shelf.append(row)
        taken, self.waiting[length] = waiting[:rows], waiting[rows:]
        return collate(taken, length, self.writer.end)

    def long_row(self, length: int) -> Row:
        """The passages of many dossiers, and a question that names something only its own passage holds."""
        stream, r = self.stream("stream", LONG_WORDS), self.random
        while True:
            passages: list[str] = []
            asked: list[tuple[Question, int]] = []
            used = 0
            while used < length - LONG_TOK:
                example = next(stream)
                used += sum(len(self.writer.encode(text)) + 4 for text in example.passages)
                asked += [(q, len(passages) + q.anchor - 1) for q in example.questions if q.kind in _PLAIN]
                passages += example.passages
            order = list(range(len(passages)))
            r.shuffle(order)
            seen = Counter(w for text in passages for w in set(_WORD.findall(text.lower())))
            for question, place in r.sample(asked, min(8, len(asked))):
                words = set(_WORD.findall(question.text.lower())) & set(
                    _WORD.findall(passages[place].lower())
                )
                if question.value and any(seen[w] == 1 for w in words):
                    number = order.index(place) + 1
                    row = self.writer.row(
                        [passages[i] for i in order],
                        Question(question.text, question.value, number),
                        r,
                    )
                    if len(row.ids) <= length:
                        return row


def collate(rows: Sequence[Row], length: int, end: int) -> Batch:
    ids = torch.full((len(rows), length + 1), end, dtype=torch.long)
    answers = torch.zeros(len(rows), length, dtype=torch.bool)
    real = torch.zeros(len(rows), length, dtype=torch.bool)
    passage = torch.zeros(len(rows), length, dtype=torch.long)
    asked = torch.full((len(rows), length), -1, dtype=torch.long)
    begins = torch.zeros(len(rows), length, dtype=torch.bool)
    looks: dict[str, list[tuple[int, int, int, int]]] = {name: [] for name in LOOKS}
    verdicts, spans = [], []
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        real[i, : len(row.ids) - 1] = True
        passage[i, : len(row.passage)] = torch.tensor(row.passage)[:length]
        asked[i, : len(row.asked)] = torch.tensor(row.asked)[:length]
        begins[i, row.begins] = True
        for name in LOOKS:
            looks[name] += [(i, *look) for look in getattr(row, name)]
        start, stop = row.answer
        answers[i, start - 1 : stop - 1] = True
        verdicts.append((i, start - 1, row.first))
        spans.append((i, start - 1, stop - 1, row.first, row.kind))
    hints = Hints(
        {name: torch.tensor(some, dtype=torch.long).view(-1, 4) for name, some in looks.items()},
        passage,
        asked,
        begins,
        torch.tensor(verdicts, dtype=torch.long),
    )
    firsts = torch.tensor([(row, start + 1) for row, start, *_ in spans], dtype=torch.long)
    return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), answers, firsts, real, spans, hints)


class Feeder:
    """Writes batches in processes of its own, some ahead, so that training does not wait for text."""

    def __init__(self, vocabulary: Path, seed: int, writers: int = 1) -> None:
        context = get_context("spawn")
        begun = context.Value("i", 0)  # so that no two write the same
        self.pool = ProcessPoolExecutor(
            writers, context, initializer=begin_feeding, initargs=(vocabulary, seed, begun)
        )
        self.ahead = AHEAD * writers
        self.coming: deque[Future[Batch]] = deque()

    def next(self, length: int, rows: int, drills: float, simple: float) -> Batch:
        """The batch asked for some calls before."""
        self.coming.append(self.pool.submit(feed, length, rows, drills, simple))
        while len(self.coming) <= self.ahead:
            self.coming.append(self.pool.submit(feed, length, rows, drills, simple))
        return self.coming.popleft().result()

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)


_packer: Packer | None = None
WRITERS_APART = 500_000_003  # of the seeds of two writers


def begin_feeding(vocabulary: Path, seed: int, begun: Synchronized[int]) -> None:
    global _packer
    with begun.get_lock():
        number, begun.value = begun.value, begun.value + 1
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        # beside the training, which may be pinned
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _packer = Packer(Tokenizer.from_file(str(vocabulary)), Generator(seed + number * WRITERS_APART))


def feed(length: int, rows: int, drills: float, simple: float) -> Batch:
    assert _packer is not None
    return _packer.batch(length, rows, drills, simple)
