"""Booking and paying do what the model says, whatever is done in whatever order.

A run that failed prints its steps. They become a test here, as Python has them, and stay.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from tenpo.core.compiled import Compiled
from tenpo.orders import queries
from tenpo.orders.cancelling import what_comes_back
from tenpo.schedule import policy_queries
from tenpo.schedule.actions import cancellations
from tests.machines.booking import WINDOWS, BookingMachine
from tests.machines.machine import finds_a_difference, run
from tests.machines.policies import STORIES, PolicyMachine

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]


def test_booking_agrees_with_the_model():
    run(BookingMachine, first=[make_it_too_small_and_mark_too_late])


def make_it_too_small_and_mark_too_late():
    state = BookingMachine()
    state.begin(capacity=2, credits=[], price=0, starts_in=timedelta(hours=50), windows=((0, 100),))
    state.they_agree()
    for participant in (0, 1):
        state.book_the_newest(participant=participant, way=("sandbox", "succeeds"))
        state.they_agree()
    state.edit_session(which=0, host="coach", changes={"capacity": 1})
    state.they_agree()
    state.wait(by=timedelta(days=60))
    state.mark(which=0, state="attended", host="coach")
    state.they_agree()
    state.teardown()


def test_policies_agree_with_the_model():
    run(PolicyMachine)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("windows", WINDOWS)
def test_they_agree_about_each_story_of_policies(story, windows):
    state = PolicyMachine()
    state.begin(capacity=2, price=3_000, starts_in=timedelta(hours=25), windows=windows, story=story)
    state.they_agree()
    state.teardown()


@pytest.mark.control
def test_misses_that_are_not_counted_control(monkeypatch):
    monkeypatch.setattr(policy_queries, "count_misses", lambda *_asked, **_more: 0)
    state = PolicyMachine()

    try:
        with pytest.raises(AssertionError, match="Tenpo says"):
            state.begin(
                capacity=2,
                price=3_000,
                starts_in=timedelta(hours=25),
                windows=((1, 33), (0, 10)),
                story="late, and late again",
            )
    finally:
        state.undo()


def test_a_hold_that_ran_out_does_not_keep_its_owner_out():
    state = BookingMachine()
    state.begin(capacity=2, credits=[], price=999, starts_in=timedelta(hours=50), windows=((0, 100),))
    state.they_agree()
    state.get_in_somehow(participant=0)
    state.they_agree()
    state.wait(by=timedelta(minutes=16))
    state.they_agree()
    state.book_the_newest(participant=0, way=("sandbox", "succeeds"))
    state.they_agree()
    state.teardown()


def test_a_share_policy_pays_from_the_moment_on_in_which_it_is_decided():
    state = BookingMachine()
    state.begin(capacity=1, credits=[], price=1, starts_in=timedelta(hours=50), windows=((48, 100), (24, 50), (0, 0)))
    state.they_agree()
    state.decide_share(by=3, coach=None, lasts=None, starts=0, terms={"percent": 50, "cap": None})
    state.they_agree()
    state.get_in_somehow(participant=0)
    state.they_agree()
    state.teardown()


@pytest.mark.control
def test_credits_spent_newest_first_control(monkeypatch):
    oldest_first = queries.spendable_pots
    monkeypatch.setattr(queries, "spendable_pots", lambda *wanted: oldest_first(*wanted).reverse())
    monkeypatch.setattr(queries, "_TERMS_AND_POTS", Compiled(queries._terms_and_pots))

    assert finds_a_difference(BookingMachine)


@pytest.mark.control
def test_a_seat_that_is_not_given_back_control(monkeypatch):
    monkeypatch.setattr(cancellations, "free_seats_of", lambda _bookings, _locked: None)

    assert finds_a_difference(BookingMachine)


@pytest.mark.control
def test_a_window_too_late_control(monkeypatch):
    monkeypatch.setattr(
        policy_queries,
        "what_comes_back",
        lambda policy, **when: what_comes_back(replace(policy, windows=policy.windows[1:]), **when),
    )

    assert finds_a_difference(BookingMachine)
