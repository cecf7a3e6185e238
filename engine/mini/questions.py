"""Asks about a composed dossier: values, whole sentences, yes or no, lists, first and last, who said it."""

from __future__ import annotations

from engine.mini.dossiers import Composer, Dossier, Fact, clash, upper_first
from engine.mini.entities import Entity, make_entity, put
from engine.mini.examples import Question
from engine.mini.facts import expand
from engine.mini.relations import Noun, Relation, read_holders, relations_of

# shares of what is tried; what a dossier does not allow falls back to a value
TASKS = (
    ("value", 0.50),
    ("absent", 0.46),
    ("sentence", 0.06),
    ("yes or no", 0.07),
    ("list", 0.08),
    ("extreme", 0.07),
    ("said", 0.03),
    ("follow-up", 0.09),
)
VERDICTS = {"en": ("yes", "no"), "fr": ("oui", "non")}
PREFIXES = {
    "en": ("", "", "", "", "", "", "", "", "Please: ", "Hello, ", "Question: ", "Quick question: "),
    "fr": ("", "", "", "", "", "", "", "", "S'il vous plaît : ", "Bonjour, ", "Question : ", "Dis-moi : "),
}


class Asker:
    def __init__(self, composer: Composer) -> None:
        self.composer, self.values, self.random = composer, composer.values, composer.random
        self.language, self.side = composer.language, composer.side
        self.dossier = composer.dossier

    def ask(self, dossier: Dossier, wanted: int) -> list[Question]:
        self.dossier = dossier
        asked: list[Question] = []
        if not dossier.facts:
            return asked
        names, weights = [t[0] for t in TASKS], [t[1] for t in TASKS]
        for _ in range(wanted * 3 + 2):
            if len(asked) >= wanted:
                break
            task = self.random.choices(names, weights)[0]
            question = self.ask_task(task)
            if question is None and task not in ("value", "absent"):
                question = self.ask_task("value")
            if question and all(q.text != question.text for q in asked) and self.holds(question):
                asked.append(question)
        return asked

    def ask_task(self, task: str) -> Question | None:
        facts = self.dossier.facts
        fitting = [f for f in facts if f.sentence and not f.part] if task == "sentence" else []
        fact = self.random.choice(fitting or facts)
        if task == "value":
            return self.ask_value(fact)
        if task == "absent":
            return self.ask_absent()
        if task == "sentence":
            return self.ask_sentence(fact)
        if task == "yes or no":
            return self.ask_yes(fact)
        if task == "list":
            return self.ask_list()
        if task == "extreme":
            return self.ask_extreme()
        return self.ask_said() if task == "said" else self.ask_follow_up(fact)

    def holds(self, question: Question) -> bool:
        """Whether every quoted value stands in its passage."""
        if not question.value:
            return True
        quoted = ((question.value, question.anchor), *question.more)
        return all(value in self.dossier.texts[anchor - 1] for value, anchor in quoted)

    # -- words

    def question_noun(self, relation: Relation, stated: Noun | None) -> Noun:
        """A noun of the relation, most often another one than the paper has."""
        nouns = [n for n in (*relation.nouns, *relation.asked) if not n.entry]
        if stated is not None and self.random.random() < 0.6:
            apart = [n for n in nouns if not overlap(n.bare, stated.bare)]
            nouns = apart or nouns
        return self.random.choice(nouns or list(relation.nouns))

    def asked_mention(self, entity: Entity) -> tuple[str, bool]:
        """(how a question names it, whether that says which one is meant by name)."""
        r = self.random
        if self.dossier.alone(entity) and (entity.roles or entity.asked_roles) and r.random() < 0.3:
            return r.choice((*entity.roles, *entity.asked_roles)), False
        if len(entity.mentions) > 1 and r.random() < 0.45:
            return r.choice(entity.mentions[1:]), True
        return entity.mentions[0], True

    def word(
        self, section: str, relation: Relation, entity: Entity, mention: str, stated: Noun | None,
        more: dict[str, str] | None = None,
    ) -> tuple[str, Noun]:  # fmt: skip
        noun = self.question_noun(relation, stated)
        if noun.phrase and section != "key":
            noun = next((n for n in relation.nouns if not n.entry), noun)
        form = self.composer.form(section, relation.sort)
        return put(form, entity, mention, noun, more or {}, self.values.french), noun

    def polish(self, text: str) -> str:
        """People type questions in many ways."""
        r = self.random
        text = upper_first(text)
        if r.random() < 0.12:
            prefix = r.choice(PREFIXES[self.language])
            text = prefix + text if prefix else text
        roll = r.random()
        if roll < 0.06:
            return text.lower()
        if roll < 0.15:
            return text.rstrip(" ?.")
        return text.replace(" ?", "?") if roll < 0.25 else text

    # -- which question is fair

    def rivals(self, fact: Fact, named: bool) -> list[Fact]:
        """Other facts of the same relation that the question could mean."""
        return [
            f
            for f in self.dossier.facts
            if f is not fact
            and f.relation is fact.relation
            and (f.entity is fact.entity or not named or not f.named)
        ]

    def unclear_noun(self, noun: Noun, relation: Relation, entity: Entity, named: bool) -> bool:
        """Whether another relation of the same holder goes by that noun too."""
        return any(
            f.relation is not relation
            and (f.entity is entity or not named)
            and any(overlap_whole(noun.bare, w) for w in f.relation.words)
            for f in self.dossier.facts
        )

    def value_question(
        self, relation: Relation, entity: Entity, stated: Noun | None
    ) -> tuple[str, bool] | None:
        """(question, whether it names its holder); None when it could mean something else too."""
        r = self.random
        roll = r.random()
        mention, named = self.asked_mention(entity)
        if relation.deed and not relation.questions:
            return None
        if relation.questions and (relation.deed or roll < 0.42):
            form = r.choice(relation.questions)
            named = named and any(s in form for s in ("{s}", "{ps}", "{ds}", "{as}"))
            if any(form in f.relation.questions for f in self.dossier.facts if f.relation is not relation):
                return None
            self.composer.used.add(f"asked {relation.number}|{form}")
            form = expand(form, r) if "|" in form else form
            text = put(form, entity, mention, None, {}, self.values.french)
            return text + (" ?" if self.values.french else "?"), named
        noun = self.question_noun(relation, stated)
        if noun.phrase:
            form, end = self.composer.form("askclause" if noun.clause else "askphrase"), ""
        elif roll > 0.85:
            form = self.composer.form("key")
            named = named and any(s in form for s in ("{s}", "{ps}", "{ds}"))
            end = r.choice(("", "", "?", " ?"))
        else:
            form, end = self.composer.form("ask", relation.sort), ""
        if self.unclear_noun(noun, relation, entity, named):
            return None
        return put(form, entity, mention, noun, {}, self.values.french) + end, named

    # -- tasks

    def ask_value(self, fact: Fact) -> Question | None:
        r = self.random
        if fact.before:
            return self.ask_change(fact)
        if fact.date:
            return self.ask_dated(fact)
        if fact.speaker:
            return self.ask_saying(fact) if self.rivals(fact, True) else self.ask_plain(fact)
        if fact.part:
            return None if r.random() < 0.7 else self.ask_list(fact)
        return self.ask_plain(fact)

    def ask_plain(self, fact: Fact) -> Question | None:
        made = self.value_question(fact.relation, fact.entity, fact.noun)
        if made is None or self.rivals(fact, made[1]) or fact.value in made[0]:
            return None
        return Question(self.polish(made[0]), fact.value, fact.passage)

    def ask_change(self, fact: Fact) -> Question | None:
        mention, named = self.asked_mention(fact.entity)
        if self.rivals(fact, named):
            return None
        roll = self.random.random()
        section = "asknew" if roll < 0.35 else "askold" if roll < 0.65 else "ask"
        text, noun = self.word(section, fact.relation, fact.entity, mention, fact.noun)
        if self.unclear_noun(noun, fact.relation, fact.entity, named):
            return None
        return Question(self.polish(text), fact.before if section == "askold" else fact.value, fact.passage)

    def ask_dated(self, fact: Fact) -> Question | None:
        mention, named = self.asked_mention(fact.entity)
        if any(f.date == fact.date or f.value == fact.value for f in self.rivals(fact, named)):
            return None
        back = self.random.random() < 0.25
        more = {"v": fact.value} if back else {"t": fact.date}
        section = "askdate" if back else "askdated"
        text, noun = self.word(section, fact.relation, fact.entity, mention, fact.noun, more)
        if self.unclear_noun(noun, fact.relation, fact.entity, named):
            return None
        return Question(self.polish(text), fact.date if back else fact.value, fact.passage)

    def ask_saying(self, fact: Fact) -> Question | None:
        """What one of two people says."""
        mention, named = self.asked_mention(fact.entity)
        if fact.relation.deed:
            return None
        if any(f.speaker == fact.speaker or f.entity is not fact.entity for f in self.rivals(fact, named)):
            return None
        more = {"p": fact.speaker}
        text, noun = self.word("asksaying", fact.relation, fact.entity, mention, fact.noun, more)
        if self.unclear_noun(noun, fact.relation, fact.entity, named):
            return None
        return Question(self.polish(text), fact.value, fact.passage, kind="said")

    def ask_said(self) -> Question | None:
        said = [f for f in self.dossier.facts if f.speaker]
        if not said:
            return None
        fact = self.random.choice(said)
        if self.random.random() < 0.4:
            return self.ask_saying(fact)
        mention, named = self.asked_mention(fact.entity)
        rivals = self.rivals(fact, named)
        if any(f.entity is not fact.entity for f in rivals) or any(f.value == fact.value for f in rivals):
            return None
        section = "asksaid"
        form = self.composer.form(section)
        if rivals and "{v}" not in form:
            return None
        if fact.relation.deed:
            return None
        noun = self.question_noun(fact.relation, fact.noun)
        if noun.phrase or self.unclear_noun(noun, fact.relation, fact.entity, named):
            return None
        text = put(form, fact.entity, mention, noun, {"v": fact.value}, self.values.french)
        return Question(self.polish(text), fact.speaker, fact.passage, kind="said")

    def ask_sentence(self, fact: Fact) -> Question | None:
        if fact.relation.deed:
            return None
        mention, named = self.asked_mention(fact.entity)
        if (
            not fact.sentence
            or any(c in fact.sentence for c in "«»")
            or self.rivals(fact, named)
            or fact.part
        ):
            return None
        if len(fact.sentence.split()) > 26:
            return None
        text, noun = self.word("asksentence", fact.relation, fact.entity, mention, fact.noun)
        if self.unclear_noun(noun, fact.relation, fact.entity, named):
            return None
        return Question(self.polish(text), fact.sentence.strip(), fact.passage, kind="sentence")

    def ask_yes(self, fact: Fact) -> Question | None:
        mention, named = self.asked_mention(fact.entity)
        if fact.relation.deed or self.rivals(fact, named) or fact.part or fact.before or fact.speaker:
            return None
        true = self.random.random() < 0.5
        value = fact.value if true else self.values.draw(fact.relation.sort).text
        if not true and (
            value in fact.value or fact.value in value or value in self.dossier.texts[fact.passage - 1]
        ):
            return None
        text, noun = self.word("askyes", fact.relation, fact.entity, mention, fact.noun, {"v": value})
        if self.unclear_noun(noun, fact.relation, fact.entity, named):
            return None
        verdict = VERDICTS[self.language][not true]
        return Question(self.polish(text), fact.value, fact.passage, verdict=verdict, kind="yes or no")

    def ask_list(self, fact: Fact | None = None) -> Question | None:
        parts = [f for f in self.dossier.facts if f.part]
        if not parts:
            return None
        fact = fact or self.random.choice(parts)
        mention, named = self.asked_mention(fact.entity)
        whole = [f for f in self.dossier.facts if f.relation is fact.relation and f.entity is fact.entity]
        others = [f for f in self.rivals(fact, named) if f.entity is not fact.entity]
        if others or any(not f.part for f in whole) or not 2 <= len(whole) <= 8:
            return None
        if self.random.random() < 0.6:
            text, noun = self.word("asklist", fact.relation, fact.entity, mention, fact.noun)
            if self.unclear_noun(noun, fact.relation, fact.entity, named):
                return None
        else:
            made = self.value_question(fact.relation, fact.entity, fact.noun)
            if made is None or (not made[1] and self.rivals(fact, False) != whole[:0] and named):
                return None
            if not made[1] and any(f.entity is not fact.entity for f in self.rivals(fact, False)):
                return None
            text = made[0]
        ordered = sorted(whole, key=lambda f: (f.passage, f.part))
        rest = tuple((f.value, f.passage) for f in ordered[1:])
        return Question(self.polish(text), ordered[0].value, ordered[0].passage, rest, kind="list")

    def ask_extreme(self) -> Question | None:
        dated = [f for f in self.dossier.facts if f.date]
        if not dated:
            return None
        fact = self.random.choice(dated)
        mention, named = self.asked_mention(fact.entity)
        rivals = self.rivals(fact, named)
        if any(f.entity is not fact.entity for f in rivals) or any(not f.date for f in rivals):
            return None
        series = sorted((fact, *rivals), key=lambda f: f.order)
        last = self.random.random() < 0.65
        chosen = series[-1] if last else series[0]
        section = "asklatest" if last else "askearliest"
        text, noun = self.word(section, fact.relation, fact.entity, mention, fact.noun)
        if self.unclear_noun(noun, fact.relation, fact.entity, named):
            return None
        return Question(self.polish(text), chosen.value, chosen.passage, kind="extreme")

    def ask_follow_up(self, fact: Fact) -> Question | None:
        """A second question that says only what has changed; the first and its answer stand before it."""
        first = self.ask_plain(fact)
        others = [
            f
            for f in self.dossier.facts
            if f.entity is fact.entity and f.relation is not fact.relation and not self.rivals(f, True)
            and not (f.part or f.date or f.speaker or f.before or f.relation.deed)
        ]  # fmt: skip
        if first is None or not others:
            return None
        named = any(m.lower() in first.text.lower() for m in (*fact.entity.mentions, *fact.entity.roles))
        if not named and len(self.dossier.cast) > 1:
            return None
        then = self.random.choice(others)
        mention = fact.entity.pronoun(self.values.french)
        text, noun = self.word("askmore", then.relation, then.entity, mention, then.noun)
        if self.unclear_noun(noun, then.relation, then.entity, True):
            return None
        whole = follow_up(first.text, first.value, self.polish(text))
        return Question(whole, then.value, then.passage, kind="follow-up")

    def ask_absent(self) -> Question | None:
        """The same of somebody else, something else of the same one, or somebody who is not there."""
        r, dossier = self.random, self.dossier
        roll = r.random()
        donor = r.choice(dossier.facts)
        if roll < 0.4 and len(dossier.cast) > 1:
            others = [
                e
                for e in dossier.cast
                if e.person == donor.entity.person and not dossier.has(donor.relation, e)
            ]
            if not others:
                return None
            entity, relation = r.choice(others), donor.relation
            known = relations_of(self.language, self.side, entity.holder, entity.person)
            if relation not in known or any(f.relation is relation and not f.named for f in dossier.facts):
                return None
        elif roll < 0.8:
            entity = r.choice(dossier.cast)
            known = relations_of(self.language, self.side, entity.holder, entity.person)
            if not known:
                return None
            relation = r.choice(known)
            if any(f.relation is relation for f in dossier.facts):
                return None
        else:
            holder = r.choice([h for h in read_holders(self.language) if h.name == donor.entity.holder])
            entity, relation = make_entity(holder, self.values), donor.relation
            if not entity.key or any(clash(entity, e) for e in dossier.cast):
                return None
            if any(not f.named for f in dossier.facts if f.relation is relation) or entity.holder == "mail":
                return None
            made = self.value_question(relation, entity, None)
            if made is None or not made[1]:
                return None
            return Question(self.polish(made[0]), "", 0, kind="absent")
        made = self.value_question(relation, entity, None)
        if made is None or (not made[1] and any(f.relation is relation for f in dossier.facts)):
            return None
        return Question(self.polish(made[0]), "", 0, kind="absent")


def follow_up(before: str, value: str, question: str) -> str:
    """One line: the question before, what was answered, the question now."""
    return f"{before} « {value} » {question}"


def overlap(one: str, other: str) -> bool:
    """Whether two nouns share a word that says something."""
    words = {w for w in one.lower().split() if len(w) > 3}
    return any(w in words for w in other.lower().split())


def overlap_whole(one: str, other: str) -> bool:
    return one.lower() == other or f" {one.lower()} " in f" {other} " or f" {other} " in f" {one.lower()} "
