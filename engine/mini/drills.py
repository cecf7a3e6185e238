"""Drills: dossiers without sense that teach one skill each, copying, finding a key, going by loose words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from engine.mini.examples import Example, Question, length
from engine.mini.exclusion import Exclusion
from engine.mini.facts import upper_first
from engine.mini.values import Values

_PAIR_SORTS = (
    "date money ref dose labvalue duration hour person person doctor lawyer city company job word word "
    "common goods disease procedure cause place event grievance item drug specialty finding "
    "address party"
)
PAIR_SORTS = _PAIR_SORTS.split()
LINKS = {
    "en": (
        "",
        "",
        "of",
        "on",
        "by",
        "for",
        "is",
        "was",
        "to",
        "in",
        "with",
        "at",
        "from",
        ":",
        "from the",
        "and",
    ),
    "fr": (
        "",
        "",
        "de",
        "le",
        "par",
        "pour",
        "est",
        "était",
        "à",
        "en",
        "avec",
        "chez",
        "du",
        ":",
        "sur",
        "et",
    ),
}
SORT_WORDS = {
    "en": {
        "date": ("When", "On what date", "What date", "On which day"),
        "money": ("How much", "What amount", "What sum", "What price"),
        "person": ("Who", "Whom", "By whom", "What is the name of the"),
        "doctor": ("Who", "Which doctor", "By which doctor"),
        "lawyer": ("Who", "Which lawyer"),
        "company": ("Who", "Which company", "Which firm"),
        "city": ("Where", "In which town", "In what city"),
        "place": ("Where", "In what place"),
        "address": ("Where", "At what address"),
        "duration": ("How long", "For how long", "Within what time"),
        "dose": ("How much", "What dose", "Which dose of"),
        "freq": ("How often", "When"),
        "hour": ("At what time", "When", "What time"),
        "ref": ("What number", "Which reference", "What is the number of"),
        "labvalue": ("What value", "How high", "What was the level of", "How much"),
        "percent": ("What percentage", "What rate", "How much"),
        "age": ("How old", "At what age"),
        "disease": ("What disease", "Which illness", "What", "Why"),
        "drug": ("Which medicine", "What drug", "What"),
        "cause": ("Why", "What caused", "What is the cause of"),
        "grievance": ("Why", "For what reason", "What"),
        "job": ("What job", "As what", "What"),
        "court": ("Which court", "Before which court"),
        "goods": ("What", "Which goods"),
    },
    "fr": {
        "date": ("Quand", "À quelle date", "Quelle date", "Quel jour"),
        "money": ("Combien", "Quel montant", "Quelle somme", "Quel prix"),
        "person": ("Qui", "À qui", "Par qui", "Quel est le nom"),
        "doctor": ("Qui", "Quel médecin", "Par quel médecin"),
        "lawyer": ("Qui", "Quel avocat"),
        "company": ("Qui", "Quelle société", "Quelle entreprise"),
        "city": ("Où", "Dans quelle ville", "À quel endroit"),
        "place": ("Où", "À quel endroit"),
        "address": ("Où", "À quelle adresse"),
        "duration": ("Combien de temps", "Pendant combien de temps", "Sous quel délai"),
        "dose": ("Combien", "Quelle dose", "À quelle dose"),
        "freq": ("À quelle fréquence", "Combien de fois"),
        "hour": ("À quelle heure", "Quand"),
        "ref": ("Quel numéro", "Quelle référence", "Quel est le numéro"),
        "labvalue": ("Quelle valeur", "Quel taux", "Combien", "Quel résultat"),
        "percent": ("Quel pourcentage", "Quel taux", "Combien"),
        "age": ("Quel âge", "À quel âge"),
        "disease": ("Quelle maladie", "De quoi", "Pourquoi"),
        "drug": ("Quel médicament", "Quel traitement"),
        "cause": ("Pourquoi", "Quelle cause", "Quelle est l'origine"),
        "grievance": ("Pourquoi", "Pour quelle raison", "Quel motif"),
        "job": ("Quel métier", "Quelle profession"),
        "court": ("Quel tribunal", "Devant quel tribunal"),
        "goods": ("Que", "Quels biens", "Quoi"),
    },
}
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


class Drills:
    """Endless streams of drills from one random stream; the generator of dossiers adds the real ones."""

    random: Random
    values: dict[str, Values]
    exclusion: Exclusion

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

    def loose(self, words: int, questions: int) -> Iterator[Example]:
        """Sentences of arbitrary words around values; a question is a question word and some of the words
        beside the value, in any order and often inflected. Teaches to go by words and sort, whatever the
        wording.
        """
        r = self.random
        while True:
            language = r.choice(("en", "fr"))
            values = self.values[language]
            passages: list[list[str]] = [[] for _ in range(max(1, min(r.randint(2, 6), words // 14)))]
            facts = []
            while sum(length(p) for p in passages) < words:
                number = r.randrange(len(passages))
                around = [self.plain_word(values) for _ in range(r.randint(5, 15))]
                sort = r.choice(list(SORT_WORDS[language]))
                value, place = values.draw(sort).text, r.randint(1, len(around))
                link = r.choice(LINKS[language])
                text = " ".join([*around[:place], link, value, *around[place:]])
                passages[number].append(upper_first(" ".join(text.split())) + r.choice((".", ".", ";", ",")))
                facts.append((sort, value, around[max(0, place - 6) : place + 5], number + 1))
            kept = [n for n, p in enumerate(passages, 1) if p]
            texts = tuple(" ".join(p) for p in passages if p)
            asked = []
            for sort, value, near, number in r.sample(facts, min(questions, len(facts))):
                telling = [w for w in near if len(w) > 3]
                if r.random() < 0.14:
                    telling = [self.plain_word(values) for _ in range(4)]
                    if any(w in t for w in telling for t in texts):
                        continue
                    value, number = "", 0
                if not telling:
                    continue
                few = r.sample(telling, min(len(telling), r.randint(2, 4)))
                few = [self.inflect(w, language) if r.random() < 0.25 else w for w in few]
                if r.random() < 0.6:
                    few.insert(r.randint(0, len(few)), r.choice(LINKS[language]))
                text = " ".join([r.choice(SORT_WORDS[language][sort]), *few]).replace("  ", " ").strip()
                asked.append(
                    Question(text + r.choice(("?", " ?", "")), value, kept.index(number) + 1 if number else 0)
                )
            example = Example(language, texts, tuple(asked))
            if asked and not self.exclusion.hits(example.prompt + " ".join(q.text for q in asked)):
                yield example

    def plain_word(self, values: Values) -> str:
        roll = self.random.random()
        if roll < 0.82:
            return self.random.choice(values.pools["common"])[0]
        return values.word() if roll < 0.92 else self.random.choice(values.pools["noun"])[0].split()[-1]

    def inflect(self, word: str, language: str) -> str:
        endings = ("s", "e", "es", "er", "é") if language == "fr" else ("s", "ed", "ing", "er", "ly")
        return (
            word[:-1] if self.random.random() < 0.3 and len(word) > 5 else word + self.random.choice(endings)
        )

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
        r = self.random
        found: list[str] = []
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
