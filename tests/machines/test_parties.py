"""Waiting together goes as the model says, whatever is done in whatever order."""

from datetime import timedelta
from typing import Any

import pytest

from tenpo.schedule import waiting
from tenpo.schedule.actions import cancellations, offers
from tests.machines.machine import finds_a_difference, run
from tests.machines.parties import PartyMachine

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]


def test_parties_agree_with_the_model():
    run(PartyMachine, first=[called_off])


def called_off() -> None:
    state = PartyMachine()
    state.begin(capacity=3, starts_in=timedelta(days=20))
    state.close(number=0, takes_place=False)
    state.they_agree()
    state.teardown()


@pytest.mark.parametrize("then", ["take", "let go", "lapse"])
def test_they_agree_about_what_becomes_of_an_offer(then):
    state = PartyMachine()
    offered_to_two(state, then)
    state.teardown()


def offered_to_two(state: PartyMachine, then: str) -> None:
    """Two who are passed over, by one who waits alone and by nobody, and then offered both seats."""
    state.begin(capacity=3, starts_in=timedelta(days=20))
    state.they_agree()
    state.pass_seats_on(sizes=[2], gone=3, then=then)
    state.they_agree()


@pytest.mark.control
def test_half_a_party_that_is_let_go_control(monkeypatch):
    monkeypatch.setattr(cancellations, "lock_party", lambda booking: [booking])
    state = PartyMachine()

    try:
        with pytest.raises(AssertionError, match="Tenpo says"):
            offered_to_two(state, "let go")
    finally:
        state.undo()


@pytest.mark.control
def test_seats_that_are_never_kept_control(monkeypatch):
    def deal(*line: Any, **asked: Any) -> waiting.Dealt:
        return waiting.deal(*line, **{**asked, "may_keep": False})

    monkeypatch.setattr(offers, "deal", deal)

    assert finds_a_difference(PartyMachine)
