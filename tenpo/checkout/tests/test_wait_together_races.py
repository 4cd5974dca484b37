"""Parties in line at the same moment as everything else. Each guard is shown to matter by a control."""

import threading
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from tenpo.checkout.actions.buying import book_session, take_offer
from tenpo.checkout.tests.test_wait_together import full_session, give_back, make_due, wait
from tenpo.core.invariants import find_faults
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions import cancellations
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.lapsing import release_lapsed_of
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.models import Booking, Session
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

PARTIES, SEATS = 20, 30


def parties_of(session: Session) -> list[set[str]]:
    """In which states each party is; one that is whole is in one."""
    found: dict[Any, set[str]] = {}
    for booking in Booking.objects.filter(session=session, waitlisted_at__isnull=False):
        found.setdefault(booking.party or booking.pk, set()).add(booking.state)
    return list(found.values())


def taken_by(session: Session) -> int:
    return Booking.objects.filter(session=session).seated().count()


def test_thirty_seats_for_twenty_parties_that_come_free_at_once():
    session, booked = full_session(SEATS, price=0)
    lines = [wait(session, 1 + number % 4) for number in range(PARTIES)]

    results = at_once([partial(cancel_booking, one, by=one.booked_by) for one in booked])

    assert outcomes(results) == {"cancelled": SEATS}
    session.refresh_from_db()
    assert session.seats_taken == taken_by(session) + session.seats_kept
    assert session.seats_taken <= SEATS
    assert all(len(states) == 1 for states in parties_of(session))
    # All but the last few are let in: 30 seats for the 50 that they want together, first come, first served.
    offered = [line for line in lines if Booking.objects.get(pk=line[0].pk).state == "offered"]
    assert SEATS - 4 < sum(map(len, offered)) + session.seats_kept <= SEATS
    assert find_faults() == []


def test_offers_are_taken_and_let_go_and_lapse_while_others_leave():
    session, booked = full_session(12, price=0)
    lines = [wait(session, 1 + number % 4) for number in range(8)]
    give_back(*booked[:10])
    offered = [line for line in lines if Booking.objects.get(pk=line[0].pk).state == "offered"]
    lapses, *others = offered
    Booking.objects.filter(pk__in=[one.pk for one in lapses]).update(held_until=timezone.now())
    waiting = [line for line in lines if line not in offered]
    acts: list[Any] = [
        *(partial(take_offer, line[-1], by=line[0].booked_by) for line in others[::2]),
        *(partial(cancel_booking, line[0], by=line[0].booked_by) for line in others),
        *(partial(cancel_booking, line[0], by=line[0].booked_by) for line in waiting),
        *(partial(release_lapsed_of, session.pk) for _ in range(2)),
        *(partial(cancel_booking, one, by=one.booked_by) for one in booked[10:]),
        partial(edit_session, session, capacity=13, by=session.coach),
    ]

    results = at_once(acts)

    assert {str(one) for one in results if isinstance(one, Exception)} <= {
        "This offer is over. The seat went to the next in line."
    }
    session.refresh_from_db()
    assert session.seats_taken == taken_by(session) + session.seats_kept <= 13
    for line in lines:
        states = set(Booking.objects.filter(pk__in=[one.pk for one in line]).values_list("state", flat=True))
        assert len(states - {"cancelled"}) <= 1
    assert find_faults() == []


def test_an_offer_is_taken_once_by_whichever_of_them_is_named():
    session, booked = full_session(3, price=0)
    family = wait(session, 3)
    give_back(*booked)

    results = at_once([partial(take_offer, one, by=family[0].booked_by) for one in family * 2])

    assert outcomes(results) == {"confirmed": 1, "offer_over": 5}
    assert Booking.objects.filter(party=family[0].party, state="confirmed").count() == 3
    assert len(set(Booking.objects.filter(party=family[0].party).values_list("line__order", flat=True))) == 1


def test_whoever_passes_by_takes_nothing_that_is_kept():
    session, booked = full_session(4, price=0)
    family = wait(session, 3)
    make_due(family)
    passing = [make_member() for _ in range(4)]

    results = at_once(
        [
            *(partial(cancel_booking, one, by=one.booked_by) for one in booked[:3]),
            *(partial(book_session, session, participant=member.participant, by=member) for member in passing),
        ]
    )

    assert outcomes(results) == {"cancelled": 3, "full": 4}
    assert parties_of(session) == [{"offered"}]


def two_seats_come_free(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> set[str]:
    """Two seats come free at once while a party of two waits; what is wrong then."""
    session, booked = full_session(2, price=0)
    family = wait(session, 2)
    if not is_locked:
        barrier = threading.Barrier(2)

        def read(booking: Booking) -> dict[UUID, Session]:
            found = Session.objects.in_bulk([booking.session_id])
            barrier.wait(30)
            return found

        monkeypatch.setattr(cancellations, "lock_sessions_of", read)
    results = at_once([partial(cancel_booking, one, by=one.booked_by) for one in booked])
    assert outcomes(results) == {"cancelled": 2}
    assert len({one.state for one in Booking.objects.filter(party=family[0].party)}) == 1
    return {finding.name for finding in find_faults()}


def test_two_seats_that_come_free_apart_are_seen_together(monkeypatch):
    assert two_seats_come_free(monkeypatch, is_locked=True) == set()


@pytest.mark.control
def test_control_without_the_sessions_lock_each_sees_one_seat_and_the_party_waits_on(monkeypatch):
    assert two_seats_come_free(monkeypatch, is_locked=False) == {"nobody-waits-beside-a-free-seat"}
