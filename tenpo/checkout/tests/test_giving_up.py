"""Giving up one place: for what comes back of it as it was seen, and as whom."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.actions.buying import book_session, take_offer
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, everything, make_client_of, working_coach
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.core.errors import RuleError
from tenpo.orders.models import CancellationPolicy
from tenpo.orders.tests.make import credit_left, make_cancellation_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Miss
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def half_later() -> CancellationPolicy:
    """All until a day before, then half."""
    return make_cancellation_policy((24, 100), (0, 50))


def test_a_window_that_passes_while_somebody_reads_gives_up_nothing():
    member = make_member()
    booking = make_booking(make_session(starts_in=timedelta(hours=25), policy=half_later()), member)
    address = reverse("checkout:booking-cancel", args=[booking.pk])
    client = signed_in(member)
    page = client.get(address).content.decode()
    assert '<input type="hidden" name="agreed" value="10000">' in page

    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        before = everything()
        refused = client.post(address, {"agreed": "10000"})
        said = refused.content.decode()

        assert (refused.status_code, everything()) == (409, before)
        assert "What comes back has changed. Please look at it again." in said
        assert '<input type="hidden" name="agreed" value="5000">' in said
        assert client.post(address, {"agreed": "5000"}).status_code == 302
        assert client.post(address, {"agreed": "10000"}).status_code == 302, "it is over already"
    assert credit_left(member) == 5_000


def test_a_program_says_what_it_showed():
    member = make_member()
    booking = make_booking(make_session(starts_in=timedelta(hours=20), policy=half_later()), member)
    api, path = Api(member), f"/bookings/{booking.pk}/cancellation"

    refused = api.post(path, {"agreed_back": 10_000})

    assert (refused.status_code, refused.json()["code"]) == (409, "effect_changed")
    assert not Miss.objects.exists()
    assert api.post(path, {"agreed_back": 5_000}).json()["state"] == "cancelled"
    assert credit_left(member) == 5_000


def test_an_admin_who_cancels_by_the_policy_saw_what_it_gives():
    member = make_member()
    booking = make_booking(make_session(starts_in=timedelta(hours=20), policy=half_later()), member)
    address, client = reverse("checkout:booking-cancel", args=[booking.pk]), signed_in(make_admin())
    assert '<input type="hidden" name="agreed" value="5000">' in client.get(address).content.decode()

    assert client.post(address, {"how": "member", "agreed": "10000"}).status_code == 409
    assert client.post(address, {"how": "member", "agreed": "x"}).status_code == 422
    assert client.post(address, {"how": "host", "agreed": "5000"}).status_code == 302

    assert credit_left(member) == 10_000


def test_a_coach_who_cancels_reads_the_percent_and_not_how_somebody_paid():
    coach, member = make_coach(), make_member("Lena Okafor")
    booking = make_booking(make_session(coach, starts_in=timedelta(hours=20), policy=half_later()), member)
    address, client = reverse("checkout:booking-cancel", args=[booking.pk]), signed_in(coach)

    page = client.get(address).content.decode()
    effect = client.get(f"/api/v1/bookings/{booking.pk}/cancellation?for_member=true").json()

    assert "Lena Okafor gets 100 % of what they paid back." in page
    assert not [sum_ for sum_ in ("€100", "€50", "5000") if sum_ in page]
    assert (effect["percent"], effect["credit"], effect["company"]) == (50, None, None)
    assert client.post(address, {"how": "member", "agreed": ""}).status_code == 302
    assert credit_left(member) == 5_000


@pytest.mark.parametrize("who", ["admin", "coach"])
def test_who_booked_it_goes_by_the_policy_also_as_its_host(who):
    """Otherwise a coach moves what they booked, and then gets all of it back."""
    coach = working_coach()
    client = make_client_of(coach)
    by = coach if who == "coach" else make_admin()
    policy = make_cancellation_policy((24 * 60, 100), (0, 50), reschedules=1)
    booking = book(make_service(coach, cancellation_policy=policy), client, by=by)

    moved = move_slot(booking, starts_at=NINE + HOUR, by=by)
    with pytest.raises(RuleError) as refusal:
        move_slot(booking, starts_at=NINE, by=by)
    cancelled = cancel_booking(moved, by=by)

    assert refusal.value.code == "moved_too_often"
    assert (moved.moved_at, cancelled.ending, cancelled.line.refunded_percent) == (None, "member", 50)


def test_a_coach_who_takes_part_is_no_host_of_theirs():
    coach, admin = make_coach(), make_admin()
    session = make_session(coach, starts_in=timedelta(hours=20), policy=half_later(), price=0)
    booking = book_session(session, participant=coach.participant, by=admin)

    assert cancel_booking(booking, by=coach).ending == "member"


def test_a_declined_card_costs_nobody_the_rest_of_their_offer():
    session = make_session(capacity=1)
    first, second = make_member(), make_member()
    taken = make_booking(session, first)
    waiting = join_waitlist(session, participant=second.participant, by=second)
    cancel_booking(taken, by=first)
    waiting.refresh_from_db()
    assert waiting.held_until is not None
    assert waiting.held_until > timezone.now() + timedelta(hours=11)

    held = take_offer(waiting, by=second, provider="sandbox", source=DECLINED)

    assert (held.state, held.held_until) == ("held", waiting.held_until)
    with time_machine.travel(timezone.now() + timedelta(hours=10), tick=False):
        assert pay_booking(held, by=second, provider="sandbox", source=SUCCEEDS).state == "confirmed"


def test_an_attempt_at_the_bank_stays_where_the_next_one_is_refused():
    member = make_member()
    held = make_booking(make_session(), member, card=NEEDS_CONFIRMATION)
    before = everything()

    with pytest.raises(RuleError) as refusal:
        pay_booking(held, by=member, provider="unknown")

    assert (refusal.value.code, everything()) == ("payment_needed", before)
    assert Payment.objects.get().state == "needs_action"
