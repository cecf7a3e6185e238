"""How far a reader looks, a few passages at a time, and which of its answers counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_ROUNDS = 10
LOOK_S = 1.5  # no round begins that would end later than this after the first one began

# How much rarer the answer stands in a later round than in the first one: on generated dossiers of some forty
# passages the first round held it for 114 questions of 130, the second for 8, the third for 5. So an answer
# from there needs odds that much better, unless the rounds before said that they do not hold it.
LATER_ODDS = 0.07
# How much rarer an answer is right that cites another passage than the first of those shown, at the same
# confidence: 13 to 30 of a hundred, where of the others 45 to 65 are (`bench trust`).
OTHER_ODDS = 0.2
# "Not in the dossier" ends a search, and a wrong one hides what is there: its odds have to be so many times
# an answer's. Eight of ten were true from the floor on, the few beyond all (`bench trust`).
ABSENT_ODDS = 3.0
MOST_SURE = 1.0 - 1e-6


@dataclass(frozen=True, slots=True)
class Round:
    """One look of a reader. ``confidence`` in [0, 1]; ``stands``: its words stand on the page it names;
    ``absent``: it says that these passages do not hold the answer; ``best``: it cites the first of them, the
    likeliest to the search, and no other.
    """

    confidence: float
    stands: bool
    absent: bool
    seconds: float
    best: bool


def _odds(confidence: float) -> float:
    bounded = min(max(confidence, 0.0), MOST_SURE)
    return bounded / (1.0 - bounded)


def weigh(rounds: Sequence[Round]) -> list[float]:
    """The odds that each round's answer is right, 0 where it has none."""
    weights, share = [], 1.0
    for each in rounds:
        agreed = share if each.best else share * OTHER_ODDS
        weights.append(_odds(each.confidence) * agreed if each.stands and not each.absent else 0.0)
        if not each.absent:
            share = LATER_ODDS
    return weights


def settled(rounds: Sequence[Round], floor: float) -> int | None:
    """The round whose answer is sure enough to be given, the surest of them; None while there is none."""
    weights = weigh(rounds)
    best = max(range(len(weights)), key=weights.__getitem__, default=None)
    if best is None or weights[best] <= 0.0 or weights[best] < _odds(floor):
        return None
    return best


def is_absent(rounds: Sequence[Round], floor: float) -> bool:
    """Whether "not in the dossier" may be said: no look found anything, and the first one, at the likeliest
    passages, was sure enough.
    """
    if not rounds or not all(each.absent for each in rounds):
        return False
    return _odds(rounds[0].confidence) >= ABSENT_ODDS * _odds(floor)


def goes_on(rounds: Sequence[Round]) -> bool:
    """Whether there is time for one more round, as long as the slowest so far."""
    spent_s = sum(each.seconds for each in rounds)
    slowest_s = max((each.seconds for each in rounds), default=0.0)
    return len(rounds) < MOST_ROUNDS and spent_s + slowest_s <= LOOK_S
