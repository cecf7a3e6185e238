"""What a question looks for: groups of interchangeable terms, and the kinds of value that would answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.retrieval import words
from app.retrieval.kinds import Kind, kinds_asked
from app.retrieval.thesaurus import ASKING_WORDS, LONGEST_TERM, Stems, Thesaurus


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
    hints: Mapping[Stems, float]  # what stands beside such answers, and how far it speaks for a passage

    def terms(self) -> set[Stems]:
        """Everything that is looked for."""
        return {term for group in self.groups for term in group.variants} | self.hints.keys()


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
_PART_WEIGHT = 0.15  # one word of a term of several
_HINT_WEIGHTS = (0.6, 0.85, 1.0)  # by how many of the question's words called for it
_STOP_STEMS = frozenset(words.stem(w) for w in words.STOP_WORDS) | words.STOP_WORDS


def analyse(text: str, thesaurus: Thesaurus) -> Question:
    """Groups in the order of the question; terms of several words are taken before their single words."""
    tokens = words.split(text)
    stems = [words.stem(token.text) for token in tokens]
    stop_words = words.stop_words_of(token.text for token in tokens)
    groups: dict[Stems, Group] = {}
    at = 0
    while at < len(stems):
        for size in range(min(LONGEST_TERM, len(stems) - at), 0, -1):
            term = tuple(stems[at : at + size])
            stops = all(token.text in stop_words for token in tokens[at : at + size])
            if size == 1 and stops:
                at += 1
                break
            if term in thesaurus or size == 1:
                variants = {v: w for v, w in thesaurus.expand(term).items() if _useful(v)}
                if size > 1:
                    variants |= {(stem,): _PART_WEIGHT for stem in term if _useful((stem,))}
                if _useful(term) or (size == 1 and not stops):
                    variants[term] = 1.0
                faint = stops or all(stem in _FAINT or stem in _STOP_STEMS for stem in term)
                if variants and term not in groups:
                    groups[term] = Group(term, variants, _FAINT_WEIGHT if faint else 1.0)
                at += size
                break
    folded = " ".join(token.text for token in tokens)
    return Question(
        text, tuple(groups.values()), kinds_asked(folded), _hints(text, tokens, stop_words, thesaurus)
    )


def _hints(
    text: str, tokens: Sequence[words.Word], stop_words: frozenset[str], thesaurus: Thesaurus
) -> dict[Stems, float]:
    asked = set()
    for token in tokens:
        # "où" asks for a place, "ou" does not; only the accent tells.
        where = token.text != "ou" or "ù" in text[token.start : token.end].lower()
        if token.text not in stop_words or (token.text in ASKING_WORDS and where):
            asked.add(words.stem(token.text))
    found: dict[Stems, float] = {}
    for hint in thesaurus.hint(asked):
        weight = _HINT_WEIGHTS[min(len(hint.asked), len(_HINT_WEIGHTS)) - 1]
        for term in hint.beside:
            if _useful(term):
                found[term] = max(weight, found.get(term, 0.0))
    return found
