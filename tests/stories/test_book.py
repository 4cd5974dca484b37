"""Stories 3, 4 and 6 by API: a coach offers, members book and pay, wait in line, cancel; everybody is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenpo.checkout.actions.settling import reconcile_payments
from tenpo.orders.tests.make import make_cancellation_policy, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import (
    DECLINED,
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    SUCCEEDS,
    SUCCEEDS_LATE,
    decide_charge,
    signed_event,
)
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import set_times
from tests.stories.conftest import Api
from tests.work import work


def offer(coach: Api, **changes: Any) -> dict[str, Any]:
    """A session for €80, of which the company pays three quarters, as a coach offers it."""
    make_share_policy(percent=75)
    make_cancellation_policy((48, 100), (24, 50), (0, 0))
    policy = make_cancellation_policy((48, 100), (24, 50), (0, 0))
    starts = timezone.now().replace(microsecond=0) + timedelta(days=10)
    body = {
        "title": "Breathing at work",
        "starts_at": starts.isoformat(),
        "minutes": 60,
        "time_zone": "Europe/Berlin",
        "place": "Studio",
        "capacity": 2,
        "price": 8_000,
        "cancellation_policy_id": str(policy.pk),
    }
    made: dict[str, Any] = coach.post("/sessions", {**body, **changes})
    return made


def book(member: Api, session: dict[str, Any], card: str = SUCCEEDS) -> dict[str, Any]:
    body = {"session_id": session["id"], "provider": "sandbox", "source": card, "agreed_amount": 2_000}
    made: dict[str, Any] = member.post("/bookings", body)
    return made


def test_from_the_offer_to_the_seat(api):
    coach, member = api(make_coach("Jonas Weber")), api(make_member("Maya Berg"))
    session = offer(coach)

    [found] = member.all("/sessions", q="breath")
    quote = member.get(f"/sessions/{found['id']}/quote")
    booked = book(member, found)

    assert (found["company_share"], found["own_share"], found["seats_left"]) == (6_000, 2_000, 2)
    assert (quote["company_share"], quote["own_share"]) == (6_000, 2_000)
    assert quote["cancellation"].startswith("Free until")
    assert (booked["state"], booked["payment"]["state"], booked["payment"]["amount"]) == (
        "confirmed",
        "succeeded",
        2_000,
    )
    [mine] = member.all("/bookings")
    assert (mine["id"], mine["session"]["title"]) == (booked["id"], "Breathing at work")
    [payment] = member.all("/payments")
    assert payment["order_id"] == booked["cost"]["order_id"]
    [seat] = coach.get(f"/sessions/{session['id']}/roster")
    assert (seat["name"], seat["state"]) == ("Maya Berg", "confirmed")
    assert "BEGIN:VEVENT" in member.client.get(f"/bookings/{booked['id']}/calendar-file").text


def test_a_repeated_call_books_once(api):
    member = api(make_member())
    session = offer(api(make_coach()))
    body = {"session_id": session["id"], "provider": "sandbox", "source": SUCCEEDS}

    first = member.ask("POST", "/bookings", body, key="one")
    second = member.ask("POST", "/bookings", body, key="one")
    other = member.ask("POST", "/bookings", {**body, "source": DECLINED}, key="one")

    assert (first.status_code, second.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == second.json()
    assert len(member.all("/bookings")) == 1


def test_a_declined_card_then_a_good_one(api):
    member = api(make_member())
    booked = book(member, offer(api(make_coach())), DECLINED)
    assert (booked["state"], booked["payment"]["failure_code"]) == ("held", "card_declined")

    paid = member.post(f"/bookings/{booked['id']}/payment", {"provider": "sandbox", "source": SUCCEEDS})

    assert paid["state"] == "confirmed"
    assert sorted(one["state"] for one in member.all("/payments")) == ["failed", "succeeded"]


def test_a_card_that_needs_its_bank(api):
    member = api(make_member())
    booked = book(member, offer(api(make_coach())), NEEDS_CONFIRMATION)
    assert booked["payment"]["state"] == "needs_action"

    charge = decide_charge(booked["payment"]["action_url"].strip("/").split("/")[1], succeeds=True)
    assert charge
    headers, body = signed_event(charge)
    answers = [api(None).client.post("/webhooks/sandbox", content=body, headers=headers) for _ in range(2)]

    assert [one.status_code for one in answers] == [200, 200]
    assert member.get(f"/bookings/{booked['id']}")["state"] == "confirmed"
    forged = api(None).client.post("/webhooks/sandbox", content=body, headers={**headers, "webhook-signature": "v1,no"})
    assert (forged.status_code, forged.json()["code"]) == (400, "bad_signature")


@pytest.mark.parametrize(("card", "state"), [(SUCCEEDS_LATE, "pending"), (NEVER_ANSWERS, "unknown")])
def test_money_that_comes_later(api, card, state):
    member = api(make_member())
    booked = book(member, offer(api(make_coach())), card)
    assert (booked["state"], booked["payment"]["state"]) == ("held", state)
    again = {"provider": "sandbox", "source": SUCCEEDS}
    assert member.refusal("POST", f"/bookings/{booked['id']}/payment", again) == (409, "payment_under_way")

    work(ahead_seconds=60)
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    reconcile_payments()

    assert member.get(f"/bookings/{booked['id']}")["state"] == "confirmed"
    assert [one["state"] for one in member.all("/payments")] == ["succeeded"]


def test_payroll_waits_until_an_admin_has_seen_the_money(api):
    member, admin = api(make_member()), api(make_admin())
    session = offer(api(make_coach()))
    booked = member.post("/bookings", {"session_id": session["id"], "provider": "payroll"})
    assert (booked["state"], booked["payment"]["state"]) == ("held", "pending")
    payment = f"/payments/{booked['payment']['id']}/confirmation"
    assert member.refusal("POST", payment) == (403, "not_allowed")

    admin.post(payment)

    assert member.get(f"/bookings/{booked['id']}")["state"] == "confirmed"


def test_a_full_session_a_line_an_offer(api):
    coach, first, second = api(make_coach()), api(make_member()), api(make_member())
    session = offer(coach, capacity=1)
    taken = book(first, session)
    body = {"session_id": session["id"], "provider": "sandbox", "source": SUCCEEDS}
    assert second.refusal("POST", "/bookings", body) == (409, "full")
    waiting = second.post(f"/sessions/{session['id']}/waitlist")
    assert (waiting["state"], waiting["position"]) == ("waitlisted", 1)

    first.post(f"/bookings/{taken['id']}/cancellation")

    assert second.get(f"/bookings/{waiting['id']}")["state"] == "offered"
    third = api(make_member())
    assert third.refusal("POST", "/bookings", body) == (409, "full")
    mine = second.post(f"/bookings/{waiting['id']}/offer-acceptance", {"provider": "sandbox", "source": SUCCEEDS})
    assert mine["state"] == "confirmed"


def test_what_comes_back_is_known_before_and_spent_first(api):
    coach, member = api(make_coach()), api(make_member())
    booked = book(member, offer(coach))
    effect = member.get(f"/bookings/{booked['id']}/cancellation")
    assert (effect["percent"], effect["credit"], effect["company"]) == (100, 2_000, 6_000)

    member.post(f"/bookings/{booked['id']}/cancellation")

    later = (timezone.now() + timedelta(days=12)).isoformat()
    following = coach.post(
        "/sessions",
        {
            "title": "Sleep well", "starts_at": later, "minutes": 60, "time_zone": "Europe/Berlin", "place": "Studio",
            "capacity": 5, "price": 10_000,
        },
    )  # fmt: skip
    quote = member.get(f"/sessions/{following['id']}/quote")
    assert (quote["company_share"], quote["credit_spent"], quote["own_share"]) == (7_500, 2_000, 500)


def test_a_session_called_off_gives_everything_back(api):
    coach, members = api(make_coach()), [api(make_member()) for _ in range(2)]
    session = offer(coach)
    booked = [book(member, session) for member in members]
    assert coach.get(f"/sessions/{session['id']}/cancellation")["credit"] == 4_000

    called_off = coach.post(f"/sessions/{session['id']}/cancellation", {"reason": "Jonas is ill."})

    assert (called_off["status"], called_off["cancel_reason"]) == ("cancelled", "Jonas is ill.")
    for member, booking in zip(members, booked, strict=True):
        mine = member.get(f"/bookings/{booking['id']}")
        assert (mine["state"], mine["ending"]) == ("cancelled", "host")
    assert (
        coach.post(f"/sessions/{session['id']}/cancellation", {"reason": "Twice."})["cancel_reason"] == "Jonas is ill."
    )


def test_the_coach_changes_overlaps_and_marks(api):
    teacher = make_coach()
    coach, member = api(teacher), api(make_member())
    session = offer(coach)
    booked = book(member, session)
    assert coach.refusal("POST", "/sessions", {**_body(session), "title": "At the same time"}) == (409, "overlap")

    changed = coach.patch(f"/sessions/{session['id']}", {"version": session["version"], "place": "Room 9"})

    assert changed["place"] == "Room 9"
    old = coach.refusal("PATCH", f"/sessions/{session['id']}", {"version": session["version"], "place": "Room 1"})
    assert old[0] == 409
    now = timezone.now()
    set_times(Session.objects.all(), starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1))
    row = coach.put(f"/bookings/{booked['id']}/attendance", {"state": "attended"})
    assert row["state"] == "attended"
    assert coach.post(f"/sessions/{session['id']}/completion")["status"] == "completed"


def test_the_refusals(api):
    coach, member, stranger = api(make_coach()), api(make_member()), api(make_member())
    session = offer(coach)
    booked = book(member, session)
    body = {"session_id": session["id"], "provider": "sandbox", "source": SUCCEEDS}

    assert member.refusal("POST", "/bookings", body) == (409, "already_booked")
    assert stranger.refusal("POST", "/bookings", {"session_id": session["id"]}) == (409, "payment_needed")
    assert stranger.refusal("POST", "/bookings", {**body, "agreed_amount": 1}) == (409, "price_changed")
    assert stranger.refusal("POST", "/bookings", {**body, "surprise": 1}) == (422, "invalid_input")
    assert stranger.refusal("GET", f"/bookings/{booked['id']}") == (404, "not_found")
    assert stranger.refusal("POST", f"/bookings/{booked['id']}/cancellation") == (404, "not_found")
    assert stranger.refusal("GET", f"/sessions/{session['id']}/roster") == (403, "not_allowed")
    assert stranger.refusal("POST", f"/sessions/{session['id']}/cancellation", {"reason": ""}) == (403, "not_allowed")
    assert stranger.refusal("POST", "/sessions", _body(session)) == (403, "not_allowed")
    assert api(None).refusal("POST", "/bookings", body) == (401, "not_signed_in")
    set_times(Session.objects.all(), starts_at=timezone.now() - timedelta(minutes=1))
    assert stranger.refusal("POST", "/bookings", body) == (409, "started")
    assert member.refusal("POST", f"/bookings/{booked['id']}/cancellation") == (409, "started")


def _body(session: dict[str, Any]) -> dict[str, Any]:
    names = ("title", "starts_at", "time_zone", "place", "capacity", "price")
    return {**{name: session[name] for name in names}, "minutes": 60}
