"""Who and what a dossier is about: entities with several names, and how names are put into forms."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.mini.relations import Holder, Noun
from engine.mini.values import Values

_SLOT = re.compile(r"\{(\w+)\}")
_SHE = re.compile(r"(?<!y a-t)-il\b")
_FEMININE_HOLDERS = frozenset(("policy", "case", "invoice", "order", "meeting", "town"))
_FEMININE = {
    "le patient": "la patiente",
    "le malade": "la malade",
    "le salarié": "la salariée",
    "l'employé": "l'employée",
    "le travailleur": "la salariée",
    "le collaborateur": "la collaboratrice",
    "le locataire": "la locataire",
    "le preneur": "la locataire",
    "l'assuré": "l'assurée",
    "le client": "la cliente",
    "l'écolier": "l'écolière",
    "l'intéressé": "l'intéressée",
}


@dataclass(frozen=True, slots=True)
class Entity:
    """`mentions[0]` names it in full. `key`: what no other entity of the dossier may share."""

    holder: str
    mentions: tuple[str, ...]
    roles: tuple[str, ...]
    asked_roles: tuple[str, ...]
    person: bool
    feminine: bool
    key: str

    def pronoun(self, french: bool) -> str:
        if french:
            return "elle" if self.feminine else "il"
        return ("she" if self.feminine else "he") if self.person else "it"


def make_entity(holder: Holder, values: Values) -> Entity:
    r = values.random
    if not holder.mentions:
        return make_person(holder, values)
    drawn = {
        s: values.draw(s).text
        for m in (*holder.mentions, *holder.roles)
        for s in _SLOT.findall(m)
        if s != "lastb"
    }
    drawn["lastb"] = values.draw("last").text

    def fill(text: str) -> str:
        return _SLOT.sub(lambda m: drawn[m[1]], text)

    mentions = tuple(fill(m) for m in holder.mentions)
    key = "|".join(drawn.values()) if drawn else holder.name + str(r.random())
    feminine = values.french and (mentions[0].startswith("la ") or holder.name in _FEMININE_HOLDERS)
    roles, asked = tuple(map(fill, holder.roles)), tuple(map(fill, holder.asked_roles))
    return Entity(holder.name, mentions, roles, asked, False, feminine, key)


def make_person(holder: Holder, values: Values) -> Entity:
    r = values.random
    feminine = r.random() < 0.5
    first = values.plain("first") if r.random() < 0.75 else values.word(2).capitalize()
    last = values.make_last()
    if r.random() < 0.06:
        last += "-" + values.make_last()
    if values.french:
        titles = "Mme Madame Mme" if feminine else "M. Monsieur M."
    else:
        titles = "Mrs Ms Mrs. Miss" if feminine else "Mr Mr. Mr"
    title = r.choice(titles.split())
    titled = f"{title} {last}"
    shown = last.upper() if r.random() < 0.2 else last
    full = r.choice((f"{first} {shown}",) * 3 + (f"{titled}", f"{title} {first} {shown}"))
    mentions = tuple(dict.fromkeys((full, titled, f"{first} {last}", last)))
    roles, asked = holder.roles, holder.asked_roles
    if feminine and values.french:
        roles, asked = (tuple(_FEMININE.get(x, x) for x in names) for names in (roles, asked))
    return Entity(holder.name, mentions, roles, asked, True, feminine, last.lower())


def of_name(name: str) -> str:
    """French `de` before a name."""
    if name.startswith("le "):
        return "du " + name[3:]
    if name.startswith("les "):
        return "des " + name[4:]
    return f"d'{name}" if name[:1].lower() in "aeiouyéèêhœ" and not name.startswith("y") else f"de {name}"


def to_name(name: str) -> str:
    if name.startswith("le "):
        return "au " + name[3:]
    return "aux " + name[4:] if name.startswith("les ") else f"à {name}"


def fits(form: str, mention: str, pronouns: frozenset[str]) -> bool:
    """A pronoun stands only where it is the subject (in English also as a possessive)."""
    if mention not in pronouns:
        return True
    return "{ds}" not in form and "{as}" not in form and (form.find("{s}") <= 0) and form.count("{s}") < 2


PRONOUNS = frozenset(("il", "elle", "he", "she", "it"))
_POSSESSIVE = {"he": "his", "she": "her", "it": "its"}


def put(
    form: str, entity: Entity, mention: str, noun: Noun | None, more: dict[str, str], french: bool
) -> str:
    """The form with everything in its place; raises KeyError for a slot that nobody gave."""
    if french and entity.feminine and noun is None:
        form = _SHE.sub("-elle", form)

    nouns = noun.slots() if noun else {}

    def give(match: re.Match[str]) -> str:
        slot = match[1]
        if slot == "s":
            return mention
        if slot == "S":
            return mention[:1].upper() + mention[1:]
        if slot == "ds":
            return of_name(mention)
        if slot == "as":
            return to_name(mention)
        if slot == "ps":
            return _POSSESSIVE.get(mention) or (mention + ("'" if mention.endswith("s") else "'s"))
        if slot == "e":
            return "e" if entity.feminine and entity.person else ""
        return nouns[slot] if slot in nouns else more[slot]

    text = _SLOT.sub(give, form)
    if french:
        text = text.replace(" de le ", " du ").replace(" de les ", " des ").replace(" à le ", " au ")
    return " ".join(text.split())
