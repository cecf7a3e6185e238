"""What the word vectors are made of: a semantic network, a thesaurus, dictionaries, translated messages."""

from __future__ import annotations

import gettext
import gzip
import html
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.retrieval import words

PARTS_OF_SPEECH = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
STOP_WORDS = {"en": words.STOP_WORDS_EN, "fr": words.STOP_WORDS_FR}
# What every other definition says.
_SAID_ANYWHERE = """
one two used use using especially usually often something someone somebody thing things having made make makes
etc esp or other others quality kind type certain various being particular relating related characterized
genus
"""
IDLE_IN_DEFINITIONS = words.STOP_WORDS_EN | frozenset(_SAID_ANYWHERE.split())
HYPERNYMS = ("@", "@i")
HYPONYMS = ("~", "~i")

Word = tuple[str, str]  # language and stem
Feature = tuple[str, str]
Features = defaultdict[Word, Counter[Feature]]


def stems(text: str, idle: frozenset[str]) -> list[str]:
    return [words.stem(w.text) for w in words.split(text) if w.text not in idle and len(w.text) > 1]


def content(text: str, language: str) -> list[str]:
    return [stem for stem in stems(text, STOP_WORDS[language]) if stem.isalpha() and len(stem) > 1]


@dataclass(frozen=True, slots=True)
class Synset:
    names: tuple[str, ...]
    pointers: tuple[tuple[str, str], ...]  # sign and the other synset's key
    gloss: str


def read_synsets(folder: Path) -> dict[str, Synset]:
    """WordNet's data files, by part of speech and offset."""
    found = {}
    for name in PARTS_OF_SPEECH:
        for line in (folder / f"data.{name}").read_text("utf-8", "replace").splitlines():
            if line.startswith(" "):
                continue
            fields, _, gloss = line.partition(" | ")
            f = fields.split()
            count = int(f[3], 16)
            names = tuple(f[4 + 2 * i].split("(")[0].replace("_", " ") for i in range(count))
            at = 4 + 2 * count
            pointers = tuple(
                (f[at + 1 + 4 * i], f[at + 3 + 4 * i].replace("s", "a") + f[at + 2 + 4 * i])
                for i in range(int(f[at]))
            )
            found[f[2].replace("s", "a") + f[0]] = Synset(names, pointers, gloss)
    return found


def read_sense_orders(folder: Path) -> dict[tuple[str, str], int]:
    """(name, synset's key) to the place of that sense among the name's senses, the commonest first."""
    found = {}
    for name, letter in PARTS_OF_SPEECH.items():
        for line in (folder / f"index.{name}").read_text("utf-8", "replace").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                for place, offset in enumerate(fields[-int(fields[2]) :]):
                    found[fields[0].replace("_", " "), letter + offset] = place
    return found


def add_wordnet(rows: Features, folder: Path) -> set[str]:
    """English words by their synsets, the classes above them, and their glosses. Gives the stems that are
    names.
    """
    synsets, orders = read_synsets(folder), read_sense_orders(folder)
    names = set()
    for key, synset in synsets.items():
        features: Counter[Feature] = Counter({("synset", key): 2.0})
        above = [other for sign, other in synset.pointers if sign in HYPERNYMS]
        for other in above:
            features["synset", other] += 1.0 / math.sqrt(len(above))
            for sign, further in synsets[other].pointers:
                if sign in HYPERNYMS:
                    features["synset", further] += 0.5 / math.sqrt(len(above))
        for sign, other in synset.pointers:
            if sign not in HYPERNYMS + HYPONYMS:
                features["synset", other] += 0.5
        defining, _, examples = synset.gloss.partition('; "')
        defined = stems(defining, IDLE_IN_DEFINITIONS)
        share = math.sqrt(max(1, len(defined)))
        for stem in dict.fromkeys(defined):
            features["said", stem] += 1.5 / share
        for stem in dict.fromkeys(stems(examples, IDLE_IN_DEFINITIONS)):
            features["said", stem] += 0.3 / share
        for name in synset.names:
            for stem in dict.fromkeys(stems(name, words.STOP_WORDS_EN)):
                features["said", stem] += 0.7 / math.sqrt(len(synset.names))
        for name in synset.names:
            own = list(dict.fromkeys(stems(name, words.STOP_WORDS_EN)))
            if len(own) == 1:
                names.add(own[0])
            weight = (1.0 + orders.get((name.lower(), key), 3)) ** -0.7
            for stem in own:
                share = weight if len(own) == 1 else weight / (3 * len(own))
                for feature, value in features.items():
                    rows["en", stem][feature] += value * share
    return names


