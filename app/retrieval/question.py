"""What a question looks for: groups of interchangeable terms, and the kinds of value that would answer it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.retrieval import words
from app.retrieval.thesaurus import LONGEST_TERM, Stems, Thesaurus


class Kind(StrEnum):
    """A kind of value that a passage can hold."""

    PERSON = "person"
    DATE = "date"
    AMOUNT = "amount"
    DOSE = "dose"
    DURATION = "duration"
    PERCENT = "percent"
    PHONE = "phone"
    ADDRESS = "address"
    NUMBER = "number"
    REFERENCE = "reference"


_MONTHS = (
    r"jan(?:uary|vier|v)?|feb(?:ruary)?|f[ée]v(?:rier|r)?|mar(?:ch|s)|apr(?:il)?|avr(?:il)?|ma[iy]|jun[e]?|juin|"
    r"jul[y]?|juil(?:let)?|aug(?:ust)?|ao[uû]t|sep(?:t|tember|tembre)?|oct(?:ober|obre)?|nov(?:ember|embre)?|"
    r"d[ée]c(?:ember|embre)?"
)
_DATE = (
    rf"\d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{2,4}}|\d{{4}}-\d{{2}}-\d{{2}}|"
    rf"(?:\d{{1,2}}(?:er|st|nd|rd|th)?\s+(?:{_MONTHS})\b)|(?:\b(?:{_MONTHS})\.?\s+\d{{1,2}}(?:,|\b))|"
    rf"\b(?:{_MONTHS})\s+(?:19|20)\d\d"
)
_PATTERNS: Mapping[Kind, re.Pattern[str]] = {
    Kind.PERSON: re.compile(
        r"\b(?:Dr|Pr|Prof|Mr|Mrs|Ms|Mme|Mlle|Me|Maître|Madame|Monsieur|Docteur|Professeur|Doctor|Judge|Juge)\b\.?\s+"
        r"[A-ZÀ-Ý]|\bM\.\s+[A-ZÀ-Ý]|\b[A-ZÀ-Ý][a-zà-ÿ]+(?:-[A-ZÀ-Ý][a-zà-ÿ]+)?\s+[A-ZÀ-Ý][A-Za-zÀ-ÿ'’-]{2,}\b"
    ),
    Kind.DATE: re.compile(_DATE, re.IGNORECASE),
    Kind.AMOUNT: re.compile(
        r"\d[\d\s.,\u00a0\u202f']*\s?(?:€|eur\b|euros?\b|k€|\$|£|usd\b|gbp\b|chf\b|dollars?\b|pounds?\b|francs?\b)|"
        r"(?:€|\$|£|eur)\s?\d",
        re.IGNORECASE,
    ),
    Kind.DOSE: re.compile(
        r"\d[\d.,]*\s?(?:mg|µg|μg|mcg|g|ml|ui|iu|units?|unités?|mmol|meq|%|cp|comprim|tablet|gélule|capsule|puff|bouff|"
        r"goutte|drop)\b|\d\s?mg",
        re.IGNORECASE,
    ),
    Kind.DURATION: re.compile(
        r"\b(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|un|une|deux|trois|quatre|cinq|sept|huit|neuf|"
        r"dix|douze)\s+(?:full |working |calendar )?"
        r"(?:days?|weeks?|months?|years?|hours?|minutes?|jours?|semaines?|mois|"
        r"ans?|années?|heures?)\b",
        re.IGNORECASE,
    ),
    Kind.PERCENT: re.compile(r"\d\s?%|\bper ?cent\b|\bpour cent\b", re.IGNORECASE),
    Kind.PHONE: re.compile(r"(?:\+\d{1,3}[\s.]?)?(?:\(?\d{1,5}\)?[\s.-]?){2,6}\d{2,4}"),
    Kind.ADDRESS: re.compile(
        r"\b\d{1,4}\s?(?:bis|ter)?,?\s+(?:rue|avenue|av|boulevard|bd|place|chemin|impasse|quai|allée|cours|route)\b|"
        r"\b\d{1,4}\s+(?:[A-Z][a-z]+\s+){1,3}(?:street|road|lane|avenue|close|drive|court|square|way|st|rd)\b|\b\d{5}\s+[A-Z]",
        re.IGNORECASE,
    ),
    Kind.NUMBER: re.compile(r"\d"),
    Kind.REFERENCE: re.compile(
        r"(?:n[°ºo]|no\.|ref|réf|rg|#)\s*:?\s*[A-Z0-9]|\b[A-Z]{1,5}[-/ ]?\d{2,}", re.IGNORECASE
    ),
}

# (pattern over the folded question, kinds that answer it)
_ASKS: tuple[tuple[re.Pattern[str], tuple[Kind, ...]], ...] = tuple(
    (re.compile(rf"\b(?:{words_asked})\b"), kinds)
    for words_asked, kinds in (
        ("who|whom|whose|which (?:doctor|lawyer|judge|surgeon|expert|person)|name of|called", (Kind.PERSON,)),
        ("qui|quel (?:medecin|avocat|juge|chirurgien|expert|docteur)|nom (?:du|de|des)", (Kind.PERSON,)),
        ("when|what date|which date|what day|on which day|since when|by when|deadline|date", (Kind.DATE,)),
        ("quand|quelle date|quel jour|depuis quand|jusqu a quand|echeance|date", (Kind.DATE,)),
        ("how much|amount|price|cost|sum|rent|salary|fees?|paid|pay|owes?|owed|damages", (Kind.AMOUNT,)),
        ("combien|montant|prix|cout|somme|loyer|salaire|honoraires|reclame|paye|verse|doit", (Kind.AMOUNT,)),
        ("dose|dosage|strength|how many (?:mg|milligrams|tablets)", (Kind.DOSE,)),
        ("posologie|dose|dosage|quelle quantite", (Kind.DOSE,)),
        ("how long|duration|period|notice period|length of", (Kind.DURATION,)),
        ("combien de temps|duree|delai|preavis|pendant combien", (Kind.DURATION,)),
        ("percentage|per cent|percent|rate|proportion|pourcentage|taux", (Kind.PERCENT, Kind.NUMBER)),
        ("phone|telephone|fax|tel|mobile|portable", (Kind.PHONE,)),
        ("address|lives?|reside|located|adresse|habite|demeure|domicile|situe|siege", (Kind.ADDRESS,)),
        ("reference|file number|case number|policy number|numero|rg", (Kind.REFERENCE,)),
        ("how many|how old|how tall|level|value|result|score|count", (Kind.NUMBER,)),
        ("combien|niveau|valeur|resultat|age", (Kind.NUMBER,)),
    )
)


def kinds_in(text: str) -> frozenset[Kind]:
    """Kinds of value that ``text`` holds."""
    return frozenset(kind for kind, pattern in _PATTERNS.items() if pattern.search(text))


@dataclass(frozen=True, slots=True)
class Group:
    """Terms that stand for one thing asked. ``variants[term]`` is in (0, 1]; the asked term itself weighs
    1.
    """

    term: Stems
    variants: Mapping[Stems, float]
    weight: float


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    groups: tuple[Group, ...]
    kinds: frozenset[Kind]


def _useful(term: Stems) -> bool:
    """A variant that is a stop word or a single letter would match everywhere."""
    if len(term) > 1:
        return any(stem not in words.STOP_WORDS and len(stem) > 1 for stem in term)
    return term[0] not in words.STOP_WORDS and (len(term[0]) > 1 or words.is_cjk(term[0]))


# Words that say what kind of thing is asked rather than what it is about.
_FAINT_WORDS = """
date day time number name person document report letter amount total value result level type kind jour heure
numero nom personne rapport courrier montant valeur resultat niveau quel many much long patient record
dossier file case affaire reason motif
"""
_FAINT = frozenset(words.stem(word) for word in _FAINT_WORDS.split())
_FAINT_WEIGHT = 0.45
_PART_WEIGHT = 0.3  # one word of a term of several
_STOP_STEMS = frozenset(words.stem(w) for w in words.STOP_WORDS) | words.STOP_WORDS


def analyse(text: str, thesaurus: Thesaurus) -> Question:
    """Groups in the order of the question; terms of several words are taken before their single words."""
    tokens = words.split(text)
    stems = [words.stem(token.text) for token in tokens]
    groups: dict[Stems, Group] = {}
    at = 0
    while at < len(stems):
        for size in range(min(LONGEST_TERM, len(stems) - at), 0, -1):
            term = tuple(stems[at : at + size])
            stops = all(token.text in words.STOP_WORDS for token in tokens[at : at + size])
            if size == 1 and stops:
                at += 1
                break
            if term in thesaurus or size == 1:
                variants = {v: w for v, w in thesaurus.expand(term).items() if _useful(v)}
                if size > 1:
                    variants |= {(stem,): _PART_WEIGHT for stem in term if _useful((stem,))}
                if _useful(term):
                    variants[term] = 1.0
                faint = stops or all(stem in _FAINT or stem in _STOP_STEMS for stem in term)
                if variants and term not in groups:
                    groups[term] = Group(term, variants, _FAINT_WEIGHT if faint else 1.0)
                at += size
                break
    folded = " ".join(token.text for token in tokens)
    kinds = frozenset(kind for pattern, found in _ASKS if pattern.search(folded) for kind in found)
    return Question(text, tuple(groups.values()), kinds)
