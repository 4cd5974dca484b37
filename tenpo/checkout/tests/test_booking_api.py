from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.checkout.api.booking import booked_out
from tenpo.checkout.tests.make import make_booking
from tenpo.core.business import current_business
from tenpo.orders.tests.make import credit_left, make_credit, make_share_policy
from tenpo.payments.models import Payment, ProviderEvent, SandboxCharge
from tenpo.payments.providers.sandbox import (
    DECLINED,
    NEEDS_CONFIRMATION,
    SUCCEEDS,
    SUCCEEDS_LATE,
    decide_charge,
    signed_event,
)
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


class Api:
    """Calls the API as one person."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.client.force_login(user)

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1{path}")

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key or uuid4().hex}
        return self.client.post(f"/api/v1{path}", body or {}, content_type="application/json", headers=headers)


def test_a_quote_then_a_booking():
    member, session = make_member(), make_session(price=8_000)
    make_share_policy(percent=75)
    make_credit(member, 800)
    api = Api(member)

    quote = api.get(f"/sessions/{session.pk}/quote").json()
    booked = api.post(
        "/bookings",
        {
            "session_id": str(session.pk),
            "provider": "sandbox",
            "source": SUCCEEDS,
            "agreed_amount": quote["own_share"],
        },
    )

    assert (quote["company_share"], quote["credit_spent"], quote["own_share"]) == (6_000, 800, 1_200)
    assert quote["cancellation"].startswith("Free until")
    assert booked.status_code == 201
    assert booked.json()["state"] == "confirmed"
    assert booked.json()["cost"]["own_share"] == 1_200
    assert booked.json()["payment"]["state"] == "succeeded"


def test_the_same_key_books_once():
    member, session = make_member(), make_session()
    body = {"session_id": str(session.pk), "provider": "sandbox", "source": SUCCEEDS}
    api = Api(member)

    first = api.post("/bookings", body, key="one")
    second = api.post("/bookings", body, key="one")

    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert api.client.post("/api/v1/bookings", body, content_type="application/json").status_code == 400
    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"agreed_amount": 1}, "price_changed"),
        ({"provider": ""}, "payment_needed"),
        ({"provider": "x"}, "payment_needed"),
    ],
)
def test_refusals_move_nothing(change, code):
    member, session = make_member(), make_session()
    body = {"session_id": str(session.pk), "provider": "sandbox", "source": SUCCEEDS, **change}

    answer = Api(member).post("/bookings", body)

    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert not Booking.objects.exists()
    assert not Payment.objects.exists()
    session.refresh_from_db()
    assert session.seats_taken == 0


def test_unknown_fields_sessions_and_participants():
    member, session = make_member(), make_session()
    api = Api(member)

    assert api.post("/bookings", {"session_id": str(session.pk), "price": 1}).status_code == 422
    assert api.post("/bookings", {"session_id": str(uuid4())}).status_code == 404
    others = {"session_id": str(session.pk), "participant_id": str(make_member().participant.pk)}
    assert api.post("/bookings", others).status_code == 404
    assert Client().post("/api/v1/bookings").status_code == 401


def test_a_declined_card_and_another_try():
    member, session = make_member(), make_session()
    api = Api(member)
    held = api.post("/bookings", {"session_id": str(session.pk), "provider": "sandbox", "source": DECLINED}).json()

    paid = api.post(f"/bookings/{held['id']}/payment", {"provider": "sandbox", "source": SUCCEEDS})

    assert (held["state"], held["payment"]["failure_code"]) == ("held", "card_declined")
    assert paid.json()["state"] == "confirmed"
    again = api.post(f"/bookings/{held['id']}/payment", {"provider": "sandbox", "source": SUCCEEDS})
    assert again.json()["code"] == "not_held"
    assert Api(make_member()).post(f"/bookings/{held['id']}/payment", {"provider": "sandbox"}).status_code == 404


def test_needs_action_says_where_to_confirm():
    member, session = make_member(), make_session()

    held = Api(member).post(
        "/bookings", {"session_id": str(session.pk), "provider": "sandbox", "source": NEEDS_CONFIRMATION}
    )

    assert held.json()["payment"]["state"] == "needs_action"
    assert held.json()["payment"]["action_url"].startswith("/sandbox/")


def test_cancelling_says_what_it_would_do_and_does_it():
    member, session = make_member(), make_session(starts_in=timedelta(hours=30))
    booking = make_booking(session, member)
    api = Api(member)

    effect = api.get(f"/bookings/{booking.pk}/cancellation").json()
    done = api.post(f"/bookings/{booking.pk}/cancellation").json()

    until = session.starts_at - timedelta(hours=24)
    assert datetime.fromisoformat(effect.pop("until")) == until.replace(microsecond=until.microsecond // 1000 * 1000)
    assert effect == {
        "percent": 50, "credit": 5_000, "wallet": 0, "method": 0, "company": 0, "sponsor": 0, "is_late": True,
        "by_grace": False,
    }  # fmt: skip
    assert (done["state"], done["cost"]["refunded_percent"]) == ("cancelled", 50)
    assert credit_left(member) == 5_000
    assert api.post(f"/bookings/{booking.pk}/cancellation").status_code == 200
    assert credit_left(member) == 5_000
    assert Api(make_member()).post(f"/bookings/{booking.pk}/cancellation").status_code == 404


def test_a_coach_who_cancels_for_somebody_does_not_learn_how_they_paid():
    coach = make_coach()
    booking = make_booking(make_session(coach), make_member())

    done = Api(coach).post(f"/bookings/{booking.pk}/cancellation").json()

    assert (done["state"], done["cost"], done["payment"]) == ("cancelled", None, None)
    assert Api(make_admin()).post(f"/bookings/{booking.pk}/cancellation").json()["cost"]


def test_the_waitlist_and_its_offer():
    first, second = make_member(), make_member()
    session = make_session(capacity=1)
    taken = make_booking(session, first)
    api = Api(second)

    waiting = api.post(f"/sessions/{session.pk}/waitlist").json()
    Api(first).post(f"/bookings/{taken.pk}/cancellation")
    accepted = api.post(
        f"/bookings/{waiting['id']}/offer-acceptance", {"provider": "sandbox", "source": SUCCEEDS}
    ).json()

    assert (waiting["state"], waiting["position"]) == ("waitlisted", 1)
    assert accepted["state"] == "confirmed"


def test_two_who_joined_at_the_same_moment_stand_behind_each_other():
    session = make_session(capacity=1)
    make_booking(session, make_member())
    members = [make_member(), make_member()]
    with time_machine.travel(timezone.now(), tick=False):
        waiting = [join_waitlist(session, participant=member.participant, by=member) for member in members]

    places = [Api(member).get(f"/bookings/{one.pk}").json() for member, one in zip(members, waiting, strict=True)]

    assert [place["waitlist_position"] for place in places] == [1, 2]
    assert [booked_out(one).position for one in waiting] == [1, 2]


def test_an_admin_marks_a_transfer_as_paid():
    member, session = make_member(), make_session(starts_in=timedelta(days=20))
    held = Api(member).post("/bookings", {"session_id": str(session.pk), "provider": "transfer"}).json()
    path = f"/payments/{held['payment']['id']}/confirmation"

    assert Api(member).post(path).status_code == 403
    marked = Api(make_admin()).post(path)

    assert marked.json()["state"] == "succeeded"
    assert Booking.objects.get().state == Booking.State.CONFIRMED


def webhook(charge: SandboxCharge | None, **change: str) -> Any:
    assert charge
    headers, body = signed_event(charge)
    return Client().post(
        "/api/v1/webhooks/sandbox", body, content_type="application/json", headers={**headers, **change}
    )


def test_a_webhook_settles_and_repeats_do_nothing():
    member, session = make_member(), make_session()
    make_booking(session, member, card=SUCCEEDS_LATE)
    charge = decide_charge(SandboxCharge.objects.get().pk, succeeds=True)

    answers = [webhook(charge).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert Booking.objects.get().state == Booking.State.CONFIRMED
    assert ProviderEvent.objects.get().applied_at is not None


def test_a_webhook_that_the_provider_did_not_send_is_refused():
    make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    charge = decide_charge(SandboxCharge.objects.get().pk, succeeds=True)
    old = str(int((timezone.now() - timedelta(hours=1)).timestamp()))

    assert webhook(charge, **{"webhook-signature": "v1,00"}).status_code == 400
    assert webhook(charge, **{"webhook-timestamp": old}).status_code == 400
    assert webhook(charge, **{"webhook-id": "evt_other"}).status_code == 400
    assert Client().post("/api/v1/webhooks/payroll", b"{}", content_type="application/json").status_code == 400
    assert Client().post("/api/v1/webhooks/nobody", b"{}", content_type="application/json").status_code == 404
    assert Booking.objects.get().state == Booking.State.HELD
    assert not ProviderEvent.objects.exists()


def test_payments_are_their_payers():
    member = make_member()
    make_booking(make_session(), member)
    make_booking(make_session(), make_member())

    mine = Api(member).get("/payments").json()["items"]

    assert [payment["payer_id"] for payment in mine] == [str(member.pk)]
    assert len(Api(make_admin()).get("/payments?state=succeeded").json()["items"]) == 2


def test_statements_of_a_whole_call():
    member, session = make_member(), make_session()
    api = Api(member)
    current_business()

    with CaptureQueriesContext(connection) as captured:
        api.post("/bookings", {"session_id": str(session.pk), "provider": "sandbox", "source": SUCCEEDS})

    sql = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(sql) == 19, "\n".join(sql)
