"""How far a reader looks and which of its answers counts."""

from __future__ import annotations

from app.chat import rounds
from app.chat.evidence import Source, spread
from app.chat.rounds import Round

ABSENT = Round(0.9, stands=False, absent=True, seconds=0.1, best=False)


def said(confidence: float, *, stands: bool = True, best: bool = True) -> Round:
    return Round(confidence, stands, absent=False, seconds=0.1, best=best)


def test_a_sure_first_answer_ends_the_search() -> None:
    assert rounds.settled([said(0.96)], floor=0.95) == 0


def test_an_answer_that_does_not_stand_on_its_page_never_counts() -> None:
    assert rounds.settled([said(1.0, stands=False)], floor=0.5) is None


def test_after_an_unsure_answer_a_later_one_has_to_be_far_surer() -> None:
    assert rounds.settled([said(0.6), said(0.96)], floor=0.95) is None
    assert rounds.settled([said(0.6), said(0.999)], floor=0.95) == 1


def test_after_it_is_not_here_a_later_answer_counts_like_a_first_one() -> None:
    assert rounds.settled([ABSENT, ABSENT, said(0.96)], floor=0.95) == 2


def test_an_answer_from_elsewhere_than_the_search_found_first_has_to_be_far_surer() -> None:
    assert rounds.settled([said(0.98, best=False)], floor=0.95) is None
    assert rounds.settled([said(0.998, best=False)], floor=0.95) == 0


def test_absent_is_said_only_when_no_look_found_anything() -> None:
    assert rounds.is_absent([ABSENT, ABSENT], floor=0.7)
    assert not rounds.is_absent([ABSENT, said(0.3)], floor=0.7)


def test_absent_has_to_be_surer_than_an_answer() -> None:
    assert rounds.settled([said(0.9)], floor=0.8) == 0
    assert not rounds.is_absent([ABSENT], floor=0.8)
    assert not rounds.is_absent([], floor=0.0)


def test_of_several_sure_answers_the_surest_counts() -> None:
    assert rounds.settled([said(0.6), said(0.997), said(0.9999)], floor=0.95) == 2


def test_nothing_but_absent_settles_nothing() -> None:
    assert rounds.settled([ABSENT] * 3, floor=0.0) is None
    assert rounds.settled([], floor=0.0) is None


def test_rounds_end_before_their_time_is_over() -> None:
    assert rounds.goes_on([])
    assert rounds.goes_on([said(0.5)] * (rounds.MOST_ROUNDS - 1))
    assert not rounds.goes_on([said(0.5)] * rounds.MOST_ROUNDS)
    slow = Round(0.5, stands=True, absent=False, seconds=rounds.LOOK_S * 0.6, best=True)
    assert not rounds.goes_on([slow])


def source(document: str, page: int, start: int) -> Source:
    return Source(document, document, page, start, start + 1, "x")


def test_quoted_passages_stand_on_different_pages_as_long_as_there_are_some() -> None:
    ranked = [source("a", 1, 0), source("a", 1, 9), source("a", 2, 0), source("b", 1, 0)]
    assert spread(ranked, 3) == [ranked[0], ranked[2], ranked[3]]
    assert spread(ranked[:3], 3) == [ranked[0], ranked[2], ranked[1]]
    assert spread(ranked, 9) == [ranked[0], ranked[2], ranked[3], ranked[1]]
