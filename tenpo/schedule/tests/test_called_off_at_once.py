"""Sessions and series that are called off at the same moment and owe the same people: none waits for the other."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tenpo.checkout.actions import refunding
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.refunding import give_refund
from tenpo.checkout.tests.make import make_top_up
from tenpo.ledger.models import Account
from tenpo.orders.actions.giving_back import give_back, lock_lines
from tenpo.orders.models import Line
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.orders.tests.make import make_sponsorship
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import cancellations, series
from tenpo.schedule.actions.cancellations import CalledOff, call_off, cancel_session
from tenpo.schedule.actions.series import cancel_following
from tenpo.schedule.models import Booking, Series, Session
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]
PAID_IN = 10_000


def make_rich() -> User:
    """A member with money in their wallet."""
    member = make_member()
    make_top_up(member, PAID_IN)
    return member


def wallet(member: User) -> int:
    return Account.objects.get(owner=member, kind="wallet").balance or 0


def make_series(*members: User) -> Session:
    """The first session of a series; each of these members has booked another one of it."""
    coach = make_coach()
    made = Series.objects.create(coach=coach, rule="FREQ=WEEKLY", time_zone="UTC")
    sessions = [make_session(coach, price=1_000, starts_in=timedelta(days=7 * n)) for n in range(1, len(members) + 1)]
    for session, member in zip(sessions, members, strict=True):
        Session.objects.filter(pk=session.pk).update(series=made)
        book_session(session, participant=member.participant, by=member)
    return Session.objects.get(pk=sessions[0].pk)


def meeting(step: Callable[..., Any]) -> Callable[..., Any]:
    """After their first step the two meet, so that each has posted what the other wants next, if it posts twice."""
    barrier, met = threading.Barrier(2), threading.local()

    def done(*args: Any, **kwargs: Any) -> Any:
        found = step(*args, **kwargs)
        if not getattr(met, "once", False):
            met.once = True
            barrier.wait(20)
        return found

    return done


def called_off_series(monkeypatch: pytest.MonkeyPatch) -> tuple[list[User], list[Any]]:
    members = [make_rich(), make_rich()]
    firsts = [make_series(*members), make_series(*reversed(members))]
    monkeypatch.setattr(series, "call_off", meeting(call_off))
    return members, at_once([partial(cancel_following, first, reason="Ill", by=first.coach) for first in firsts])


def test_two_series_with_the_same_people_are_called_off_at_once(monkeypatch):
    members, results = called_off_series(monkeypatch)

    assert [len(result) for result in results] == [2, 2]
    assert [wallet(member) for member in members] == [PAID_IN, PAID_IN]
    assert not Booking.objects.live().exists()


@pytest.mark.control
def test_two_series_that_post_session_by_session_control(monkeypatch):
    monkeypatch.setattr(series, "posted_together", nullcontext)

    _members, results = called_off_series(monkeypatch)

    assert outcomes(results)["OperationalError"] == 1


def called_off_sessions(monkeypatch: pytest.MonkeyPatch) -> tuple[list[User], list[Any]]:
    """Each has paid one from their wallet, and for the other a part of it is set aside."""
    members = [make_rich(), make_rich()]
    sessions = [make_session(price=1_000), make_session(price=1_000)]
    for session, member in zip(sessions, members, strict=True):
        book_session(session, participant=member.participant, by=member)
        Session.objects.filter(pk=session.pk).update(price=15_000)
    for session, member in zip(sessions, reversed(members), strict=True):
        book_session(session, participant=member.participant, by=member, provider="sandbox", source=NEEDS_CONFIRMATION)
    monkeypatch.setattr(cancellations, "give_back", meeting(give_back))
    return members, at_once([partial(cancel_session, each, reason="Ill", by=each.coach) for each in sessions])


def test_what_is_paid_and_what_is_set_aside_go_back_at_once(monkeypatch):
    members, results = called_off_sessions(monkeypatch)

    assert [result.status for result in results] == ["cancelled", "cancelled"]
    assert [wallet(member) for member in members] == [PAID_IN, PAID_IN]


@pytest.mark.control
def test_what_is_paid_and_what_is_set_aside_one_after_the_other_control(monkeypatch):
    monkeypatch.setattr(cancellations, "posted_together", nullcontext)

    _members, results = called_off_sessions(monkeypatch)

    assert outcomes(results)["OperationalError"] == 1


def budget(sponsorship: Sponsorship) -> int:
    """What a budget has spent."""
    return Sponsorship.objects.get(pk=sponsorship.pk).spent


def test_two_series_that_the_same_sponsors_pay_are_called_off_at_once(monkeypatch):
    members = [make_member(), make_member()]
    sponsorships = [make_sponsorship(member) for member in members]
    firsts = [make_series(*members), make_series(*reversed(members))]
    monkeypatch.setattr(series, "call_off", meeting(call_off))

    results = at_once([partial(cancel_following, first, reason="Ill", by=first.coach) for first in firsts])

    assert [len(result) for result in results] == [2, 2]
    assert [budget(sponsorship) for sponsorship in sponsorships] == [0, 0]


@pytest.mark.control
def test_two_series_that_return_session_by_session_control(monkeypatch):
    members = [make_member(), make_member()]
    for member in members:
        make_sponsorship(member)
    firsts = [make_series(*members), make_series(*reversed(members))]
    monkeypatch.setattr(series, "returned_together", nullcontext)
    monkeypatch.setattr(series, "call_off", meeting(call_off))

    results = at_once([partial(cancel_following, first, reason="Ill", by=first.coach) for first in firsts])

    assert outcomes(results)["OperationalError"] == 1


def test_what_sponsors_paid_and_what_they_hold_goes_back_at_once(monkeypatch):
    members = [make_member(), make_member()]
    sponsorships = [make_sponsorship(member, amount=1_000) for member in members]
    sessions = [make_session(price=1_000), make_session(price=1_000)]
    for session, member in zip(sessions, members, strict=True):
        book_session(session, participant=member.participant, by=member)
        Session.objects.filter(pk=session.pk).update(price=15_000)
    for session, member in zip(sessions, reversed(members), strict=True):
        book_session(session, participant=member.participant, by=member, provider="sandbox", source=NEEDS_CONFIRMATION)
    monkeypatch.setattr(cancellations, "give_back", meeting(give_back))

    results = at_once([partial(cancel_session, each, reason="Ill", by=each.coach) for each in sessions])

    assert [getattr(result, "status", result) for result in results] == ["cancelled", "cancelled"]
    assert [budget(sponsorship) for sponsorship in sponsorships] == [0, 0]


def test_a_series_is_called_off_while_a_later_part_of_it_is_refunded(monkeypatch):
    member = make_member()
    sponsorship = make_sponsorship(member)
    first = make_series(member, member)
    later = Line.objects.order_by("id").last()
    assert later is not None
    met = threading.Barrier(2)

    def cancelled(session: Session, **kwargs: Any) -> CalledOff:
        found = call_off(session, **kwargs)
        if session.pk == first.pk:
            met.wait(20)
        return found

    def locked(ids: Any) -> Any:
        found = lock_lines(ids)
        met.wait(20)
        return found

    monkeypatch.setattr(series, "call_off", cancelled)
    monkeypatch.setattr(refunding, "lock_lines", locked)

    results = at_once(
        [
            partial(cancel_following, first, reason="Ill", by=first.coach),
            partial(give_refund, line=later, amount=500, to="credit", by=make_admin()),
        ]
    )

    assert [len(results[0]), results[1].state] == [2, "done"]
    assert budget(sponsorship) == 0
