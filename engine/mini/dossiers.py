"""Composes dossiers from relations: a cast, passages in the styles of real papers, and the facts in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random

from engine.mini.entities import PRONOUNS, Entity, fits, make_entity, put
from engine.mini.examples import length
from engine.mini.facts import expand
from engine.mini.relations import Noun, Relation, forms_for, read_holders, relations_of
from engine.mini.values import Values

_SLOT = re.compile(r"\{(\w+?)(2?)\}")
SEPARATORS = (" ; ", " | ", ". ", ", ", "  ", " – ", " / ", " • ", "; ", " ", "\t", " || ")
COLUMNS = (" | ", " ", " ; ", " – ", " || ", ", ")
_MISREAD = (("rn", "m"), ("l", "1"), ("O", "0"), ("e", "c"), ("cl", "d"), ("é", "e"), ("i", "l"), ("s", "5"))


@dataclass(slots=True)
class Fact:
    """One stated value. `sentence`: the whole sentence where there is one to quote; `named`: the words say
    whose it is."""

    relation: Relation
    entity: Entity
    value: str
    passage: int
    noun: Noun | None
    sentence: str = ""
    named: bool = True
    before: str = ""  # the value that this one replaces
    speaker: str = ""
    date: str = ""
    order: int = 0  # of `date`
    part: int = 0  # of a list, from 1


@dataclass(slots=True)
class Dossier:
    cast: list[Entity]
    facts: list[Fact] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def has(self, relation: Relation, entity: Entity) -> bool:
        return any(f.relation is relation and f.entity is entity for f in self.facts)

    def alone(self, entity: Entity) -> bool:
        """Whether a role is enough to say who is meant."""
        return sum(e.person for e in self.cast) == 1 if entity.person else (
            sum(e.holder == entity.holder for e in self.cast) == 1
        )  # fmt: skip


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower_first(text: str, value: str, entity: Entity) -> str:
    """Within a sentence; a name, a value and an "I" stay as they are."""
    named = text.startswith((value, *entity.mentions)) and not text.startswith(("The ", "An ", "A "))
    return text if named or text.startswith("I ") else text[:1].lower() + text[1:]


class Composer:
    """Writes one dossier at a time; `used` collects the forms it has used."""

    def __init__(self, values: Values, side: str) -> None:
        self.values, self.side, self.language = values, side, values.language
        self.random: Random = values.random
        self.used: set[str] = set()
        self.dossier = Dossier([])

    # -- choosing

    def form(self, section: str, sort: str = "") -> str:
        chosen = self.random.choice(forms_for(self.language, self.side, section, sort))
        self.used.add(f"{section}|{chosen}")
        return expand(chosen, self.random) if "|" in chosen and "(" in chosen else chosen

    def fill(self, form: str, **given: str) -> str:
        """Slots that nobody gave are drawn by their name; a 2 after the name draws again."""
        return _SLOT.sub(
            lambda m: given[m[1] + m[2]] if m[1] + m[2] in given else self.values.draw(m[1]).text, form
        )

    def choose_cast(self) -> list[Entity]:
        r, holders = self.random, read_holders(self.language)
        kinds = sorted({h.name for h in holders})
        people = [h.name for h in holders if not h.mentions]
        first = r.choice(people) if r.random() < 0.4 else r.choice(kinds)
        roll = r.random()
        if roll < 0.3:
            names = [first]
        elif roll < 0.75:
            names = [first] * r.choice((2, 2, 3, 3, 4))
        else:
            names = [first, *(r.choice(kinds) for _ in range(r.randint(1, 3)))]
        cast: list[Entity] = []
        for name in names:
            if name == "mail" and any(e.holder == "mail" for e in cast):
                continue
            holder = r.choice([h for h in holders if h.name == name])
            for _ in range(5):
                entity = make_entity(holder, self.values)
                if not any(clash(entity, e) for e in cast):
                    cast.append(entity)
                    break
        return cast

    def choose_relation(self, entity: Entity, noun_only: bool = False) -> Relation | None:
        """A relation that the entity does not have yet, often one that another entity has."""
        r = self.random
        open_ones = relations_of(self.language, self.side, entity.holder, entity.person)
        deeds = r.random() < 0.35
        open_ones = tuple(x for x in open_ones if x.deed == deeds and not (x.deed and noun_only)) or open_ones
        held = [
            f.relation
            for f in self.dossier.facts
            if f.entity is not entity and f.relation in open_ones and not self.dossier.has(f.relation, entity)
        ]
        held = [x for x in held if not (noun_only and x.deed)]
        if held and r.random() < 0.55:
            return r.choice(held)
        if not open_ones:
            return None
        own = [x for x in open_ones if x.sentences or x.questions] if r.random() < 0.6 else ()
        for _ in range(6):
            relation = r.choice(own or open_ones)
            if not self.dossier.has(relation, entity) and not (noun_only and relation.deed):
                return relation
        return None

    def mention(self, entity: Entity, role_share: float = 0.25) -> str:
        r = self.random
        if entity.roles and self.dossier.alone(entity) and r.random() < role_share:
            return r.choice(entity.roles)
        if len(entity.mentions) > 1 and r.random() < 0.4:
            return r.choice(entity.mentions[1:])
        return entity.mentions[0]

    def noun(self, relation: Relation, entry: bool = False) -> Noun:
        nouns = [n for n in relation.nouns if entry or not n.entry]
        return self.random.choice(nouns or relation.nouns)

    # -- writing

    def compose(self, words: int) -> Dossier:
        r = self.random
        dossier = self.dossier = Dossier([])
        dossier.cast = self.choose_cast()
        count = max(1, min(r.choice((1, 2, 3, 4, 5, 6, 6)), words // 14 + (r.random() < 0.5)))
        per_passage = max(9, min(60, words // count))
        for number in range(1, count + 1):
            text = self.write_passage(number, per_passage * r.uniform(0.6, 1.15))
            if text:
                dossier.texts.append(text)
            else:
                dossier.facts = [f for f in dossier.facts if f.passage != number]
                break
        return dossier

    def write_passage(self, number: int, budget: float) -> str:
        r = self.random
        before = len(self.dossier.facts)
        style = r.random()
        pieces: list[str] = []
        if style < 0.1 and budget > 18:
            pieces = self.write_table(number, budget)
        elif style < 0.38:
            pieces = self.write_record(number, budget)
        if not pieces:
            pieces = self.write_prose(number, budget)
        text = " ".join(" ".join(pieces).split())
        facts = self.dossier.facts[before:]
        roll = r.random()
        if roll < 0.05:
            text = self.misread(text, facts)
        elif roll < 0.09:
            text = self.hyphenate(text, facts)
        if "'" in text and r.random() < 0.25 and not any("'" in f.value for f in facts):
            for f in facts:
                f.sentence = f.sentence.replace("'", "’")
            text = text.replace("'", "’")
        return text

    def write_prose(self, number: int, budget: float) -> list[str]:
        """Sentences about one entity or several."""
        r, dossier = self.random, self.dossier
        one = r.choice(dossier.cast)
        single = r.random() < 0.6 or len(dossier.cast) == 1
        pieces: list[str] = []
        known = False  # whether the reader of this passage knows who is meant
        if single and r.random() < 0.25:
            pieces.append(self.fill_subject(self.form("opening"), one))
            known = True
        if r.random() < 0.2:
            pieces.insert(0, self.fray())
        while True:
            entity = one if single else r.choice(dossier.cast)
            relation = self.choose_relation(entity)
            if relation is None:
                pieces.append(self.filler())
            else:
                pieces += self.write_fact(relation, entity, number, known and single)
                known = True
            while r.random() < 0.35 and length(pieces) < budget:
                pieces.append(self.filler())
            if length(pieces) >= budget * 0.75:
                break
        if r.random() < 0.15:
            pieces.append(self.fray(end=True))
        return pieces

    def fill_subject(self, form: str, entity: Entity) -> str:
        mention = (
            entity.mentions[0] if self.random.random() < 0.8 else self.random.choice(entity.mentions[:2])
        )
        return put(form, entity, mention, None, {}, self.values.french)

    def fray(self, end: bool = False) -> str:
        """Passages are cut from pages: they may begin or end within a sentence."""
        words = self.filler().split()
        cut = self.random.randint(1, len(words))
        return " ".join(words[:cut] if end else words[cut - 1 :])

    def filler(self) -> str:
        if self.random.random() < 0.25:
            count = self.random.randint(3, 14)
            words = [self.random.choice(self.values.pools["common"])[0] for _ in range(count)]
            return upper_first(" ".join(words)) + self.random.choice(".,.;")
        return upper_first(self.fill(self.form("filler")))

    def write_fact(self, relation: Relation, entity: Entity, number: int, known: bool) -> list[str]:
        r = self.random
        roll = r.random()
        if relation.deed:
            plain = roll > 0.1
            return (
                [self.write_plain(relation, entity, number, known)]
                if plain
                else self.write_said(relation, entity, number)
            )
        if relation.many and roll < 0.5:
            return self.write_list(relation, entity, number)
        if roll < 0.1 and not relation.many:
            return self.write_change(relation, entity, number)
        if roll < 0.2 and relation.sort not in ("date", "year", "age"):
            return self.write_dated(relation, entity, number)
        if roll < 0.29:
            return self.write_said(relation, entity, number)
        return [self.write_plain(relation, entity, number, known)]

    def core(
        self,
        relation: Relation,
        entity: Entity,
        value: str,
        known: bool = False,
        more: dict[str, str] | None = None,
        section: str = "say",
        noun: Noun | None = None,
    ) -> tuple[str, Noun | None, bool]:
        """(words without a full stop, the noun in them, whether they name the entity)."""
        r = self.random
        mention = self.mention(entity)
        pronoun = known and r.random() < 0.35
        if pronoun:
            mention = entity.pronoun(self.values.french)
        if section == "say" and relation.sentences and (relation.deed or r.random() < 0.45):
            form, noun = r.choice(relation.sentences), None
            self.used.add(f"own {relation.number}|{form}")
            form = expand(form, r) if "|" in form else form
        else:
            noun = noun or self.noun(relation)
            if noun.entry and section == "say":
                return f"{entity.mentions[0]} – {noun.bare} : {value}", noun, True
            form = self.form(section, relation.sort)
        if not fits(form, mention, PRONOUNS):
            mention, pronoun = entity.mentions[0], False
        text = put(form, entity, mention, noun, {"v": value, **(more or {})}, self.values.french)
        return text, noun, not pronoun and mention not in entity.roles

    def write_plain(self, relation: Relation, entity: Entity, number: int, known: bool) -> str:
        r = self.random
        value = self.values.draw(relation.sort).text
        if (known or self.dossier.alone(entity)) and not relation.deed and r.random() < 0.2:
            heading = self.noun(relation, entry=True)
            text = self.label(heading, value)
            self.dossier.facts.append(Fact(relation, entity, value, number, heading, "", False))
            return text + r.choice((".", "", ";", ","))
        text, noun, named = self.core(relation, entity, value, known)
        text = self.dress(text, value, entity)
        self.dossier.facts.append(Fact(relation, entity, value, number, noun, text, named))
        return text

    def dress(self, text: str, value: str, entity: Entity) -> str:
        """A lead or a tail with values of their own, a list mark, a full stop."""
        r = self.random
        roll = r.random()
        kept = text.startswith(value)
        if roll < 0.14:
            text, kept = self.fill(self.form("lead")) + lower_first(text, value, entity), False
        if 0.1 < roll < 0.24:
            text += self.fill(self.form("tail"))
        if not kept or r.random() < 0.8:
            changed = upper_first(text)
            text = changed if value in changed else text
        if roll > 0.9:
            mark = ("- ", "• ", "* ", f"{r.randint(1, 20)}. ", f"{r.randint(1, 9)}.{r.randint(1, 9)} ", "– ")
            return r.choice(mark) + text + r.choice((".", ";", ""))
        return text + "."

    def label(self, noun: Noun, value: str) -> str:
        roll = self.random.random()
        form = self.form("label")
        name = upper_first(noun.bare) if roll < 0.75 else noun.bare.upper() if roll < 0.85 else noun.bare
        return " ".join(form.replace("{n}", name).replace("{b}", name).replace("{v}", value).split())

    def write_record(self, number: int, budget: float) -> list[str]:
        """Labels and values, as on a form."""
        r = self.random
        entity = r.choice(self.dossier.cast)
        separator, form = r.choice(SEPARATORS), self.form("label")
        alone = len(self.dossier.cast) == 1
        pieces = []
        if not alone or r.random() < 0.6:
            pieces = [self.fill_subject(self.form("opening"), entity)]
        labels: list[str] = []
        while length(pieces) + length(labels) < budget * 0.8:
            relation = self.choose_relation(entity, noun_only=True)
            if relation is None or len(labels) > 9:
                break
            noun = self.noun(relation, entry=True)
            count = r.choice((1, 2, 2, 3, 4)) if relation.many else 1
            found = list(dict.fromkeys(self.values.draw(relation.sort).text for _ in range(count)))
            for part, value in enumerate(found, 1):
                part = part if len(found) > 1 else 0
                self.dossier.facts.append(Fact(relation, entity, value, number, noun, "", False, part=part))
            name = upper_first(noun.bare) if r.random() < 0.8 else noun.bare
            joined = r.choice((", ", " / ", ", ")).join(found)
            labels.append(form.replace("{n}", name).replace("{b}", name).replace("{v}", joined))
        if len(labels) < 2:
            self.dossier.facts = [f for f in self.dossier.facts if f.passage != number]
            return []
        pieces.append(separator.join(labels))
        if r.random() < 0.3:
            pieces.append(self.filler())
        return pieces

    def write_table(self, number: int, budget: float) -> list[str]:
        """Rows of entities and columns of relations, flattened as extraction leaves them."""
        r = self.random
        groups = [e for e in self.dossier.cast if e.holder != "mail"]
        first = r.choice(groups) if groups else None
        rows = [e for e in groups if first and e.holder == first.holder]
        if first is None or len(rows) < 2:
            return []
        r.shuffle(rows)
        open_ones = relations_of(self.language, self.side, first.holder, first.person)
        free = [x for x in open_ones if not (x.many or x.deed or any(self.dossier.has(x, e) for e in rows))]
        if len(free) < 2:
            return []
        columns = r.sample(free, min(len(free), r.choice((1, 2, 2, 3))))
        nouns = [self.noun(c, entry=True) for c in columns]
        cells = r.choice(COLUMNS)
        lines = [cells.join((self.form("rows"), *(upper_first(n.bare) for n in nouns)))]
        for entity in rows:
            if length(lines) > budget * 1.1:
                break
            found = [self.values.draw(c.sort).text for c in columns]
            lines.append(cells.join((upper_first(entity.mentions[0]), *found)))
            for column, heading, value in zip(columns, nouns, found, strict=True):
                self.dossier.facts.append(Fact(column, entity, value, number, heading))
        return [r.choice((" ", " ", cells, " ; ")).join(lines)]

    # -- facts that belong together

    def write_list(self, relation: Relation, entity: Entity, number: int) -> list[str]:
        r = self.random
        values = list(
            dict.fromkeys(self.values.draw(relation.sort).text for _ in range(r.choice((2, 2, 3, 3, 4, 5))))
        )
        last = (
            r.choice((" et ", " et ", ", "))
            if self.values.french
            else r.choice((" and ", " and ", ", ", ", and "))
        )
        joined = ", ".join(values[:-1]) + last + values[-1] if len(values) > 1 else values[0]
        text, noun, named = self.core(relation, entity, joined)
        text = self.dress(text, values[0], entity)
        for part, value in enumerate(values, 1):
            part = part if len(values) > 1 else 0
            self.dossier.facts.append(Fact(relation, entity, value, number, noun, text, named, part=part))
        return [text]

    def write_change(self, relation: Relation, entity: Entity, number: int) -> list[str]:
        """A value that replaces an earlier one; now and then the earlier one is also stated by itself."""
        r = self.random
        old, new = self.values.draw(relation.sort).text, self.values.draw(relation.sort).text
        if old in new or new in old:
            return [self.filler()]
        noun = self.noun(relation)
        form = self.form("change")
        mention = self.mention(entity)
        given = {"v": new, "o": old, "date": self.values.draw("date").text}
        text = put(form, entity, mention, noun, given, self.values.french)
        text = self.dress(text, old if text.startswith(old) else new, entity)
        pieces = []
        if r.random() < 0.4:
            pieces = [
                self.dress(self.core(relation, entity, old)[0], old, entity),
                *([self.filler()] * (r.random() < 0.4)),
            ]
        named = mention not in entity.roles
        self.dossier.facts.append(Fact(relation, entity, new, number, noun, text, named, before=old))
        return [*pieces, text]

    def write_dated(self, relation: Relation, entity: Entity, number: int) -> list[str]:
        """The same thing at two to four dates."""
        r = self.random
        pieces = []
        noun = self.noun(relation)
        style = r.randint(0, 9)
        for day, order in self.values.dated(r.choice((2, 2, 3, 3, 4))):
            value = self.values.draw(relation.sort).text
            text, _, named = self.core(
                relation, entity, value, more={"t": day}, section="saydated", noun=noun
            )
            text = upper_first(text) if not text.startswith(value) else text
            if r.random() < 0.1:
                pieces.append(self.filler())
            pieces.append(text + "." if style else text + ";")
            fact = Fact(relation, entity, value, number, noun, pieces[-1], named, date=day, order=order)
            self.dossier.facts.append(fact)
        return pieces

    def write_said(self, relation: Relation, entity: Entity, number: int) -> list[str]:
        """What one or two people say, who need not agree."""
        r = self.random
        pieces = []
        for _ in range(r.choice((1, 1, 2))):
            value, speaker = self.values.draw(relation.sort).text, self.values.make_person()
            inner, noun, named = self.core(relation, entity, value)
            inner = lower_first(inner, value, entity)
            text = self.fill(self.form("saysaid"), p=speaker, c=inner).strip()
            text = upper_first(text) if not text.startswith(value) else text
            pieces.append(text + r.choice((".", ".", ";")))
            fact = Fact(relation, entity, value, number, noun, pieces[-1], named, speaker=speaker)
            self.dossier.facts.append(fact)
        return pieces

    # -- accidents of real pages

    def spoil(self, text: str, facts: list[Fact], spoiled: dict[str, str]) -> str:
        """Some words replaced, never those of values and names."""
        kept = {
            w
            for f in facts
            for v in (f.value, f.before, f.speaker, f.date, *f.entity.mentions)
            for w in v.split()
        }
        words = [spoiled.get(w, w) if w not in kept else w for w in text.split(" ")]
        for f in facts:
            f.sentence = ""
        return " ".join(words)

    def misread(self, text: str, facts: list[Fact]) -> str:
        """As a scanner that mistakes letters."""
        r, wrong = self.random, {}
        for word in text.split(" "):
            if word.isalpha() and len(word) > 2 and r.random() < 0.15:
                wrong[word] = word.replace(*r.choice(_MISREAD), 1)
        return self.spoil(text, facts, wrong)

    def hyphenate(self, text: str, facts: list[Fact]) -> str:
        """As text whose lines ended within words."""
        r, cut = self.random, {}
        for word in text.split(" "):
            if word.isalpha() and len(word) > 6 and r.random() < 0.15:
                place = r.randint(3, len(word) - 3)
                cut[word] = f"{word[:place]}- {word[place:]}"
        return self.spoil(text, facts, cut)


def clash(a: Entity, b: Entity) -> bool:
    """Whether a question could mean the one as well as the other."""
    if a.key == b.key or set(a.key.split("|")) & set(b.key.split("|")):
        return True
    return any(x.lower() in y.lower() or y.lower() in x.lower() for x in a.mentions for y in b.mentions)
