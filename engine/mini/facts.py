"""Kinds of facts: how documents state them and how people ask for them. Read from `facts/*.txt`.

The last statement of a kind and the last question of a slot (where there are at least three) belong to
validation, the last but one (of at least four) to the test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeVar

from engine.mini.values import Value, Values

HERE = Path(__file__).resolve().parent / "facts"
T = TypeVar("T")
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT = re.compile(r"\{(\w+)(\.class)?\}")


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    slots: dict[str, str]
    statements: tuple[str, ...]
    questions: tuple[tuple[str, str], ...]  # (slot asked for, wording)


@dataclass(frozen=True, slots=True)
class Statement:
    """One fact as a sentence. `values[slot].text` stands verbatim in `text`."""

    kind: str
    text: str
    values: dict[str, Value]
    questions: tuple[tuple[str, str], ...]

    def answer(self, slot: str) -> str:
        """The words of a slot as the sentence has them (its first letter may have become a capital)."""
        value = self.values[slot].text
        return value if value in self.text else value[:1].upper() + value[1:]

    def answer_begins(self) -> bool:
        """Whether a value opens the sentence (its first letter must then stay as it is)."""
        return any(self.text.startswith(self.answer(slot)) for slot in self.values)


def expand(pattern: str, random: Random) -> str:
    """Chooses one of each (a|b|c), innermost first."""
    while match := _CHOICE.search(pattern):
        pattern = pattern[: match.start()] + random.choice(match.group(1).split("|")) + pattern[match.end() :]
    return pattern


def slots_of(pattern: str) -> list[str]:
    return [m.group(1) for m in _SLOT.finditer(pattern)]


def fill(pattern: str, values: dict[str, Value]) -> str:
    text = _SLOT.sub(lambda m: values[m.group(1)].other if m.group(2) else values[m.group(1)].text, pattern)
    return " ".join(text.split())


@cache
def read_kinds(language: str, side: str) -> tuple[Kind, ...]:
    kinds: list[tuple[str, dict[str, str], list[str], list[tuple[str, str]]]] = []
    for line in (HERE / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            kinds.append((line[2:], {}, [], []))
        elif line.startswith("- "):
            kinds[-1][2].append(line[2:])
        elif line.startswith("? "):
            slot, _, wording = line[2:].partition(" | ")
            kinds[-1][3].append((slot, wording))
        elif line and not line.startswith("#"):
            for pair in line.split():
                slot, _, sort = pair.partition(":")
                kinds[-1][1][slot] = sort
    split = (
        Kind(name, slots, tuple(split_side(statements, side)), tuple(split_questions(questions, side)))
        for name, slots, statements, questions in kinds
    )
    return tuple(kind for kind in split if kind.statements and kind.questions)


def split_side(lines: list[T], side: str) -> list[T]:
    """What a side may use of forms that say the same; few forms are all for training."""
    held = {"valid": lines[-1:], "test": lines[-2:-1] if len(lines) > 3 else []}
    if side != "train":
        return held[side] if len(lines) > 2 else []
    return lines if len(lines) < 3 else lines[: -2 if len(lines) > 3 else -1]


def split_questions(questions: list[tuple[str, str]], side: str) -> list[tuple[str, str]]:
    by_slot: dict[str, list[str]] = {}
    for slot, wording in questions:
        by_slot.setdefault(slot, []).append(wording)
    return [(slot, wording) for slot, wordings in by_slot.items() for wording in split_side(wordings, side)]


def state(kind: Kind, values: Values, given: dict[str, Value] | None = None) -> Statement:
    drawn = {slot: values.draw(sort) for slot, sort in kind.slots.items()}
    drawn.update(given or {})
    text = fill(expand(values.random.choice(kind.statements), values.random), drawn)
    if values.random.random() < 0.85:
        text = text[:1].upper() + text[1:]
    return Statement(kind.name, text, drawn, kind.questions)


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


DEEDS = {
    "en": {
        "passive": (
            "The {adj} {n} was {v} by {who} on {when} in {where}.",
            "The {adj} {n} was {v} in {where} on {when} by {who}.",
            "On {when}, the {adj} {n} was {v} by {who} ({where}) for {money}.",
            "{who}: {adj} {n} {v} on {when}, {where}, {money}.",
            "It was {who} who had the {adj} {n} {v} in {where} on {when}.",
        ),
        "who": (
            "Who {v} the {adj} {n}?",
            "By whom was the {n} {v}?",
            "Who had the {adj} {n} {v}?",
            "The {n} was {v} by whom?",
        ),
        "when": (
            "When was the {adj} {n} {v}?",
            "On what date was the {n} {v}?",
            "When did they have the {n} {v}?",
        ),
        "where": (
            "Where was the {adj} {n} {v}?",
            "In what place was the {n} {v}?",
            "In which town was the {adj} {n} {v}?",
        ),
        "money": ("For how much was the {adj} {n} {v}?", "How much was paid to have the {n} {v}?"),
        "n": ("What was {v} on {when}?", "What did {who} have {v}?", "What was {v} by {who}?"),
    },
    "fr": {
        "passive": (
            "{n} {adj} : {v} par {who} le {when} à {where}.",
            "{n} {adj} a été {v} à {where} le {when} par {who}.",
            "Le {when}, {n} {adj} a été {v} par {who} ({where}) pour {money}.",
            "{who} : {n} {adj}, {v} le {when}, {where}, {money}.",
            "C'est {who} qui a fait en sorte que {n} {adj} soit {v} à {where} le {when}.",
        ),
        "who": ("Qui a {v} {n} {adj} ?", "Par qui {n} a été {v} ?", "Qui a {v} {n} ?", "{n} : {v} par qui ?"),
        "when": ("Quand {n} {adj} a été {v} ?", "À quelle date a-t-on {v} {n} ?", "Quand a-t-on {v} {n} ?"),
        "where": (
            "Où {n} {adj} a été {v} ?",
            "À quel endroit a-t-on {v} {n} ?",
            "Dans quelle ville a-t-on {v} {n} ?",
        ),
        "money": ("Pour combien {n} {adj} a été {v} ?", "Combien a-t-on payé : {n} {v} ?"),
        "n": (
            "Qu'est-ce qui a été {v} le {when} ?",
            "Qu'a {v} {who} ?",
            "Quelle chose a été {v} par {who} ?",
        ),
    },
}


def state_deed(values: Values) -> Statement:
    """Somebody did something to something: arbitrary words, to learn matching words and synonyms."""
    r, language = values.random, values.language
    noun, verb, adjective = (r.choice(values.pools[p]) for p in ("noun", "verb", "adjective"))
    if r.random() < 0.3:
        made = values.word()
        noun = (f"le {made}" if values.french else made,)
    drawn = {
        "n": Value(r.choice(noun), r.choice(noun)),
        "v": Value(r.choice(verb), r.choice(verb)),
        "adj": Value(adjective[0], adjective[0]),
        "who": values.draw(r.choice(("person", "company", "doctor", "lawyer"))),
        "when": values.draw("date"),
        "where": values.draw("city"),
        "money": values.draw("money"),
    }
    pattern = r.choice(split_side(list(DEEDS[language]["passive"]), values.side))
    questions = []
    for slot in ("who", "when", "where", "money", "n"):
        if slot not in slots_of(pattern) or (slot == "n" and len(noun[0]) < 3):
            continue
        for wording in split_side(list(DEEDS[language][slot]), values.side):
            for name in ("n", "v"):
                wording = wording.replace("{" + name + "}", "{" + name + ".class}")
            questions.append((slot, wording))
    return Statement("deed-of", upper_first(fill(pattern, drawn)), drawn, tuple(questions))
