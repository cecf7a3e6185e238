"""Who computes next, told by tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.scheduler import Lane, Scheduler, Ticket

Q, I, B = Lane.QUICK, Lane.INTERACTIVE, Lane.BACKGROUND  # noqa: E741


def order(tickets: list[Ticket]) -> list[int]:
    """The order in which tickets that all arrived at once are chosen and finished."""
    scheduler = Scheduler()
    for ticket in tickets:
        scheduler.add(ticket)
    done: list[int] = []
    while (chosen := scheduler.choose()) is not None:
        done.append(chosen.number)
        scheduler.finish(chosen.number)
    return done


@pytest.mark.parametrize(
    ("tickets", "expected"),
    [
        ([Ticket(1, B), Ticket(2, I), Ticket(3, Q)], [3, 2, 1]),
        ([Ticket(1, I), Ticket(2, I), Ticket(3, I)], [1, 2, 3]),
        # a barrier waits for all before it and holds back all after it
        ([Ticket(1, B), Ticket(2, I, barrier=True), Ticket(3, Q)], [1, 2, 3]),
        # writers of one session keep their order, and the first is pulled forward
        ([Ticket(1, B, writes="s"), Ticket(2, B), Ticket(3, Q, writes="s")], [1, 3, 2]),
        ([Ticket(1, B), Ticket(2, B, writes="s"), Ticket(3, I, writes="s"), Ticket(4, I)], [2, 3, 4, 1]),
        # another session's writer, or one who only looks, waits for nobody
        ([Ticket(1, B, writes="s"), Ticket(2, I, writes="t"), Ticket(3, I)], [2, 3, 1]),
        ([], []),
    ],
)
def test_the_order_follows_the_rules(tickets: list[Ticket], expected: list[int]) -> None:
    assert order(tickets) == expected


@pytest.mark.parametrize(
    ("running", "arriving", "pauses"),
    [
        (Ticket(1, B), Ticket(2, I), True),
        (Ticket(1, B), Ticket(2, Q), True),
        (Ticket(1, B), Ticket(2, B), False),
        (Ticket(1, I), Ticket(2, Q), False),
        (Ticket(1, I), Ticket(2, I), False),
        # the arriving one needs what the running one is at: let it run
        (Ticket(1, B, writes="s"), Ticket(2, I, writes="s"), False),
        (Ticket(1, B), Ticket(2, I, barrier=True), False),
    ],
)
def test_only_background_work_is_interrupted_and_only_for_someone_who_waits(
    running: Ticket, arriving: Ticket, pauses: bool
) -> None:
    scheduler = Scheduler()
    scheduler.add(running)
    scheduler.add(arriving)
    assert scheduler.must_pause(running.number) is pauses


def test_interrupted_work_goes_on_where_it_stood_in_the_line() -> None:
    scheduler = Scheduler()
    scheduler.add(Ticket(1, B))
    scheduler.add(Ticket(2, B))
    assert scheduler.choose() == Ticket(1, B)
    scheduler.add(Ticket(3, I))
    assert scheduler.choose() == Ticket(3, I)
    scheduler.finish(3)
    assert scheduler.choose() == Ticket(1, B)


def test_finishing_twice_or_a_stranger_changes_nothing() -> None:
    scheduler = Scheduler()
    scheduler.add(Ticket(1, I))
    scheduler.finish(9)
    scheduler.finish(1)
    scheduler.finish(1)
    assert len(scheduler) == 0
    assert scheduler.choose() is None
    assert not scheduler.must_pause(1)


def test_a_number_is_taken_once() -> None:
    scheduler = Scheduler()
    scheduler.add(Ticket(1, I))
    with pytest.raises(ValueError, match="already"):
        scheduler.add(Ticket(1, B))


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Lane)), st.sampled_from([None, "s", "t"]), st.booleans()), max_size=12
    )
)
def test_everyone_comes_to_an_end_and_writers_never_swap(
    claims: list[tuple[Lane, str | None, bool]],
) -> None:
    tickets = [Ticket(n, lane, writes, barrier) for n, (lane, writes, barrier) in enumerate(claims, 1)]
    done = order(tickets)
    assert sorted(done) == [ticket.number for ticket in tickets]
    for session in ("s", "t"):
        writers = [t.number for t in tickets if t.writes == session]
        assert [number for number in done if number in writers] == writers
    for barrier in (t.number for t in tickets if t.barrier):
        place = done.index(barrier)
        assert all(number < barrier for number in done[:place])
