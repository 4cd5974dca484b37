"""What people see of a policy, by page and by API: before they cancel, when a host does it, when they are let off."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.orders.models import CancellationPolicy
from tenpo.orders.tests.make import credit_left, make_cancellation_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.models import Booking, Miss, Session
from tenpo.schedule.tests.make import make_session, set_times

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
FREE = "Your first late cancellation or no-show in 90 days costs nothing."
USED = "Your free late cancellations and no-shows in 90 days are used up."


def graceful() -> CancellationPolicy:
    return make_cancellation_policy((48, 100), (0, 50), grace_count=1, grace_days=90)


def late(member: User, *, coach: User | None = None, hours: int = 24) -> Booking:
    return make_booking(make_session(coach, starts_in=timedelta(hours=hours), policy=graceful()), member)


def absent(member: User) -> Booking:
    booking = late(member)
    start = timezone.now() - timedelta(hours=2)
    set_times(Session.objects.filter(pk=booking.session_id), starts_at=start, ends_at=start + timedelta(hours=1))
    return mark_attendance(booking, state=Booking.State.NO_SHOW, by=booking.session.coach)


def read(client: Client, name: str, *ids: object) -> str:
    return client.get(reverse(name, args=ids)).content.decode()


def test_what_is_free_is_said_before_paying_on_the_booking_and_before_cancelling():
    member = make_member()
    client, api = signed_in(member), Api(member)
    offered = make_session(policy=graceful())
    booking = late(member)
    pages = [
        ("checkout:book", offered.pk), ("schedule:session-detail", offered.pk),
        ("schedule:booking-detail", booking.pk), ("checkout:booking-cancel", booking.pk),
    ]  # fmt: skip

    before = [read(client, *page) for page in pages]
    now = api.get(f"/bookings/{booking.pk}").json()
    effect = api.get(f"/bookings/{booking.pk}/cancellation").json()
    quote = api.get(f"/sessions/{offered.pk}/quote").json()
    cancel_booking(late(member, hours=30), by=member)
    after = [read(client, *page) for page in pages]
    then = api.get(f"/bookings/{booking.pk}/cancellation").json()

    assert all(FREE in page for page in before)
    assert all(USED in page for page in after)
    assert "It is late, and costs you nothing this time." in before[3]
    assert "That is 50 % of €100" in after[3]
    assert FREE in now["cancellation_terms"]
    assert FREE in quote["cancellation"]
    assert FREE not in api.get(f"/sessions/{offered.pk}").json()["cancellation_terms"]
    assert (now["percent_back_now"], now["miss"]) == (100, None)
    assert (effect["percent"], effect["is_late"], effect["by_grace"]) == (100, True, True)
    assert (then["percent"], then["is_late"], then["by_grace"]) == (50, True, False)


def test_whoever_cancels_late_reads_that_it_cost_nothing():
    member = make_member()
    booking = late(member)

    page = signed_in(member).post(reverse("checkout:booking-cancel", args=[booking.pk]), follow=True).content.decode()

    assert "It was late, and costs nothing this time." in page
    assert "You cancelled late. This time it costs nothing." in read(
        signed_in(member), "schedule:booking-detail", booking.pk
    )
    assert Api(member).get(f"/bookings/{booking.pk}").json()["miss"]["outcome"] == "grace"


@pytest.mark.parametrize(
    ("form", "back", "ending", "outcome"),
    [
        ({}, 10_000, "host", ""),
        ({"how": "host", "reason": "not asked for"}, 10_000, "host", ""),
        ({"how": "member"}, 5_000, "member", "charged"),
        ({"how": "waived", "reason": "Ill"}, 10_000, "member", "waived"),
    ],
)
def test_a_host_chooses_how_to_cancel(form, back, ending, outcome):
    coach, member = make_coach(), make_member()
    cancel_booking(late(member), by=member)
    credit = credit_left(member)
    booking = make_booking(make_session(coach, starts_in=timedelta(hours=20), policy=graceful()), make_member())
    Miss.objects.update(user=booking.booked_by)
    client = signed_in(coach)
    address = reverse("checkout:booking-cancel", args=[booking.pk])

    page = client.get(address).content.decode()
    client.post(address, form)

    assert "By the policy 50 % would come back" in page
    booking = Booking.objects.get(pk=booking.pk)
    assert (booking.ending, credit_left(booking.booked_by)) == (ending, back)
    assert "".join(Miss.objects.filter(booking=booking).values_list("outcome", flat=True)) == outcome
    assert credit_left(member) == credit
    Miss.objects.exclude(booking=booking).update(user=member)


def test_letting_off_needs_a_reason():
    coach = make_coach()
    booking = late(make_member(), coach=coach)
    address = reverse("checkout:booking-cancel", args=[booking.pk])

    for form in ({"how": "waived"}, {"how": "waived", "reason": "x" * 301}, {"how": "otherwise"}):
        assert signed_in(coach).post(address, form).status_code == 422

    assert Booking.objects.get(pk=booking.pk).state == "confirmed"


def test_who_did_not_come_is_let_off_on_the_roster():
    booking = absent(make_member())
    coach = booking.session.coach
    client, address = signed_in(coach), reverse("schedule:no-show-waive", args=[booking.pk])

    roster = read(client, "schedule:session-roster", booking.session_id)
    page = client.get(address).content.decode()
    nothing_said = client.post(address, {"reason": " "})
    answer = client.post(address, {"reason": "The train did not go"}, follow=True).content.decode()
    again = client.get(address).content.decode()

    assert address in roster
    assert "€100 goes back to who paid it" in page
    assert nothing_said.status_code == 422
    assert "Let off: The train did not go" in answer
    assert address not in answer
    assert "They are let off already." in again
    assert credit_left(booking.booked_by) == 10_000
    shown = read(signed_in(booking.booked_by), "schedule:booking-detail", booking.pk)
    assert "You were let off: everything came back." in shown
    assert "The train did not go" in shown
    assert signed_in(make_coach()).get(address).status_code == 404


def put(api: Api, booking: Booking) -> Any:
    return api.client.put(f"/api/v1/bookings/{booking.pk}/waiver", {"reason": "Ill"}, content_type="application/json")


def test_the_same_by_api():
    booking, admin = absent(make_member()), make_admin()
    api, late_one = Api(admin), late(make_member())

    row = put(api, booking).json()
    refused = put(api, late_one).json()
    by_policy = api.get(f"/bookings/{late_one.pk}/cancellation?for_member=true").json()
    as_host = api.get(f"/bookings/{late_one.pk}/cancellation").json()
    api.post(f"/bookings/{late_one.pk}/cancellation", {"waiver": "Ill"})

    assert row["miss"] == {"kind": "no_show", "outcome": "waived", "percent": 100, "reason": "Ill"}
    assert refused["code"] == "no_show_only"
    assert (by_policy["is_late"], as_host["is_late"]) == (True, False)
    assert Miss.objects.get(booking=late_one).reason == "Ill"


def test_the_form_of_a_policy_says_what_is_wrong():
    client, address = signed_in(make_admin()), reverse("orders:cancellation-policy-create")
    good = {"name": "Kind", "hours_0": 48, "percent_0": 100, "to_0": "method", "hours_1": 0, "percent_1": 50}
    rules = {"no_show_percent": 10, "grace_count": 2, "grace_days": 30}

    for wrong in ({"grace_count": 2}, {"grace_days": 2}, {"no_show_percent": 101}, {"to_0": "bank"}):
        assert client.post(address, good | wrong).status_code == 422, wrong
    said = client.post(address, good | rules | {"preview": "yes"}).content.decode()
    client.post(address, good | rules)

    assert "Your first 2 late cancellations or no-shows in 30 days cost nothing." in said
    made = CancellationPolicy.objects.get(name="Kind")
    assert (made.no_show_percent, made.grace_count, made.grace_days) == (10, 2, 30)
    assert made.windows[0] == {"hours_before": 48, "percent": 100, "to": "method"}
