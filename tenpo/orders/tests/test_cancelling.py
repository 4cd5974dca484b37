"""The one rule: what comes back, where to, until when, and what of it is free."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenpo.orders.cancelling import (
    ComesBack,
    Move,
    Policy,
    Window,
    after_no_show,
    check_policy,
    may_be_moved,
    read_policy,
    what_comes_back,
)

START = datetime(2027, 3, 4, 18, tzinfo=UTC)
WINDOWS = (Window(48, 100, "method"), Window(24, 50, "credit"), Window(1, 20))


def back(policy: Policy, hours: float, **more: bool | int) -> ComesBack:
    """Of what is cancelled so many hours before it starts."""
    now = START - timedelta(hours=hours)
    return what_comes_back(policy, starts_at=START, now=now, back_to="wallet", **more)  # type: ignore[arg-type]


def until(hours: int) -> datetime:
    return START - timedelta(hours=hours)


def test_each_window_has_its_part_its_place_and_its_end():
    policy = Policy(WINDOWS)

    assert back(policy, 48) == ComesBack(100, "method", until(48))
    assert back(policy, 47) == ComesBack(50, "credit", until(24), is_late=True)
    assert back(policy, 23) == ComesBack(20, "wallet", until(1), is_late=True)
    assert back(policy, 0.5) == ComesBack(0, "method", None, is_late=True)
    assert back(policy, -1) == ComesBack(0, "method", None, is_late=True)


def test_the_host_and_a_moved_start_give_everything_back():
    policy = Policy(WINDOWS, grace_count=1, grace_days=90)

    assert back(policy, 1, by_host=True) == ComesBack(100, "method")
    assert back(policy, -1, by_host=True) == ComesBack(100, "method")
    assert back(policy, 0, was_moved=True) == ComesBack(100, "method", START)
    assert back(policy, -0.1, was_moved=True).percent == 0


@pytest.mark.parametrize(("misses", "percent", "by_grace"), [(0, 100, True), (1, 100, True), (2, 50, False)])
def test_the_first_late_ones_cost_nothing(misses, percent, by_grace):
    policy = Policy(WINDOWS, grace_count=2, grace_days=90)

    late = back(policy, 30, misses=misses)
    absent = after_no_show(policy, back_to="wallet", misses=misses)

    assert (late.percent, late.is_late, late.by_grace) == (percent, True, by_grace)
    assert (absent.percent, absent.by_grace) == (100 if by_grace else 0, by_grace)
    assert not back(policy, 50, misses=misses).is_late


def test_nothing_is_free_once_it_began():
    assert back(Policy(WINDOWS, grace_count=2, grace_days=90), -0.1).percent == 0


def test_what_is_let_off_gives_everything_back_and_is_no_grace():
    policy = Policy(WINDOWS, grace_count=1, grace_days=90)

    assert back(policy, 1, is_waived=True) == ComesBack(100, "method", is_late=True)
    assert not back(policy, 50, is_waived=True).is_late


def test_who_does_not_come_has_a_rule_of_their_own():
    policy = Policy((Window(0, 50, "credit"),), no_show_percent=30)

    assert after_no_show(policy, back_to="wallet") == ComesBack(30, "credit", is_late=True)
    assert after_no_show(Policy(WINDOWS), back_to="wallet").percent == 0


def test_only_what_is_within_the_days_counts():
    policy = Policy(WINDOWS, grace_count=1, grace_days=10)
    now = START

    assert policy.misses_within([now - timedelta(days=10), now - timedelta(days=9), now], now) == 2


def test_what_was_stored_before_reads_as_it_was_then():
    old = read_policy([{"hours_before": 24, "percent": 100}, {"hours_before": 0, "percent": 50}], {})

    assert old == Policy((Window(24, 100), Window(0, 50)))
    assert (old.no_show_percent, old.grace_count, old.reschedules, old.most) == (0, 0, 0, 100)


@given(
    st.lists(st.tuples(st.integers(0, 2160), st.integers(0, 100), st.sampled_from(["", "credit", "method"]))),
    st.integers(0, 100),
    st.integers(0, 20),
)
def test_what_is_frozen_reads_as_it_was(rows, no_show, grace):
    """Also by the release before, which knows hours and percent alone."""
    policy = Policy(tuple(Window(*row) for row in rows), no_show_percent=no_show, grace_count=grace, grace_days=9)
    stored = [window.stored() for window in policy.windows]

    assert read_policy(stored, policy.rules()) == policy
    assert [(w["hours_before"], w["percent"]) for w in stored] == [row[:2] for row in rows]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (Policy(()), "windows"),
        (Policy(tuple(Window(9 - n, 0) for n in range(7))), "windows"),
        (Policy((Window(1, 10), Window(2, 10))), "windows"),
        (Policy((Window(2, 10), Window(1, 20))), "windows"),
        (Policy((Window(2, 101),)), "windows"),
        (Policy((Window(2161, 1),)), "windows"),
        (Policy((Window(1, 1, "bank"),)), "windows"),
        (Policy(WINDOWS, no_show_percent=101), "no_show_percent"),
        (Policy(WINDOWS, grace_count=21, grace_days=1), "grace_count"),
        (Policy(WINDOWS, grace_count=1), "grace_days"),
        (Policy(WINDOWS, grace_days=1), "grace_days"),
        (Policy(WINDOWS, grace_count=1, grace_days=366), "grace_days"),
        (Policy(WINDOWS, reschedules=21), "reschedules"),
        (Policy(WINDOWS, reschedule_hours=1), "reschedule_hours"),
        (Policy(WINDOWS, reschedules=1, reschedule_hours=2161), "reschedule_hours"),
    ],
)
def test_what_makes_no_policy_is_refused(wrong, field):
    with pytest.raises(ValueError, match=f"^{field}$"):
        check_policy(wrong)


# Moving


def move(policy: Policy, hours: float, *, moves: int = 0, was_moved: bool = False) -> Move:
    now = START - timedelta(hours=hours)
    return may_be_moved(policy, starts_at=START, now=now, moves=moves, was_moved=was_moved)


@pytest.mark.parametrize(
    ("hours", "moves", "refusal", "most"),
    [
        (72, 0, "", 100),
        (47, 0, "", 50),
        (24, 1, "", 50),
        (23, 0, "too_late", 20),
        (72, 2, "moved_too_often", 100),
        (-1, 0, "too_late", 0),
    ],
)
def test_it_may_be_moved_so_often_and_so_late(hours, moves, refusal, most):
    policy = Policy(WINDOWS, grace_count=3, grace_days=9, reschedules=2, reschedule_hours=24)

    found = move(policy, hours, moves=moves)

    assert found == Move(refusal, until(24), 2 - moves, most)
    assert found.is_allowed == (not refusal)


def test_without_a_rule_nothing_is_moved_but_what_the_host_moved():
    policy = Policy(WINDOWS)

    assert move(policy, 72).refusal == "not_movable"
    assert move(policy, 0, was_moved=True) == Move("", START, 0, 100, counts=False)
    assert move(policy, -0.1, was_moved=True).refusal == "not_movable"


def test_what_may_come_back_never_grows_again():
    policy = Policy(WINDOWS, reschedules=3, most=20)

    assert move(policy, 72).most == 20
    assert back(policy, 72).percent == 20
    assert back(policy, 72, by_host=True).percent == 100
