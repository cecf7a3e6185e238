"""Dossiers that the generator writes: numbered passages, questions, true answers.

The text of an `Example` has exactly the form the application sends to a reader; one dossier serves
several questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from engine.mini.exclusion import Exclusion
from engine.mini.facts import (
    Statement,
    expand,
    fill,
    read_kinds,
    slots_of,
    state,
    state_attribute,
    state_deed,
    upper_first,
)
from engine.mini.values import Values


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    value: str  # "" when the passages do not hold it
    anchor: int  # 0 when absent

    @property
    def answer(self) -> str:
        # spaces inside the quotation marks, so that a value has the same tokens as in its passage
        return f"« {self.value} » [{self.anchor}]" if self.value else "«» [0]"


@dataclass(frozen=True, slots=True)
class Example:
    language: str
    passages: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def prompt(self) -> str:
        """Everything before the first question."""
        return "".join(f"[{i}] {text}\n" for i, text in enumerate(self.passages, 1))


WRAPPERS = {
    "en": (
        ("It is recorded that ", ""),
        ("According to the file, ", ""),
        ("As already mentioned, ", ""),
        ("", ", as everyone knows"),
        ("", ", which nobody disputes"),
        ("Nevertheless, ", ""),
        ("We note that ", ", without more"),
        ("", ", and no other remark was made at the time"),
        ("For completeness: ", ""),
        ("", " (see above)"),
    ),
    "fr": (
        ("Il ressort du dossier que ", ""),
        ("Comme déjà indiqué, ", ""),
        ("On retiendra que ", ""),
        ("", ", ce que nul ne conteste"),
        ("", ", comme chacun le sait"),
        ("Néanmoins, ", ""),
        ("Nous notons que ", ", sans plus"),
        ("Pour mémoire : ", ""),
        ("", ", et aucune autre remarque n'a été faite"),
        ("", " (voir ci-dessus)"),
    ),
}


_PAIR_SORTS = (
    "date money ref dose labvalue duration hour person person doctor lawyer city company job word word "
    "common goods disease procedure cause place event grievance item drug specialty finding "
    "address party"
)
PAIR_SORTS = _PAIR_SORTS.split()
PAIRS = {
    "en": {
        "one": (
            "{k}: {v}.",
            "{k} {v};",
            "{k} = {v}.",
            "{v} for {k}.",
            "{v} ({k}).",
            "The {k} is {v}.",
            "{k} | {v}",
            "As to {k}, it was {v}.",
            "We have {v} for {k}.",
            "{k} ..... {v}",
        ),
        "both": (
            "{k} of {o}: {v}.",
            "{o}, {k}: {v}.",
            "The {k} of {o} is {v}.",
            "{o}: {k} {v};",
            "{v} is the {k} of {o}.",
            "For {o}, {k} was {v}.",
            "{o} | {k} | {v}",
        ),
        "asked one": (
            "{k}?",
            "What about {k}?",
            "And for {k}?",
            "What do we know about {k}?",
            "What is said of {k} here?",
            "Which one goes with {k}?",
            "Give what {k} has.",
            "{k}: which?",
            "Tell me about the {k} please",
        ),
        "asked both": (
            "{k} of {o}?",
            "What is the {k} of {o}?",
            "For {o}, what is the {k}?",
            "What is {o}'s {k}?",
            "{o}: {k}?",
            "Do we know the {k} of {o}?",
            "What {k} does {o} have?",
        ),
    },
    "fr": {
        "one": (
            "{k} : {v}.",
            "{k} {v} ;",
            "{k} = {v}.",
            "{v} pour {k}.",
            "{v} ({k}).",
            "{k} est {v}.",
            "{k} | {v}",
            "Quant à {k}, c'était {v}.",
            "On a {v} pour {k}.",
            "{k} ..... {v}",
        ),
        "both": (
            "{k} de {o} : {v}.",
            "{o}, {k} : {v}.",
            "{k} ({o}) est {v}.",
            "{o} : {k} {v} ;",
            "{v} : voilà {k} de {o}.",
            "Pour {o}, {k} était {v}.",
            "{o} | {k} | {v}",
        ),
        "asked one": (
            "{k} ?",
            "Qu'en est-il de {k} ?",
            "Et pour {k} ?",
            "Que sait-on de {k} ?",
            "Que dit-on ici de {k} ?",
            "Lequel va avec {k} ?",
            "Donnez ce qu'a {k}.",
            "{k} : lequel ?",
            "Parlez-moi de {k} svp",
        ),
        "asked both": (
            "{k} de {o} ?",
            "Quel est {k} de {o} ?",
            "Pour {o}, quel est {k} ?",
            "{o} : {k} ?",
            "Connaît-on {k} de {o} ?",
            "Qu'a {o} comme {k} ?",
        ),
    },
}


class Generator:
    """Endless, repeatable streams of examples: dossiers, or drills in copying."""

    def __init__(
        self, seed: int, side: str = "train", exclusion: Exclusion | None = None, invents: bool = True
    ) -> None:
        self.random = Random(seed)
        self.side = side
        self.exclusion = exclusion or Exclusion.of_samples()
        words = frozenset(self.exclusion.phrases)
        self.values = {lang: Values(lang, side, self.random, words, invents) for lang in ("en", "fr")}

    def stream(self, words: int, questions: int, language: str | None = None) -> Iterator[Example]:
        """Examples of about `words` words of evidence with up to `questions` questions; nothing excluded."""
        while True:
            example = self.write(words, questions, language or self.random.choice(("en", "fr")))
            if example is None:
                continue
            text = example.prompt + "\n".join(q.text for q in example.questions)
            if not self.exclusion.phrases or not self.exclusion.hits(text):
                yield example

    def drill(self, words: int, questions: int) -> Iterator[Example]:
        """Passages of arbitrary words; a question is a few of them, its answer the words that follow."""
        r = self.random
        while True:
            language = r.choice(("en", "fr"))
            values = self.values[language]
            count = max(1, min(r.randint(1, 6), words // 4))
            passages = [self.arbitrary_words(values, max(5, words // count)) for _ in range(count)]
            every = [w for p in passages for w in p]
            asked = []
            for _ in range(questions):
                number = r.randrange(count)
                passage = passages[number]
                start = r.randrange(1, len(passage))
                known = passage[max(0, start - r.randint(1, 3)) : start]
                if every.count(known[-1]) == 1:
                    answer = passage[start : start + r.choice((1, 1, 2, 2, 3, 4, 6))]
                    asked.append(
                        Question(" ".join(known) + r.choice(("?", " ?", "")), " ".join(answer), number + 1)
                    )
            example = Example(language, tuple(" ".join(p) for p in passages), tuple(asked))
            if asked and not self.exclusion.hits(example.prompt):
                yield example

    def match(self, words: int, questions: int) -> Iterator[Example]:
        """Passages of short entries, a key and a value each; the question names a key. Teaches finding.

        Values of one row are often of one sort, and some keys share a second word, so that only the whole key
        gives the answer.
        """
        r = self.random
        while True:
            language = r.choice(("en", "fr"))
            values = self.values[language]
            forms = PAIRS[language]
            sorts = [r.choice(PAIR_SORTS)] if r.random() < 0.6 else PAIR_SORTS
            about = [self.pair_key(values) for _ in range(r.randint(2, 3))] if r.random() < 0.5 else []
            entries: dict[str, tuple[str, str, int]] = {}
            passages: list[list[str]] = [[] for _ in range(max(1, min(r.randint(1, 6), words // 5)))]
            while sum(length(p) for p in passages) < words:
                key, other = self.pair_key(values), r.choice(about) if about else ""
                if about and entries and r.random() < 0.5:
                    key = r.choice(list(entries)).partition("|")[0]
                if f"{key}|{other}" in entries:
                    continue
                number = r.randrange(len(passages))
                value = self.pair_value(values, r.choice(sorts))
                form = r.choice(forms["both" if about else "one"])
                passages[number].append(form.replace("{k}", key).replace("{o}", other).replace("{v}", value))
                if r.random() < 0.15:
                    passages[number].append(self.write_filler(values))
                entries[f"{key}|{other}"] = (form, value, number + 1)
            kept = [n for n, p in enumerate(passages, 1) if p]
            asked = []
            for name in r.sample(list(entries), min(questions, len(entries))):
                key, _, other = name.partition("|")
                _, value, number = entries[name]
                if r.random() < 0.12:
                    key, value, number = self.pair_key(values), "", 0
                    if any(e.startswith(key + "|") for e in entries):
                        continue
                wording = r.choice(forms["asked both" if about else "asked one"])
                text = upper_first(wording.replace("{k}", key).replace("{o}", other))
                asked.append(Question(text, value, kept.index(number) + 1 if number else 0))
            example = Example(language, tuple(upper_first(" ".join(p)) for p in passages if p), tuple(asked))
            plain = [q for q in asked if not q.value or q.value in example.passages[q.anchor - 1]]
            if plain and not self.exclusion.hits(example.prompt + " ".join(q.text for q in plain)):
                yield replace(example, questions=tuple(plain))

    def pair_value(self, values: Values, sort: str) -> str:
        if sort == "word":
            return values.word().capitalize() if self.random.random() < 0.5 else values.word()
        return values.draw(sort).text

    def pair_key(self, values: Values) -> str:
        r = self.random
        roll = r.random()
        if roll < 0.35:
            return values.word()
        if roll < 0.5:
            return values.make_last()
        if roll < 0.75:
            return r.choice(values.pools["common"])[0]
        return values.draw(r.choice(("drug", "labtest", "item", "noun", "city", "person", "goods"))).text

    def arbitrary_words(self, values: Values, count: int) -> list[str]:
        r, found = self.random, []
        while len(found) < count:
            roll = r.random()
            if roll < 0.35:
                found.append(values.word().capitalize() if r.random() < 0.5 else values.word())
            elif roll < 0.75:
                found.append(r.choice(values.pools["common"])[0])
            elif roll < 0.85:
                found.append(
                    values.draw(r.choice(("last", "first", "city", "drug", "noun"))).text.replace(" ", "-")
                )
            else:
                found.append(values.draw(r.choice(("money", "date", "ref", "dose", "year", "person"))).text)
        return found

    def write(self, words: int, questions: int, language: str) -> Example | None:
        r, values = self.random, self.values[language]
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
                found = [self.next_statement(values, statements, subject)]
                if r.random() < 0.1:
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
        if roll < 0.17:
            return state_attribute(values, subject)
        if roll < 0.32:
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
            lead, tail = self.random.choice(WRAPPERS[values.language])
            kept = text[0] if statement.answer_begins() else text[0].lower()
            text = f"{lead}{kept if lead else text[0]}{text[1:-1]}{tail}."
        if "'" in text and r.random() < 0.3 and not any("'" in v.text for v in statement.values.values()):
            text = text.replace("'", "’")
        return text

    def write_filler(self, values: Values) -> str:
        """A sentence without an answer, or plain words in any order, so that every word has been seen."""
        if values.random.random() < 0.3:
            words = [
                values.random.choice(values.pools["common"])[0] for _ in range(values.random.randint(3, 16))
            ]
            return upper_first(" ".join(words)) + values.random.choice(".,.;")
        pattern = values.draw("filler").text
        for name in ("noun", "verb", "adjective"):
            while "{" + name + "}" in pattern:
                pattern = pattern.replace("{" + name + "}", values.random.choice(values.pools[name])[0], 1)
        return pattern

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
            question = (
                self.ask_absent(statements, texts, values)
                if r.random() < 0.2
                else self.ask_present(statements, placed, texts)
            )
            if question and question.text not in seen:
                seen.add(question.text)
                asked.append(question)
        return tuple(asked)

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
        return Question(self.roughen(fill(wording, donor.values)), "", 0)

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


def length(pieces: list[str]) -> int:
    return sum(len(p.split()) for p in pieces)
