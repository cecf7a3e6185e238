"""Kinds of value: which of them a question asks for, and which a passage holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum


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
    TIME = "time"
    MASS = "mass"
    SIZE = "size"
    HEAT = "heat"
    PRESSURE = "pressure"
    EMAIL = "email"
    COMPANY = "company"
    CAUSE = "cause"


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
    Kind.TIME: re.compile(
        r"\b\d{1,2}\s?h(?:eures?)?\s?(?:\d{2})?\b|\b\d{1,2}[:.]\d{2}\b(?!\s?%)|\b\d{1,2}\s?(?:am|pm|o['’]clock)\b|"
        r"\b(?:midi|noon|midnight)\b",
        re.IGNORECASE,
    ),
    Kind.MASS: re.compile(r"\d\s?(?:kg|kilos?|kilogram\w*|tonnes?|stones?|lbs?)\b", re.IGNORECASE),
    Kind.SIZE: re.compile(
        r"\d\s?(?:mm|cm|m|km|m2|m²|ha|metres?|mètres?|meters?|centim\w+|millim\w+|kilom\w+|hectares?|inch\w*|feet|foot|miles?)(?![\w/])",
        re.IGNORECASE,
    ),
    Kind.HEAT: re.compile(r"\d\s?(?:°\s?[cf]?|degr[eé]e?s?|celsius)", re.IGNORECASE),
    Kind.PRESSURE: re.compile(r"\b\d{2,3}\s?/\s?\d{2,3}\b(?!\s?/)|mm\s?hg", re.IGNORECASE),
    Kind.EMAIL: re.compile(r"[\w.]+@[\w.]+|\bwww\.", re.IGNORECASE),
    Kind.COMPANY: re.compile(
        r"\b(?:SARL|SASU?|SA|SCI|EURL|SNC|SELARL|Ltd|Limited|LLP|LLC|PLC|Inc|GmbH|"
        r"Cabinet|Société|Ets|Mutuelle)\b|& [A-Z]"
    ),
    Kind.CAUSE: re.compile(
        r"\b(?:because|due to|owing to|since|as a result|caused|in view of|on account of|so that|in order to|"
        r"following|after|à cause|en raison|du fait|suite à|parce|afin de|pour cause|faute de|à la suite|"
        r"motif|grâce à|puisque|dû à|due à)\b",
        re.IGNORECASE,
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
        ("what time|at what hour|which hour|opening hours|working hours|hours", (Kind.TIME,)),
        ("quelle heure|a quelle heure|horaires?|heures", (Kind.TIME,)),
        ("weigh|weighs|weight|heavy|poids|pese|peser|lourd", (Kind.MASS,)),
        (
            "how (?:tall|high|big|large|wide|long is|deep|far|thick)|size|height|distance|dimensions?",
            (Kind.SIZE,),
        ),
        (
            "taille|mesure|hauteur|longueur|largeur|epaisseur|profondeur|superficie|surface|distance",
            (Kind.SIZE,),
        ),
        ("temperature|fever|how (?:hot|cold)|fievre|chauffage|degres", (Kind.HEAT,)),
        ("blood pressure|tension|pression arterielle", (Kind.PRESSURE,)),
        ("e?mail|email address|website|courriel|adresse electronique|site internet", (Kind.EMAIL,)),
        ("(?:which|what) (?:company|firm|insurer|bank|agency)|employer|insurer", (Kind.COMPANY,)),
        (
            "quelle (?:societe|entreprise|banque|compagnie|agence|assurance)|employeur|assureur",
            (Kind.COMPANY,),
        ),
        ("why|reason|what caused|cause|pourquoi|raison|motif", (Kind.CAUSE,)),
        (
            "surgeon|doctor|physician|lawyer|judge|solicitor|expert|notary|landlord|witness|neighbour",
            (Kind.PERSON,),
        ),
        (
            "chirurgien|medecin|avocat|juge|notaire|huissier|temoin|voisin|bailleur|infirmiere|patron",
            (Kind.PERSON,),
        ),
        ("how much (?:weight|blood)|how (?:much|many) (?:kilos|kg)", (Kind.MASS, Kind.DOSE)),
        ("since when|how long|depuis quand|depuis combien", (Kind.DATE, Kind.DURATION)),
        ("how old|age|born|ne|nee", (Kind.DATE, Kind.DURATION)),
        ("day|month|year|jour|mois|annee", (Kind.DATE, Kind.DURATION)),
    )
)


def kinds_asked(folded: str) -> frozenset[Kind]:
    """Kinds of value that would answer a question, given as folded words with single spaces."""
    return frozenset(kind for pattern, found in _ASKS if pattern.search(folded) for kind in found)


def kinds_in(text: str, among: Iterable[Kind] = tuple(Kind)) -> frozenset[Kind]:
    """Kinds of value, of those ``among``, that ``text`` holds."""
    return frozenset(kind for kind in among if _PATTERNS[kind].search(text))
