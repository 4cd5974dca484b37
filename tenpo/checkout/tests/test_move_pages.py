"""The page on which a booked time is moved: what it does, where it can go, and what it refuses."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, everything, working_coach
from tenpo.orders.models import CancellationPolicy
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
TEN = NINE + HOUR


@pytest.fixture
def coach() -> User:
    return working_coach()


@pytest.fixture
def movable() -> CancellationPolicy:
    return make_cancellation_policy((24 * 60, 100), (0, 50), reschedules=2)


def url(booking: Booking, **query: str) -> str:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{reverse('schedule:booking-reschedule', args=[booking.pk])}{f'?{asked}' if asked else ''}"


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def when_of(booking: Booking):
    return Session.objects.get(pk=booking.session_id).starts_at


def test_the_free_times_and_what_a_move_does_are_shown_first(coach, movable):
    member = make_member()
    service = make_service(coach, cancellation_policy=movable)
    booking = book(service, member)
    book(service, make_member(), NINE + 2 * HOUR)

    page = signed_in(member).get(url(booking, day=f"{NINE:%Y-%m-%d}"))

    free = re.findall(r"at=(\w+)", page.content.decode())
    # Its own time is no obstacle, and the other one's is.
    assert free == [start_name(NINE + n * HOUR / 2) for n in (0, 1, 2)]
    said = text_of(page)
    assert "You can move it 1 more time after that." in said
    assert "at most 50 % comes back" in said
    assert "You can move it until" in said


def test_the_chosen_time_is_shown_beside_the_old_one_before_it_is_moved(coach, movable):
    member = make_member()
    booking = book(make_service(coach, cancellation_policy=movable), member)

    page = signed_in(member).get(url(booking, at=start_name(TEN)))

    assert ("Until now" in text_of(page), "From now on" in text_of(page)) == (True, True)
    assert when_of(booking) == NINE


def test_what_would_hold_after_the_move_is_said_before_it(coach):
    """It is free now, and at a time that is nearer it would not be any more."""
    near = TEN - timedelta(weeks=1)
    terms = make_cancellation_policy((int((near - timezone.now()) / HOUR) + 24, 100), (24, 50), (0, 0), reschedules=2)
    member = make_member()
    booking = book(make_service(coach, cancellation_policy=terms), member)

    chosen = text_of(signed_in(member).get(url(booking, at=start_name(near))))
    looking = text_of(signed_in(member).get(url(booking)))

    assert "Nothing is charged" in chosen
    assert re.search(r"After the move: until [\w :]+ half comes back as credit; after that nothing\.", chosen)
    assert "After the move" not in looking
    host = signed_in(coach).get(url(booking, at=start_name(near)))
    assert "After the move" not in text_of(host)


def test_whoever_booked_moves_it(coach, movable):
    member = make_member()
    booking = book(make_service(coach, cancellation_policy=movable), member)

    answer = signed_in(member).post(url(booking), {"at": start_name(TEN)}, follow=True)

    assert answer.redirect_chain == [(f"/bookings/{booking.pk}/", 302)]
    assert "Moved. We see you" in text_of(answer)
    booking.refresh_from_db()
    assert (when_of(booking), booking.reschedules) == (TEN, 1)


def test_a_coach_moves_it_whatever_the_policy_says(coach):
    member = make_member()
    booking = book(make_service(coach, cancellation_policy=make_cancellation_policy((48, 100), (0, 0))), member)
    Service.objects.update(notice_minutes=60 * 24 * 30)
    client = signed_in(coach)

    page = client.get(url(booking, at=start_name(TEN)))
    answer = client.post(url(booking), {"at": start_name(TEN)}, follow=True)

    assert "is told, and can then cancel and get everything back." in text_of(page)
    assert answer.redirect_chain == [(f"/teaching/{booking.session_id}/", 302)]
    booking.refresh_from_db()
    assert (when_of(booking), booking.was_moved, booking.reschedules) == (TEN, True, 0)
    assert "session.changed" in told(member)


def test_what_cannot_be_moved_says_why(coach):
    member = make_member()
    booking = book(make_service(coach, cancellation_policy=make_cancellation_policy((48, 100), (0, 0))), member)
    before = everything()

    page = signed_in(member).get(url(booking))
    answer = signed_in(member).post(url(booking), {"at": start_name(TEN)})

    assert "This booking cannot be moved." in text_of(page)
    assert 'class="starts"' not in page.content.decode()
    assert (answer.status_code, everything(), when_of(booking)) == (409, before, NINE)


def test_what_its_coach_said_yes_to_is_moved_by_them_alone(coach, movable):
    member = make_member()
    service = make_service(coach, cancellation_policy=movable)
    booking = book(service, member)
    shown = signed_in(member).get(reverse("schedule:booking-detail", args=[booking.pk]))
    Service.objects.filter(pk=service.pk).update(needs_approval=True)
    before = everything()

    page = signed_in(member).get(url(booking))
    hidden = signed_in(member).get(reverse("schedule:booking-detail", args=[booking.pk]))
    answer = signed_in(member).post(url(booking), {"at": start_name(TEN)})

    assert "Your coach said yes to just this time." in text_of(page)
    assert 'class="starts"' not in page.content.decode()
    assert (url(booking) in shown.content.decode(), url(booking) in hidden.content.decode()) == (True, False)
    assert (answer.status_code, everything(), when_of(booking)) == (409, before, NINE)
    assert 'class="starts"' in signed_in(coach).get(url(booking)).content.decode()


def test_what_was_taken_meanwhile_names_what_is_near(coach, movable):
    member, service = make_member(), make_service(coach, cancellation_policy=movable)
    booking = book(service, member)
    book(service, make_member(), NINE + 2 * HOUR)

    answer = signed_in(member).post(url(booking), {"at": start_name(NINE + 2 * HOUR)})

    assert (answer.status_code, when_of(booking)) == (409, NINE)
    assert "These are near to it." in text_of(answer)
    assert "not free any more" in text_of(signed_in(member).get(url(booking, at=start_name(NINE + 2 * HOUR))))


@pytest.mark.parametrize("at", ["", "tomorrow", "99990101T0000Z"])
def test_what_is_no_time_moves_nothing(coach, movable, at):
    member = make_member()
    booking = book(make_service(coach, cancellation_policy=movable), member)

    answer = signed_in(member).post(url(booking), {"at": at})

    assert (answer.status_code, when_of(booking)) == (409, NINE)


def test_only_who_booked_its_coach_and_admins_may(coach, movable):
    member = make_member()
    booking = book(make_service(coach, cancellation_policy=movable), member)

    for stranger in (make_member(), make_coach()):
        assert signed_in(stranger).post(url(booking), {"at": start_name(TEN)}).status_code == 404
    assert signed_in(make_admin()).post(url(booking), {"at": start_name(TEN)}).status_code == 302
    # A place among others is moved by whoever booked it alone.
    seat = make_booking(make_session(coach, starts_in=timedelta(days=30)), member)
    assert signed_in(coach).get(url(seat)).status_code == 404


def test_what_is_cancelled_is_not_moved(coach, movable):
    member = make_member()
    booking = book(make_service(coach, cancellation_policy=movable), member)
    cancel_booking(booking, by=member)

    answer = signed_in(member).post(url(booking), {"at": start_name(TEN)})

    assert answer.status_code == 409
