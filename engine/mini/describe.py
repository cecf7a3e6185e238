"""Counts what the generator can write and measures what it does: `python -m engine.mini describe`."""

from __future__ import annotations

import re
import time
from collections import Counter
from itertools import islice

from engine.mini.data import Generator
from engine.mini.drawing import SIDES, read_pools
from engine.mini.examples import Example, Question
from engine.mini.exclusion import fold
from engine.mini.facts import read_kinds
from engine.mini.relations import read_frames, read_relations

LANGUAGES = ("en", "fr")
STATED = ("say", "label", "saydated", "change", "saysaid")
# function words and words of asking, which two texts share without having anything in common
_SMALL = (
    "what when where which who whom whose does have with from that this there their them they about "
    "many much give tell please name into over under than then been were will would could should file "
    "papers documents quel quelle quels quelles quand combien comment pourquoi dans pour avec sans sous "
    "cette cela celui elle sont était etait avait donne donnez indique indiquez dossier pieces papiers "
    "question bonjour hello quick know known find found need like also just only some your mine dire "
    "dites fait faut voit sait "
)
SMALL = frozenset(fold(_SMALL).split())
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")


def count_wordings(form: str) -> int:
    """How many wordings a form with choices stands for."""
    total = 1
    for match in _CHOICE.finditer(form):
        total *= match[1].count("|") + 1
    return total


def telling_words(text: str) -> set[str]:
    """Words that say something, cut to their first six letters so that inflected forms meet."""
    return {w[:6] for w in fold(text).split() if len(w) > 3 and w not in SMALL and not w.isdigit()}


def names_in_question(question: str) -> set[str]:
    """What the question writes like a name: a capital within it, a digit."""
    words = question.split()[1:]
    named = [part for part in words if part[:1].isupper() or any(c.isdigit() for c in part)]
    return {w for part in named for w in fold(part).split()}


def shares_word(example: Example, question: Question, *, names_too: bool) -> bool:
    """Whether the question has a telling word in common with the passage that answers it."""
    asked = telling_words(question.text)
    if not names_too:
        asked -= {n[:6] for n in names_in_question(question.text)}
    return bool(asked & telling_words(example.passages[question.anchor - 1]))


def count_forms() -> list[tuple[str, str, int, int]]:
    """(language, side, forms of statements, forms of questions), each wording of a form counted."""
    rows = []
    for language in LANGUAGES:
        for side in SIDES:
            frames = read_frames(language, side)
            kinds, relations = read_kinds(language, side), read_relations(language, side)
            stated = [f.text for s in STATED for f in frames[s]]
            stated += [t for r in relations for t in r.sentences] + [t for k in kinds for t in k.statements]
            asked = [
                f.text for s, forms in frames.items() if s.startswith("ask") or s == "key" for f in forms
            ]
            asked += [t for r in relations for t in r.questions] + [t for k in kinds for _, t in k.questions]
            rows.append((language, side, sum(map(count_wordings, stated)), sum(map(count_wordings, asked))))
    return rows


def describe(count: int = 2000, side: str = "train", words: int = 120, seed: int = 5) -> None:
    print("language side   forms of statements   forms of questions")
    for language, of, stated, asked in count_forms():
        print(f"{language}       {of:6} {stated:20} {asked:20}")
    for language in LANGUAGES:
        relations = read_relations(language, "train")
        nouns = sum(len(r.nouns) + len(r.asked) for r in relations)
        pools = read_pools(language)
        kinds_of = len(read_kinds(language, "train"))
        names = ", ".join(
            f"{len(pools[name])} in `{name}`" for name in ("first", "last", "city", "drug", "noun")
        )
        print(f"{language}: {len(relations)} relations with {nouns} nouns, {kinds_of} kinds; words: {names}")
    began = time.process_time()
    generator = Generator(seed, side)
    examples = list(islice(generator.stream(words, 2), count // 2))
    seconds = time.process_time() - began
    asked_now = [(e, q) for e in examples for q in e.questions]
    present = [(e, q) for e, q in asked_now if q.anchor]
    kinds = Counter(q.kind if q.anchor else "absent" for _, q in asked_now)
    print(f"{len(asked_now)} questions on {len(examples)} dossiers of about {words} words, side {side}:")
    print("  " + ", ".join(f"{name} {n / len(asked_now):.1%}" for name, n in kinds.most_common()))
    lone = sum(not shares_word(e, q, names_too=False) for e, q in present) / len(present)
    bare = sum(not shares_word(e, q, names_too=True) for e, q in present) / len(present)
    print(f"  no telling word of the answering passage, names aside: {lone:.1%}; not even a name: {bare:.1%}")
    used = sum(len(c.used) for c, _ in generator.composers.values())
    print(f"  {used} different forms used")
    length = sum(len(e.prompt.split()) for e in examples) / len(examples)
    rate = len(examples) / seconds
    print(f"  {rate:.0f} dossiers/s of {length:.0f} words on one core, {rate * length:.0f} words/s")
