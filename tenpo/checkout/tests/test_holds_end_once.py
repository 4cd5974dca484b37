"""A held slot ends once, whoever comes to it in the same moment: paid, given up, let go, or in another's way."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from django.utils import timezone

from tenpo.checkout.actions.requests import approve_request, decline_request
from tenpo.checkout.actions.settling import decide_sandbox_charge
from tenpo.checkout.tests.slot_make import NINE, book, lapse, working_coach
from tenpo.core.invariants import find_faults
from tenpo.core.models import OutboxMessage
from tenpo.orders.tests.make import credit_left, make_credit
from tenpo.payments.models import SandboxCharge
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions import lapsing, seats
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.models import Booking, BookingQuerySet, Session
from tenpo.schedule.tests.time_make import make_service
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

PRICE, CREDIT = 6_000, 2_500
# What says that a held booking is over, or is sure.
ENDS = ("booking.lapsed", "booking.cancelled", "booking.confirmed", "booking.declined")


def told_of(booking: Booking) -> Counter[str]:
    names = OutboxMessage.objects.filter(subject_id=booking.pk, name__in=ENDS).order_by()
    return Counter(names.values_list("name", "event_id").distinct().values_list("name", flat=True))


def test_what_ran_out_ends_once_whoever_lets_it_go():
    for _round in range(3):
        service, member = make_service(working_coach(), price=PRICE), make_member()
        make_credit(member, CREDIT)
        held = book(service, member, source=NEEDS_CONFIRMATION)
        assert (held.state, credit_left(member)) == ("held", 0)
        lapse(held)
        others = [make_member() for _ in range(3)]

        found = at_once(
            [
                *[release_lapsed_everywhere] * 3,
                partial(cancel_booking, held, by=member),
                *(partial(book, service, other, NINE) for other in others),
            ]
        )

        held.refresh_from_db()
        assert held.state == "cancelled"
        assert told_of(held).total() == 1
        # What was set aside is back, once.
        assert credit_left(member) == CREDIT
        assert outcomes(found[-3:])["confirmed"] <= 1
        assert Session.objects.exclude(status="cancelled").filter(service=service, starts_at=NINE).count() <= 1
        assert find_faults() == []


def test_money_that_comes_as_it_runs_out_is_in_one_place():
    for _round in range(4):
        service, member = make_service(working_coach(), price=PRICE), make_member()
        held = book(service, member, source=NEEDS_CONFIRMATION)
        charge = SandboxCharge.objects.latest("id")
        lapse(held)

        at_once(
            [
                partial(decide_sandbox_charge, charge.pk, succeeds=True),
                *[release_lapsed_everywhere] * 2,
                partial(book, service, make_member(), NINE),
            ]
        )

        held.refresh_from_db()
        assert held.state in ("confirmed", "cancelled")
        assert told_of(held).total() == 1
        # Either they have the time, or all of their money.
        assert credit_left(member) == (0 if held.state == "confirmed" else PRICE)
        assert Booking.objects.filter(session__starts_at=NINE, session__service=service).seated().count() <= 1
        assert find_faults() == []


def test_a_request_is_answered_once_or_runs_out():
    admin = make_admin()
    for milliseconds in (0, 10, 25, 60, 10_000):
        coach = working_coach()
        service, member = make_service(coach, price=0, needs_approval=True), make_member()
        asked = book(service, member)
        assert asked.awaits_approval
        Booking.objects.filter(pk=asked.pk).update(held_until=timezone.now() + timedelta(milliseconds=milliseconds))

        at_once(
            [
                partial(approve_request, asked, by=coach),
                partial(decline_request, asked, by=admin),
                *[release_lapsed_everywhere] * 2,
            ]
        )
        if milliseconds < 1_000:
            release_lapsed_everywhere()

        asked.refresh_from_db()
        assert asked.state in ("confirmed", "cancelled")
        assert told_of(asked).total() == 1
        assert milliseconds or told_of(asked) == {"booking.lapsed": 1}
        assert milliseconds < 1_000 or "booking.lapsed" not in told_of(asked)
        assert Session.objects.filter(service=service).exclude(status="cancelled").count() == (
            asked.state != "cancelled"
        )
        assert find_faults() == []


@pytest.mark.control
def test_let_go_by_two_without_locks_control(monkeypatch):
    """Both end it, and only that no session has less than no seat taken keeps the second from it."""
    barrier, end_bookings = Barrier(2), seats.end_bookings
    held = book(make_service(working_coach(), price=PRICE), make_member(), source=NEEDS_CONFIRMATION)
    lapse(held)

    def end_and_meet(bookings: Sequence[Booking], ending: Booking.Ending) -> None:
        if bookings:
            barrier.wait(20)
        end_bookings(bookings, ending)

    monkeypatch.setattr(lapsing, "lock_with_held", lambda session_id: Session.objects.in_bulk([session_id]))
    monkeypatch.setattr(BookingQuerySet, "select_for_update", lambda self, **_locks: self.all())
    monkeypatch.setattr(lapsing, "end_bookings", end_and_meet)

    found = at_once([partial(lapsing.release_lapsed_of, held.session_id)] * 2)

    assert outcomes(found) == {"1": 1, "IntegrityError": 1}
