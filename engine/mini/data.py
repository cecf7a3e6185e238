"""Dossiers that the generator writes: numbered passages, questions, true answers.

The text of an `Example` has exactly the form the application sends to a reader; one dossier serves
several questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from engine.mini.dossiers import Composer
from engine.mini.drills import Drills
from engine.mini.examples import Example, Question, length
from engine.mini.exclusion import Exclusion
from engine.mini.facts import (
    Statement,
    expand,
    fill,
    read_kinds,
    slots_of,
    state,
    state_deed,
    upper_first,
)
from engine.mini.questions import Asker
from engine.mini.values import Values

# dossiers written from relations, held out and in training; the others are written from the kinds in
# `facts/en.txt` and `facts/fr.txt`, few of whose forms are held out
RELATED = (0.88, 0.75)
EVENTS = 0.1  # of the others: pages of events and little else


HELD_OUT_SEED = 7
HELD_OUT_WORDS = (40, 60, 90, 120, 150, 180)  # of evidence


class Generator(Drills):
    """Endless, repeatable streams of examples: dossiers, or drills in copying."""

    def __init__(
        self, seed: int, side: str = "train", exclusion: Exclusion | None = None, invents: bool = True
    ) -> None:
        self.random = Random(seed)
        self.side = side
        self.exclusion = exclusion or Exclusion.of_samples()
        words = frozenset(self.exclusion.phrases)
        self.values = {lang: Values(lang, side, self.random, words, invents) for lang in ("en", "fr")}
        self.composers = {}
        for lang, values in self.values.items():
            composer = Composer(values, side)
            self.composers[lang] = (composer, Asker(composer))

    def stream(self, words: int, questions: int, language: str | None = None) -> Iterator[Example]:
        """Examples of about `words` words of evidence with up to `questions` questions; nothing excluded."""
        while True:
            example = self.write(words, questions, language or self.random.choice(("en", "fr")))
            if example is None:
                continue
            text = example.prompt + "\n".join(q.text for q in example.questions)
            if not self.exclusion.phrases or not self.exclusion.hits(text):
                yield example

    def write(self, words: int, questions: int, language: str) -> Example | None:
        if self.random.random() < RELATED[self.side == "train"]:
            composer, asker = self.composers[language]
            dossier = composer.compose(words)
            found = asker.ask(dossier, questions)
            return Example(language, tuple(dossier.texts), tuple(found)) if found else None
        return self.write_kinds(words, questions, language)

    def write_kinds(self, words: int, questions: int, language: str) -> Example | None:
        """A dossier of longer statements, several values in each; some are pages of events."""
        r, values = self.random, self.values[language]
        events = r.random() < EVENTS
        statements: list[Statement] = []
        placed: list[int] = []
        passages: list[list[str]] = []
        count = max(1, min(r.choice((2, 3, 4, 5, 6, 6)), words // 16 + (r.random() < 0.5)))
        per_passage = max(8, min(60, words // count))
        subject = values.draw(r.choice(("person", "person", "company"))).text
        for number in range(1, count + 1):
            pieces: list[str] = []
            if r.random() < 0.15 and per_passage > 20:
                pieces.append(values.draw("header").text + r.choice((".", " –", ":", "")))
            budget = per_passage * r.uniform(0.6, 1.25)
            while True:
                found = [] if events else [self.next_statement(values, statements, subject)]
                if events and len(statements) < 2:
                    found = [state_deed(values)]
                elif events:
                    pieces.append(self.write_filler(values))
                elif r.random() < 0.1:
                    found += self.write_rows(found[0], values, r.randint(1, 4))
                for statement in found:
                    statements.append(statement)
                    placed.append(number)
                    pieces.append(self.dress(statement, values))
                while r.random() < 0.3 and length(pieces) < budget:
                    pieces.append(self.write_filler(values))
                if length(pieces) >= budget * 0.75:
                    break
            if r.random() < 0.3 and per_passage > 15:
                pieces = self.fray(pieces, statements, values)
            passages.append(pieces)
        texts = tuple(" ".join(" ".join(p).split()) for p in passages)
        asked = self.ask(statements, placed, texts, questions, values)
        return Example(language, texts, asked) if asked else None

    def next_statement(self, values: Values, before: list[Statement], subject: str) -> Statement:
        """A new fact; often of a kind already present, so that words alone do not give the answer away."""
        r = self.random
        roll = r.random()
        if roll < 0.3:
            return state_deed(values)
        kinds = read_kinds(values.language, self.side)
        same = [s for s in before if any(k.name == s.kind for k in kinds)]
        if same and roll < 0.5:
            model = r.choice(same)
            kind = next(k for k in kinds if k.name == model.kind)
            kept = {s: v for s, v in model.values.items() if r.random() < 0.15}
            return state(kind, values, kept)
        kind = r.choice(kinds)
        given = {}
        for slot, sort in kind.slots.items():
            if sort == "person" and r.random() < 0.3:
                given[slot] = type(values.draw("year"))(subject, subject)
                break
        return state(kind, values, given)

    def write_rows(self, first: Statement, values: Values, count: int) -> list[Statement]:
        """More facts of the same kind, as in a table."""
        kind = next((k for k in read_kinds(values.language, self.side) if k.name == first.kind), None)
        if kind is None or len(kind.slots) > 4:
            return []
        one = kind.statements[self.random.randrange(len(kind.statements))]
        return [state(replace(kind, statements=(one,)), values) for _ in range(count)]

    def dress(self, statement: Statement, values: Values) -> str:
        """The statement with the small accidents of real pages."""
        r, text = self.random, statement.text
        roll = r.random()
        if roll < 0.08:
            lead = (
                "- ",
                "• ",
                "* ",
                f"{r.randint(1, 20)}. ",
                f"{r.randint(1, 9)}.{r.randint(1, 9)} ",
                "a) ",
                "– ",
            )
            text = r.choice(lead) + text
        elif roll < 0.12:
            text = text.replace(" | ", " ")
        elif roll < 0.24 and text[-1] == "." and text[0].isalpha():
            composer = self.composers[values.language][0]
            if roll < 0.18:
                kept = text[0] if statement.answer_begins() else text[0].lower()
                kept = text[0] if text.startswith("I ") else kept
                text = composer.fill(composer.form("lead")) + kept + text[1:]
            else:
                text = text[:-1] + composer.fill(composer.form("tail")) + "."
        if "'" in text and r.random() < 0.3 and not any("'" in v.text for v in statement.values.values()):
            text = text.replace("'", "’")
        return text

    def fray(self, pieces: list[str], statements: list[Statement], values: Values) -> list[str]:
        """Passages are cut from pages: they may begin or end within a sentence."""
        r = self.random
        if r.random() < 0.6:
            words = self.write_filler(values).split()
            pieces = [" ".join(words[r.randint(0, len(words) - 1) :]), *pieces]
        if r.random() < 0.6:
            words = self.write_filler(values).split()
            pieces = [*pieces, " ".join(words[: r.randint(1, len(words))])]
        return pieces

    def ask(
        self,
        statements: list[Statement],
        placed: list[int],
        texts: tuple[str, ...],
        wanted: int,
        values: Values,
    ) -> tuple[Question, ...]:
        r = self.random
        asked: list[Question] = []
        seen: set[str] = set()
        for _ in range(wanted * 4):
            if len(asked) == wanted:
                break
            roll = r.random()
            if roll < 0.27:
                question = self.ask_absent(statements, texts, values)
            elif roll < 0.5 and all(s.kind == "deed-of" for s in statements):
                question = self.ask_facts(statements, placed, texts, values)
            else:
                question = self.ask_present(statements, placed, texts)
            if question and question.text not in seen:
                seen.add(question.text)
                asked.append(question)
        return tuple(asked)

    def ask_facts(
        self, statements: list[Statement], placed: list[int], texts: tuple[str, ...], values: Values
    ) -> Question | None:
        """What was done, as rows of a date, a thing and a person, in the order of the passages."""
        rows = [(s, n) for s, n in zip(statements, placed, strict=True) if s.kind == "deed-of"]
        if not 1 <= len(rows) <= 2:
            return None
        items = [(s.answer(slot), n) for s, n in rows for slot in ("when", "n", "who")]
        if not all(value in texts[number - 1] for value, number in items):
            return None
        form = self.composers[values.language][0].form("askfacts")
        return Question(form, *items[0], more=tuple(items[1:]), kind="facts")

    def ask_present(
        self, statements: list[Statement], placed: list[int], texts: tuple[str, ...]
    ) -> Question | None:
        r = self.random
        index = r.randrange(len(statements))
        fact = statements[index]
        slot, pattern = r.choice(fact.questions)
        wording = expand(pattern, r)
        answer, text = fact.answer(slot), texts[placed[index] - 1]
        if answer not in text:
            return None
        if not self.is_clear(fact, slot, wording, statements):
            return None
        return Question(self.roughen(fill(wording, fact.values)), answer, placed[index])

    def is_clear(self, fact: Statement, slot: str, wording: str, statements: list[Statement]) -> bool:
        """No other fact answers the same wording with another value or from another place."""
        keys = [s for s in slots_of(wording) if s in fact.values]
        for other in statements:
            if other is fact or other.kind != fact.kind or slot not in other.values:
                continue
            if all(
                other.values[k].text == fact.values[k].text or other.values[k].other == fact.values[k].other
                for k in keys
            ):
                return False
        if fact.kind in ("lab", "imaging") and "date" in keys and r_ambiguous(fact, statements):
            return False
        return slot not in keys

    def ask_absent(
        self, statements: list[Statement], texts: tuple[str, ...], values: Values
    ) -> Question | None:
        """A question about a fact of another kind, or of the same kind about somebody or something else."""
        r = self.random
        if r.random() < 0.5:
            donor = self.next_statement(values, statements, values.draw("person").text)
        else:
            present = r.choice(statements)
            kind = next((k for k in read_kinds(values.language, self.side) if k.name == present.kind), None)
            donor = state(kind, values) if kind else state_deed(values)
        wording = expand(r.choice(donor.questions)[1], r)
        keys = [s for s in slots_of(wording) if s in donor.values]
        same = [s for s in statements if s.kind == donor.kind]
        if same and (not keys or donor.kind.startswith("attribute")):
            return None
        for other in same:
            if any(
                other.values[k].text == donor.values[k].text or other.values[k].other == donor.values[k].other
                for k in keys
            ):
                return None
        return Question(self.roughen(fill(wording, donor.values)), "", 0, kind="absent")

    def roughen(self, question: str) -> str:
        """People type questions in many ways."""
        r = self.random
        question = upper_first(question)
        roll = r.random()
        if roll < 0.06:
            return question.lower()
        if roll < 0.16:
            return question.rstrip(" ?.")
        if roll < 0.2:
            return question.replace(" ?", "?")
        return question


def r_ambiguous(fact: Statement, statements: list[Statement]) -> bool:
    return any(
        o is not fact and o.kind == fact.kind and o.values["date"].text == fact.values["date"].text
        for o in statements
    )


def held_out(side: str, count: int, seed: int = HELD_OUT_SEED) -> tuple[Example, ...]:
    """The fixed questions of a side: one for each dossier, half French, half English, the same every time.

    Dossiers are of the lengths that the application shows. With another `count` the first ones are the same.
    """
    streams = {}
    for number, language in enumerate(("fr", "en")):
        generator, lengths = Generator(seed * 2 + number, side), Random(seed)
        streams[language] = (generator, lengths)
    found = []
    for index in range(count):
        language = ("fr", "en")[index % 2]
        generator, lengths = streams[language]
        words = lengths.choice(HELD_OUT_WORDS)
        found.append(next(generator.stream(words, 1, language)))
    return tuple(found)