def glosses(folder: Path) -> Iterator[list[str]]:
    for synset in read_synsets(folder).values():
        yield content(synset.gloss, "en")


def add_definitions(rows: Features, path: Path) -> None:
    """English words by what GCIDE says of them."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    for entry in re.split(r"\n(?=\S)", text):
        head = re.match(r"([A-Za-z][A-Za-z-]+)\s", entry)
        if head is None:
            continue
        body = re.sub(r'\[[^\]]*\]|--\s?[A-Z][\w. ]+|"[^"]{20,}"|\\[^\\]*\\', "", entry[head.end() :])
        defined = stems(body, IDLE_IN_DEFINITIONS)[:120]
        for stem in dict.fromkeys(defined):
            rows["en", words.stem(words.fold(head.group(1)))]["said", stem] += 0.5 / math.sqrt(len(defined))


def add_thesaurus(rows: Features, path: Path) -> None:
    """French words by the senses they share in the thesaurus, and by their synonyms."""
    head, sense = "", 0
    for line in path.read_text("utf-8").splitlines()[1:]:
        if not line.startswith("("):
            head = line.rpartition("|")[0]
            continue
        own = stems(head, words.STOP_WORDS_FR)
        if not own:
            continue
        sense += 1
        synonyms = line.split("|")[1:]
        many = math.sqrt(1 + len(synonyms) / 8)
        for term, weight in [(head, 2.0), *((synonym, 1.0) for synonym in synonyms)]:
            parts = stems(term, words.STOP_WORDS_FR)
            for stem in parts:
                share = 1.0 if len(parts) == 1 else 1.0 / (2 * len(parts))
                rows["fr", stem]["sense", str(sense)] += weight * share * (1.0 if len(own) == 1 else 0.5)
                rows["fr", stem]["beside", own[0]] += 0.7 * share / many
                rows["fr", own[0]]["beside", stem] += 0.7 * share / many
                rows["fr", stem]["beside", stem] += 0.3 * share


def read_dictionary(path: Path, *, french_first: bool) -> Counter[tuple[str, str]]:
    """(French stem, English stem) of a FreeDict dictionary."""
    pairs: Counter[tuple[str, str]] = Counter()
    head = ""
    for line in gzip.decompress(path.read_bytes()).decode("utf-8", "replace").splitlines():
        entry = re.match(r"(.+?) /[^/]*/", line)
        if entry is not None:
            head = entry.group(1)
            continue
        for translation in re.sub(r"^\d+\. ", "", line).split(","):
            bare = re.sub(r"<[^>]*>|\([^)]*\)|\[[^\]]*\]", "", translation).strip()
            french, english = (head, bare) if french_first else (bare, head)
            one = stems(french, words.STOP_WORDS_FR)
            other = stems(english.removeprefix("to "), words.STOP_WORDS_EN)
            if len(one) == len(other) == 1:
                pairs[one[0], other[0]] += 1
    return pairs


Message = tuple[list[str], list[str]]  # the same in English and in French


def read_messages(root: Path) -> list[Message]:
    """What programs say in English and in French, by their catalogues."""
    found = []
    for path in sorted(root.rglob("fr/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog
        for key, french in catalogue.items():
            english = key[0] if isinstance(key, tuple) else key
            if not english or not isinstance(french, str):
                continue
            en, fr = (
                content(re.sub(r"<[^>]+>|%\w|\{[^}]*\}|\$\w+|[_~&]", "", text), language)
                for text, language in ((english.rpartition("\x04")[2], "en"), (french, "fr"))
            )
            if en and fr:
                found.append((en, fr))
    return found


def read_paragraphs(root: Path, patterns: tuple[str, ...], language: str) -> Iterator[list[str]]:
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            text = path.read_text("utf-8", "replace")
            text = re.sub(r"<(script|style|pre|code)[^>]*>.*?</\1>", " ", text, flags=re.DOTALL)
            for part in re.split(r"</?(?:p|h\d|li|div|td|title|dd|dt)\b[^>]*>", text):
                bare = html.unescape(re.sub(r"<[^>]+>", "", part))
                if len(bare) > 25:
                    yield content(bare, language)
