"""Relations between a holder and a value: how papers state them, how people ask for them.

`facts/relations_*.txt` has the relations with their nouns and own sentences, `facts/holders_*.txt` who or
what holds them, `facts/deeds_*.txt` relations without a noun, `facts/frames_*.txt` the forms that suit any
relation with one. A relation's own sentences go to a side by their letters, those forms by their mark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.mini.drawing import side_of

HERE = Path(__file__).resolve().parent / "facts"
_ENTRY_EN = re.compile(
    r"(?:.* (?:by|in|on|at|with|until|to|for|as|since|under|of|against)|born|cast|vaccinated|signed|issued|"
    r"granted|opened|paid|discharged|stopped|begun|absent|excused|decided|expires|begins|from|to|re|requires|"
    r"serves|recommended|attached|enclosed|serviced|collected|sample taken|claim filed|application lodged|"
    r"concerns|judgment given|date sent|see page|made of)$",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"(le |la |les |l'|un |une |des )(.+)$")
_PHRASE = re.compile(
    r"(?:how|what|who|where|why|which|when|if|ce qu|ce dont|ce à quoi|combien|là où)\b", re.IGNORECASE
)
_CLAUSE = re.compile(r" (?:that|who|whom|where|which|it|they|qui|où|que|dont|on|l'on)\b")
_SORTS = re.compile(r"[a-z]+(?: [a-z]+)*")


@dataclass(frozen=True, slots=True)
class Noun:
    """`text` with its article in French. `entry`: only beside a value; `phrase`: only in questions."""

    text: str
    bare: str
    article: str
    feminine: bool
    entry: bool
    phrase: bool

    @property
    def clause(self) -> bool:
        """`how many came`, as against `the person who came`."""
        return bool(_PHRASE.match(self.text))

    @property
    def plural(self) -> bool:
        return self.article == "les "

    def slots(self) -> dict[str, str]:
        n = self.text
        of = {"le ": "du ", "les ": "des "}.get(self.article)
        to = {"le ": "au ", "les ": "aux "}.get(self.article)
        which = ("quels", "quelles") if self.plural else ("quel", "quelle")
        return {
            "n": n,
            "b": self.bare,
            "dn": of + self.bare if of else f"de {n}",
            "an": to + self.bare if to else f"à {n}",
            "quel": which[self.feminine],
            "est": "sont" if self.plural else "est",
        }


def read_noun(text: str, french: bool) -> Noun:
    feminine, text = text.endswith("^"), text.removesuffix("^")
    phrase = bool(_PHRASE.match(text) or _CLAUSE.search(text))
    if not french:
        return Noun(text, text, "", False, bool(_ENTRY_EN.fullmatch(text)), phrase)
    match = _ARTICLE.match(text)
    if match is None:
        return Noun(text, text, "", False, not phrase, phrase)
    article = match[1]
    return Noun(text, match[2], article, feminine or article in ("la ", "une "), False, phrase)


@dataclass(frozen=True, slots=True)
class Relation:
    """`nouns` stand in papers and questions, `asked` in questions; `many`: there may be several values."""

    number: int
    holders: tuple[str, ...]
    sort: str
    many: bool
    nouns: tuple[Noun, ...]
    asked: tuple[Noun, ...]
    sentences: tuple[str, ...]
    questions: tuple[str, ...]

    @property
    def deed(self) -> bool:
        """Without a noun there are only its own sentences and questions."""
        return not self.nouns

    @property
    def words(self) -> frozenset[str]:
        return frozenset(n.bare.lower() for n in (*self.nouns, *self.asked))


@dataclass(frozen=True, slots=True)
class Holder:
    name: str
    mentions: tuple[str, ...]  # empty: a person
    roles: tuple[str, ...]
    asked_roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    text: str
    sorts: frozenset[str]  # empty: all


def items(text: str) -> tuple[str, ...]:
    return tuple(i.strip() for i in text.split(" ; ") if i.strip())


def of_side(forms: tuple[str, ...], relation: str, side: str) -> tuple[str, ...]:
    return tuple(f for f in forms if side_of(f"{relation}|{f}") == side)


@cache
def read_relations(language: str, side: str) -> tuple[Relation, ...]:
    found: list[Relation] = []
    for line in (HERE / f"relations_{language}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        head, nouns, sentences, questions = (part.strip() for part in line.split("::"))
        holders, _, sort = head.rpartition(" ")
        stated, _, asked = nouns.partition(" / ")
        french = language == "fr"
        found.append(
            Relation(
                len(found),
                tuple(holders.split()),
                sort.removesuffix("+"),
                sort.endswith("+"),
                tuple(read_noun(n, french) for n in items(stated) if n),
                tuple(read_noun(n, french) for n in items(asked)),
                of_side(items(sentences), head, side),
                of_side(items(questions), head, side),
            )
        )
    kept = [r for r in found if r.nouns or (r.sentences and r.questions)]
    attributes = read_attributes(language, len(found))
    return (*kept, *attributes, *read_deeds(language, side, len(found) + len(attributes)))


@cache
def read_deeds(language: str, side: str, first: int) -> tuple[Relation, ...]:
    """What holders do: a sentence and its questions, which go to a side together."""
    found: list[Relation] = []
    holder, sort, number = "", "", first
    for line in (HERE / f"deeds_{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            holder, sort = line[2:].split()
        elif line and not line.startswith("#"):
            number += 1
            sentence, _, questions = line.partition(" => ")
            if side_of(f"{holder} {sort}|{sentence}") == side:
                asked = tuple(q.strip() for q in questions.split(" / "))
                found.append(Relation(number, (holder,), sort, False, (), (), (sentence,), asked))
    return tuple(found)


@cache
def read_attributes(language: str, first: int) -> tuple[Relation, ...]:
    """Attributes that anything may have: nouns in papers, nouns in questions, the sort."""
    found: list[Relation] = []
    for line in (HERE / f"attributes_{language}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            wordings, _, sort = line.rpartition(" : ")
            stated, _, asked = wordings.partition(" = ")
            nouns = tuple(read_noun(n, language == "fr") for n in dict.fromkeys(stated.split("/")))
            known = {n.text for n in nouns}
            more = tuple(read_noun(n, language == "fr") for n in asked.split("/") if n not in known)
            found.append(Relation(first + len(found), ("party",), sort, False, nouns, more, (), ()))
    return tuple(found)


@cache
def read_holders(language: str) -> tuple[Holder, ...]:
    found = []
    for line in (HERE / f"holders_{language}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, mentions, roles = (part.strip() for part in line.split("::"))
            used, _, asked = roles.partition("/")
            names = () if mentions == "PERSON" else items(mentions)
            found.append(Holder(name, names, items(used), items(asked)))
    return tuple(found)


@cache
def relations_of(language: str, side: str, holder: str, person: bool) -> tuple[Relation, ...]:
    """What a kind of holder may have; people also have what every person has.

    A `party` has the attributes that anything may have; some mean nearly the same as a relation of people.
    """
    return tuple(
        r
        for r in read_relations(language, side)
        if holder in r.holders or (person and holder != "party" and "person" in r.holders)
    )


@cache
def read_frames(language: str, side: str) -> dict[str, tuple[Form, ...]]:
    """Forms by section."""
    found: dict[str, list[Form]] = {}
    section = ""
    for line in (HERE / f"frames_{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            found.setdefault(section, [])
            continue
        mark = line[:3] if line[:3] in ("~v ", "~t ") else ""
        if {"": "train", "~v ": "valid", "~t ": "test"}[mark] != side:
            continue
        text, sorts = line[len(mark) :], ""
        head, separator, rest = text.partition(" : ")
        if separator and _SORTS.fullmatch(head) and section in ("say", "ask"):
            text, sorts = rest, head
        found[section].append(Form(text, frozenset(sorts.split())))
    return {name: tuple(forms) for name, forms in found.items()}


@cache
def forms_for(language: str, side: str, section: str, sort: str) -> tuple[str, ...]:
    """The forms of a section that suit a sort; those made for it count twice."""
    forms = read_frames(language, side)[section]
    return tuple(f.text for f in forms for _ in range(2 if f.sorts else 1) if not f.sorts or sort in f.sorts)
