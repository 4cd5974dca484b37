"""Who in line is offered what: pure."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenpo.core.limits import PASSED_OVER_AT_MOST, PLACES_AT_ONCE, SEATS_KEPT_UNTIL_HOURS
from tenpo.schedule.waiting import Dealt, Waiting, deal, kept_before, kept_until

DUE = PASSED_OVER_AT_MOST


def in_line(*parties: int | tuple[int, int]) -> list[Waiting]:
    """Parties by how many seats they need, and how often they were passed over."""
    said = [party if isinstance(party, tuple) else (party, 0) for party in parties]
    return [Waiting(UUID(int=number), places, passed) for number, (places, passed) in enumerate(said)]


def dealt(
    line: list[Waiting], free: int, *, came: int | None = None, capacity: int = 10, may_keep: bool = True
) -> tuple[list[int], list[int], int, int]:
    """Which are offered their seats, which are passed over, how many seats are kept, how many are left."""
    came = free if came is None else came
    found: Dealt = deal(line, free=free, came=came, capacity=capacity, may_keep=may_keep)
    return [one.int for one in found.offered], [one.int for one in found.passed_over], found.kept, found.left


@pytest.mark.parametrize(
    ("line", "free", "expected"),
    [
        ([], 2, ([], [], 0, 2)),
        ([1, 1, 1], 2, ([0, 1], [], 0, 0)),
        ([3], 3, ([0], [], 0, 0)),
        ([3, 1], 4, ([0, 1], [], 0, 0)),
        # Too few for the first: the next that fits is offered them, or they are open to all.
        ([3, 1], 1, ([1], [0], 0, 0)),
        ([3, 2, 1], 1, ([2], [0, 1], 0, 0)),
        ([3], 2, ([], [0], 0, 2)),
        # It is passed over by who is behind it, and by nobody who is not.
        ([1, 3], 1, ([0], [], 0, 0)),
        ([2, 3, 1], 3, ([0, 2], [1], 0, 0)),
        # Passed over often enough: everything is kept for it, and nobody behind it is asked.
        ([(3, DUE - 1), 1], 1, ([1], [0], 0, 0)),
        ([(3, DUE), 1], 1, ([], [], 1, 0)),
        ([1, (3, DUE), 1], 3, ([0], [], 2, 0)),
        ([(3, DUE), 1], 3, ([0], [], 0, 0)),
    ],
)
def test_seats_are_dealt_in_turn(line, free, expected):
    assert dealt(in_line(*line), free) == expected


def test_near_the_start_nothing_is_kept():
    assert dealt(in_line((3, DUE), 1), 1, may_keep=False) == ([1], [0], 0, 0)


def test_nothing_is_kept_for_more_than_the_session_has():
    assert dealt(in_line((4, DUE), 1), 1, capacity=3) == ([1], [0], 0, 0)
    assert dealt(in_line((3, DUE), 1), 1, capacity=3) == ([], [], 1, 0)


def test_seats_that_lay_open_before_pass_nobody_over():
    assert dealt(in_line(3), 2, came=0) == ([], [], 0, 2)
    assert dealt(in_line(3), 2, came=1) == ([], [0], 0, 2)
    assert dealt(in_line(3, 1), 1, came=0) == ([1], [0], 0, 0)


def test_seats_that_lay_open_before_are_not_kept():
    assert dealt(in_line((9, DUE)), 8, came=1) == ([], [], 1, 7)
    assert dealt(in_line((9, DUE)), 8, came=0) == ([], [], 0, 8)
    # What is not kept goes to whoever fits.
    assert dealt(in_line((4, DUE), 2, (3, DUE)), 3, came=1) == ([1], [], 1, 0)
    assert dealt(in_line((4, DUE), 2), 3, came=0) == ([1], [0], 0, 1)


def test_seats_are_kept_until_some_hours_before_the_start():
    start = datetime(2027, 3, 1, 18, tzinfo=UTC)

    assert start - kept_until(start) == timedelta(hours=SEATS_KEPT_UNTIL_HOURS)
    assert kept_before(kept_until(start)) == start


parties = st.tuples(st.integers(1, PLACES_AT_ONCE), st.integers(0, DUE + 1))


@given(st.lists(parties, max_size=8), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_whatever_is_dealt_adds_up_and_nobody_who_fits_waits(line, free, capacity, may_keep):
    offered, passed, kept, left = dealt(in_line(*line), free, capacity=capacity, may_keep=may_keep)

    assert sum(line[n][0] for n in offered) + kept + left == free
    assert not (kept and left)
    waiting = [n for n in range(len(line)) if n not in offered]
    # Whoever still waits needs more than lies open; where seats are kept, they are too few for whom they are kept.
    assert all(line[n][0] > left for n in waiting)
    first_due = next((n for n in waiting if line[n][0] <= capacity and line[n][1] >= DUE), None)
    assert (kept > 0) <= (may_keep and first_due is not None and line[first_due][0] > kept)
    # Nobody is passed over by somebody who came before.
    assert all(n in waiting and (left or any(other > n for other in offered)) for n in passed)


@given(st.lists(st.integers(1, 3), max_size=6), st.lists(st.integers(1, 2), min_size=1, max_size=40))
def test_nobody_starves_however_the_seats_come(behind, coming):
    """The first in line has its seats once so many came that they were passed on twice and then kept."""
    line, kept = in_line(4, *behind), 0
    passed = 0
    for came in coming:
        found = deal(line, free=kept + came, came=kept + came, capacity=9, may_keep=True)
        kept = found.kept
        if UUID(int=0) in found.offered:
            break
        passed += UUID(int=0) in found.passed_over
        line = [
            Waiting(one.id, one.places, one.passed_over + (one.id in found.passed_over))
            for one in line
            if one.id not in found.offered
        ]
        assert passed <= DUE
    else:
        assert sum(coming[DUE:]) < 4
