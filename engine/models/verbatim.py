"""Keeps a reader's answer to the words of its evidence: inside « and » it can only copy, then only cite.

What a reader says is `« value » [n]`, several of them, or `«» [0]`. The rules forbid tokens and never choose
one: the model's own ranking decides among what is left. Whether there is an answer at all is one question and
which it is another: "absent" stands against all beginnings of a value together, not against the best of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_OPEN, _CLOSE, _BRACKET, _END = "«", "»", "[", "]"


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """What tokens look like, by id; kept for the vocabulary used last, since every answer needs it."""

    texts: tuple[str, ...]
    named: dict[str, int]
    goes_on: NDArray[np.bool_]  # begins within a word
    is_open: NDArray[np.bool_]  # ends within a word


@lru_cache(maxsize=1)
def _vocabulary(token_bytes: Callable[[int], bytes], size: int) -> _Vocabulary:
    texts = tuple(token_bytes(i).decode("utf-8", "replace") for i in range(size))
    named = {text: i for i, text in enumerate(texts) if text}
    return _Vocabulary(
        texts,
        named,
        np.array([text[:1].isalnum() or text[:1] == "\ufffd" for text in texts], np.bool_),
        np.array([text[-1:].isalnum() for text in texts], np.bool_),
    )


class Verbatim:
    """The rules for one answer: look up what is `allowed`, then `say` the token that was chosen.

    Made from the prompt's ids and the bytes of every token. Without single tokens for the marks, as in
    other vocabularies than the reader's, everything is allowed.
    """

    def __init__(self, ids: Sequence[int], token_bytes: Callable[[int], bytes], vocabulary: int) -> None:
        known = _vocabulary(token_bytes, vocabulary)
        self._texts, self._named = known.texts, known.named
        self._ids = list(ids)
        self._passage = self._number_passages()
        # Whether a word of the prompt ends before each place, so that a quotation may end or begin there.
        within = known.goes_on[self._ids[1:]] & known.is_open[self._ids[:-1]]
        self._ends: list[bool] = [True, *(~within).tolist(), True]
        self._active = all(mark in self._named for mark in (_CLOSE, " " + _CLOSE, _END))
        self._places: list[int] | None = None  # of an open quotation's next token in the prompt
        self._begun = False
        self._holders: frozenset[int] = frozenset()  # passages that hold the quotation said last
        self._anchor: str | None = None  # what has been said of an open anchor
        self._closed = False  # a quotation, with no anchor yet

    def allowed(self, logits: NDArray[np.float32] | None = None) -> list[int] | None:
        """Token ids that may come next; None where all may. With `logits`, at a quotation's beginning, either
        its closing alone or its words alone, whichever are likelier together.
        """
        if not self._active:
            return None
        if self._places is not None:
            choices = self._copying(self._places)
            if not choices:  # a vocabulary whose tokens run across the ends of passages
                return None
            if logits is None or self._begun or len(choices) < 2:
                return choices
            *words, closing = choices
            return words if np.logaddexp.reduce(logits[words]) > logits[closing] else [closing]
        if self._anchor is not None and self._holders:
            left = {str(n)[len(self._anchor) :] for n in self._holders if str(n).startswith(self._anchor)}
            begun = dict.fromkeys(rest[:end] for rest in sorted(left) for end in range(1, len(rest) + 1))
            digits = [self._named[text] for text in begun if text in self._named]
            return digits + ([self._named[_END]] if "" in left else []) or None
        return None

    def ahead(self, limit: int, uncertain: int) -> list[tuple[int, bool]]:
        """At most `limit` tokens that may be said next, and of each whether nothing else may, those before it
        said; at most `uncertain` where something else may. A quotation goes on where the first of its places
        does, and is followed by its anchor. None where one begins or may begin: with which words is the
        model's to say.
        """
        rules, found = copy.copy(self), list[tuple[int, bool]]()
        while self._active and len(found) < limit and (following := rules._following()) is not None:
            uncertain -= not following[1]
            if uncertain < 0:
                break
            found.append(following)
            rules.say(following[0])
        return found

    def _following(self) -> tuple[int, bool] | None:
        if self._places is None and self._anchor is None:
            bracket = self._named.get(" " + _BRACKET, self._named.get(_BRACKET))
            return None if bracket is None or not self._closed else (bracket, False)
        if self._places and not self._begun:
            return None
        choices = self.allowed()
        if not choices:
            return None
        if self._places is not None and len(choices) > 1:
            words = [self._ids[n] for n in self._places if n < len(self._ids) and self._passage[n]]
            return words[0], False
        return choices[0], len(choices) == 1

    def say(self, token_id: int) -> None:
        text = self._texts[token_id]
        if self._places is not None:
            if text.strip() == _CLOSE:
                passages = {self._passage[n - 1] for n in self._places if self._ends[n]}
                self._holders = frozenset(passages) if self._begun else frozenset({0})
                self._places = None
                self._closed = True
            else:
                self._places = [n + 1 for n in self._places if self._ids[n] == token_id]
                self._begun = True
        elif text.strip() == _OPEN:
            self._places = [n for n, passage in enumerate(self._passage) if passage and self._ends[n]]
            self._begun = False
        elif text.strip() == _BRACKET:
            self._anchor = ""
            self._closed = False
        elif text == _END:
            self._anchor = None
        elif self._anchor is not None:
            self._anchor += text

    def _copying(self, places: list[int]) -> list[int]:
        words = {self._ids[n] for n in places if n < len(self._ids) and self._passage[n]}
        if not self._begun:
            return [*words, self._named[_CLOSE]]
        return [*words, self._named[" " + _CLOSE]] if any(self._ends[n] for n in places) else [*words]

    def _number_passages(self) -> list[int]:
        """For each token of the prompt the passage it stands in, 0 outside and for `[n]` itself."""
        numbers: list[int] = []
        line: list[int] = []
        for token_id in [*self._ids, -1]:
            if token_id >= 0:
                line.append(token_id)
            if token_id < 0 or "\n" in self._texts[token_id]:
                numbers += self._number_line(line)
                line = []
        return numbers

    def _number_line(self, line: Sequence[int]) -> list[int]:
        texts = [self._texts[i] for i in line]
        if not texts or texts[0] != _BRACKET or _END not in texts:
            return [0] * len(line)
        head = texts.index(_END)
        name = "".join(texts[1:head])
        if not name.isdecimal():
            return [0] * len(line)
        return [0] * (head + 1) + [0 if "\n" in text else int(name) for text in texts[head + 1 :]]
