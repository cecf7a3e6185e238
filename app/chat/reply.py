"""Takes a model's answer apart: sentences, the anchors they end with, the words they quote."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

_ANCHOR = re.compile(r"\[\s*(\d{1,6})(?:\s*[,;]\s*\d{1,6})*\s*\]")
_NUMBER = re.compile(r"\d{1,6}")
_QUOTE = re.compile(r"«\s*([^«»]*?)\s*»")
_ENGLISH_QUOTE = re.compile(r"“\s*([^“”]*?)\s*”|\"\s*([^\"\n]{3,}?)\s*\"")
_END = re.compile(r"[.!?…。！？](?:\s*\[[\d\s,;]+\])*(?=\s|$)|(?:\s*\[[\d\s,;]+\])+(?=\s*(?:\n|$))|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(«\"'’])(?:[A-Z]|M|MM|Mr|Mrs|Ms|Mme|Mlle|Me|Dr|Pr|Prof|St|Ste|art|p|pp|no?|vs|cf|etc|e\.g|i\.e|env|"
    r"approx)\.$",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*\d{1,3}\.$")
# Only what is said of the record counts: "n'est pas allergique" or "is not given aspirin" speaks of the
# person, and calling it absent would hide that nothing backs it.
_SOURCE_EN = r"(?:the |these |this )?(?:passages?|dossier|records?|documents?|excerpts?)"
_SOURCE_FR = r"(?:le |les |ce |ces )?(?:passages?|dossier|documents?|extraits?)"
_ABSENT = re.compile(
    r"\b(?:(?:is|are|was|were) not (?:stated|mentioned|indicated|specified)|"
    r"(?:is|are|was|were) not (?:given|found)(?=\s*(?:\.|$|in\b|anywhere\b|by the\b))|"
    rf"(?:is|are|was|were) not in {_SOURCE_EN}|"
    r"(?:do|does|did) not (?:say|hold|mention|contain|state|give|specify|indicate)|"
    r"no (?:passage|mention|information)|"
    r"n['’](?:est|a|ont) pas (?:été )?(?:mentionné|indiqué|précisé|donné|trouvé|fourni|spécifié)|"
    rf"n['’](?:est|a|ont) pas (?:dans|parmi) {_SOURCE_FR}|"
    r"n['’]y a (?:pas|aucune?) (?:d['’]|de )?(?:information|mention|passage|réponse)|"
    r"ne (?:le |la |l['’])?(?:disent|dit|précisent?|mentionnent?|contiennent|contient|permettent|indiquent?|"
    r"donnent?|figure) (?:pas|aucune?)|aucun passage|pas (?:mentionné|indiqué|précisé))",
    re.IGNORECASE,
)
_READER = re.compile(r"\s*«(?P<value>.*?)»\s*\[\s*(?P<anchor>\d{1,6})\s*\]", re.DOTALL)
_VERDICT = re.compile(r"\s*(?P<verdict>yes|no|oui|non)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text == answer[start:end]``. ``anchors`` are known ones only; ``absent``: it says there is no
    answer.
    """

    start: int
    end: int
    text: str
    anchors: tuple[int, ...]
    quotes: tuple[str, ...]
    absent: bool
    unknown_anchors: bool


@dataclass(frozen=True, slots=True)
class Quoted:
    """Words that a reader quotes and the passage it says they stand in."""

    value: str
    anchor: int


@dataclass(frozen=True, slots=True)
class ReaderReply:
    """``quoted`` is empty when the reader says that the passages do not hold the answer; several are a list.

    ``verdict`` is its yes or no to what the quoted words were asked about, in lower case, else empty.
    """

    quoted: tuple[Quoted, ...]
    verdict: str


def parse_reader(answer: str) -> ReaderReply | None:
    """The reader's ``«value» [n]``, for a list several of them, and ``yes``, ``no``, ``oui`` or ``non`` last.

    None for anything that does not begin in this form. What a list says twice counts once.
    """
    quoted: list[Quoted] = []
    at = 0
    while match := _READER.match(answer, at):
        quoted.append(Quoted(match["value"].strip(), int(match["anchor"])))
        at = match.end()
    if quoted == [Quoted("", 0)]:
        return ReaderReply((), "")
    if not quoted or not all(q.value and q.anchor for q in quoted):
        return None
    verdict = _VERDICT.match(answer, at)
    return ReaderReply(tuple(dict.fromkeys(quoted)), verdict["verdict"].lower() if verdict else "")


def anchors_in(text: str) -> list[int]:
    return [int(n) for match in _ANCHOR.finditer(text) for n in _NUMBER.findall(match.group())]


def unquoted(text: str) -> str:
    """A sentence without its anchors, list mark and quotes: the model's own words."""
    return bare(_ENGLISH_QUOTE.sub(" ", _QUOTE.sub(" ", text)))


def bare(text: str) -> str:
    """A sentence without its anchors and list mark, white space collapsed."""
    return " ".join(re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", _ANCHOR.sub("", text)).split())


def _spans(answer: str) -> list[tuple[int, int]]:
    spans, at = [], 0
    for match in _END.finditer(answer):
        head = answer[at : match.start() + 1]
        if match.group()[0] == "." and (_ABBREVIATION.search(head) or _LIST_NUMBER.search(head)):
            continue
        # A full stop inside quotation marks does not end the sentence that quotes it.
        if head.count("«") > head.count("»") and "\n" not in match.group():
            continue
        spans.append((at, match.end()))
        at = match.end()
    spans.append((at, len(answer)))
    trimmed = []
    for start, end in spans:
        while start < end and answer[start].isspace():
            start += 1
        while end > start and answer[end - 1].isspace():
            end -= 1
        if start < end:
            trimmed.append((start, end))
    return trimmed


def _join_lone_anchors(answer: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """ "… 5 mg.\\n[2]": an anchor on its own belongs to the sentence before it."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not any(c.isalnum() for c in _ANCHOR.sub("", answer[start:end])):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def parse(answer: str, known: Container[int]) -> list[Sentence]:
    """Sentences of a free answer, in order. Anchors that are not ``known`` are rejected (and noted)."""
    sentences = []
    for start, end in _join_lone_anchors(answer, _spans(answer)):
        text = answer[start:end]
        numbers = anchors_in(text)
        anchors = tuple(dict.fromkeys(n for n in numbers if n in known))
        quotes = [m.group(1) for m in _QUOTE.finditer(text)] or [
            m.group(1) or m.group(2) or "" for m in _ENGLISH_QUOTE.finditer(text)
        ]
        absent = not anchors and (0 in numbers or bool(_ABSENT.search(text)))
        unknown = any(n != 0 and n not in known for n in numbers)
        sentences.append(
            Sentence(start, end, text, anchors, tuple(q for q in quotes if q.strip()), absent, unknown)
        )
    return sentences
