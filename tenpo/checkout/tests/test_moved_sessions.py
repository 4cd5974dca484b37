"""Who had booked a session that was moved gives it back in full, until its new start."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenpo.checkout.queries.bookings import cancellation_effect
from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.orders.tests.make import credit_left
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION
from tenpo.people.tests.make import make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def moved(session: Session, *, to: timedelta) -> Session:
    """Moved to a start so long from now."""
    return edit_session(session, by=session.coach, starts_at=timezone.now() + to, minutes=5)


def test_a_session_that_is_moved_to_now_takes_nobody_s_money():
    session, member = make_session(price=10_000, starts_in=timedelta(days=30)), make_member()
    booking = make_booking(session, member)

    moved(session, to=timedelta(minutes=10))

    booking = Booking.objects.get(pk=booking.pk)
    page = signed_in(member).get(f"/bookings/{booking.pk}/cancel/").content.decode()
    assert "You get €100 back as credit" in page
    assert "It was changed after you booked" in page
    assert cancellation_effect(booking, by_host=False).credit == 10_000
    cancel_booking(booking, by=member)
    assert credit_left(member) == 10_000


@pytest.mark.invariants(but={"session-is-as-last-recorded"})  # time is made to pass under it
def test_after_the_new_start_nothing_can_be_given_back():
    session, member = make_session(price=10_000), make_member()
    booking = make_booking(session, member)
    moved(session, to=timedelta(minutes=10))
    set_times(Session.objects.all(), starts_at=timezone.now() - timedelta(seconds=1))

    with pytest.raises(RuleError, match="begun"):
        cancel_booking(booking, by=member)


def test_who_books_the_new_time_is_held_to_its_windows():
    session = moved(make_session(price=10_000, starts_in=timedelta(days=9)), to=timedelta(hours=30))
    booking = make_booking(session, make_member())

    cancelled = cancel_booking(booking, by=booking.booked_by)

    assert cancelled.line is not None
    assert (cancelled.moved_at, cancelled.line.refunded_percent) == (None, 50)


def test_another_length_is_no_other_start():
    session = make_session(price=10_000, starts_in=timedelta(hours=30))
    booking = make_booking(session, make_member())
    edit_session(session, by=session.coach, minutes=90)

    assert cancellation_effect(Booking.objects.get(pk=booking.pk), by_host=False).percent == 50


def test_a_held_seat_that_is_paid_after_the_move_was_moved_too():
    session = make_session(price=10_000, starts_in=timedelta(days=9))
    make_booking(session, make_member(), card=NEEDS_CONFIRMATION)

    moved(session, to=timedelta(hours=30))

    assert Booking.objects.get().was_moved
