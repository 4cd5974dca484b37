"""Sponsorships by API, from agreeing one to what its sponsor paid."""

import json
from typing import Any

import pytest
from django.test import Client

from tenpo.access.actions.api_clients import create_api_client
from tenpo.checkout.tests.make import make_booking
from tenpo.core.tests.make import ACCOUNT
from tenpo.core.tokens import new_id
from tenpo.orders.sponsor_models import SponsorPayment, Sponsorship
from tenpo.orders.tests.make import make_sponsorship
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


class Caller:
    """Somebody's program."""

    def __init__(self, user: User) -> None:
        _, key = create_api_client(user, name="Tool", scopes=["read", "write"], expires_at=None, by=user)
        self.headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, status: int = 200) -> Any:
        return self._say(Client().get(f"/api/v1{path}", headers=self.headers), status)

    def send(self, method: str, path: str, body: Any = None, status: int = 200, key: str = "") -> Any:
        headers = self.headers | {"Idempotency-Key": key or str(new_id())}
        answer = Client().generic(
            method, f"/api/v1{path}", data=_json(body), content_type="application/json", headers=headers
        )
        return self._say(answer, status)

    def _say(self, answer: Any, status: int) -> Any:
        assert answer.status_code == status, answer.content
        return answer.json()


def _json(body: Any) -> str:
    return "" if body is None else json.dumps(body)


@pytest.mark.usefixtures("takes_transfers")
def test_a_sponsorship_from_its_terms_to_its_payment():
    admin, sponsor, member = make_admin(), make_member(), make_member("Vera Visible")
    boss, owner, buyer = Caller(admin), Caller(sponsor), Caller(member)

    made = boss.send(
        "POST", "/sponsorships",
        {"sponsor_id": str(sponsor.pk), "name": "Bakery", "percent": 50, "pot": 10_000, "kinds": ["session"]}, 201,
    )  # fmt: skip
    path = f"/sponsorships/{made['id']}"
    named = boss.send("POST", f"{path}/people", {"emails": [member.email]})
    assert [(one["name"], one["spent"], one["left"]) for one in named["people"]] == [("Vera Visible", 0, 10_000)]

    session = make_session(price=8_000)
    quote = buyer.get(f"/sessions/{session.pk}/quote")
    assert (quote["sponsor_share"], quote["sponsor_name"], quote["own_share"]) == (4_000, "Bakery", 4_000)
    booked = buyer.send(
        "POST", "/bookings",
        {"session_id": str(session.pk), "provider": "sandbox", "source": SUCCEEDS, "agreed_amount": 4_000}, 201,
    )  # fmt: skip
    assert booked["cost"]["sponsor_share"] == 4_000
    order = buyer.get(f"/orders/{booked['cost']['order_id']}")
    assert order["lines"][0]["sponsorship_id"] == made["id"]
    assert buyer.get(f"/bookings/{booked['id']}")["sponsor_share"] == 4_000
    assert buyer.get(f"/bookings/{booked['id']}/cancellation")["sponsor"] == 4_000

    [mine] = buyer.get("/sponsored-by")["items"]
    assert (mine["sponsor"], mine["spent"], mine["left"]) == ("Bakery", 4_000, 6_000)
    detail = owner.get(path)
    assert (detail["spent"], detail["left"], detail["owed"]) == (4_000, 6_000, 4_000)
    transfer = {name: detail["transfer"][name] for name in ("iban", "amount", "reference")}
    assert transfer == {
        "iban": ACCOUNT["bank_iban"], "amount": 4_000, "reference": detail["transfer_reference"]
    }  # fmt: skip
    [use] = owner.get(f"{path}/uses")["items"]
    assert set(use) == {"person", "amount", "on", "kind", "is_held"}
    assert (use["person"], use["amount"], use["kind"], use["is_held"]) == ("Vera Visible", 4_000, "session", False)

    body = {"amount": 4_000, "received_on": "2026-11-02", "reference": "R 1"}
    first = boss.send("POST", f"{path}/payments", body, 201, key="once")
    assert boss.send("POST", f"{path}/payments", body, 201, key="once") == first
    assert [one["amount"] for one in owner.get(f"{path}/payments")["items"]] == [4_000]
    assert (owner.get(path)["owed"], owner.get(path)["transfer"]) == (0, None)
    assert boss.send("POST", f"{path}/payments", body, 409)["code"] == "more_than_owed"
    assert SponsorPayment.objects.count() == 1


def test_the_budget_is_raised_people_are_removed_and_it_ends():
    member, sponsorship = make_member(), make_sponsorship(pot=1_000)
    boss, path = Caller(make_admin()), f"/sponsorships/{sponsorship.pk}"
    boss.send("POST", f"{path}/people", {"emails": [member.email]})

    assert boss.send("PUT", f"{path}/pot", {"pot": 1_000}, 409)["code"] == "pot_not_raised"
    assert boss.send("PUT", f"{path}/pot", {"pot": 2_000})["pot"] == 2_000
    [person] = boss.get(f"{path}/people")["items"]
    assert boss.send("DELETE", f"{path}/people/{person['id']}")["removed_at"]
    assert boss.send("POST", f"{path}/end")["active_until"]
    assert boss.send("POST", f"{path}/end", status=409)["code"] == "over"


def test_what_is_wrong_is_said_by_field():
    boss, sponsorship = Caller(make_admin()), make_sponsorship()

    both = {"sponsor_id": str(make_member().pk), "name": "Bakery", "percent": 50, "amount": 5}
    assert "percent" in str(boss.send("POST", "/sponsorships", both, 422))
    strangers = boss.send("POST", f"/sponsorships/{sponsorship.pk}/people", {"emails": ["nobody@example.com"]}, 422)
    assert "nobody@example.com" in str(strangers)
    boss.send("POST", "/sponsorships", both | {"sponsor_id": str(new_id()), "amount": None}, 404)
    assert Sponsorship.objects.count() == 1


def test_a_part_that_came_back_is_no_use_any_more():
    member = make_member()
    sponsorship = make_sponsorship(member)
    cancel_booking(make_booking(make_session(price=8_000), member), by=member)

    [use] = Caller(sponsorship.sponsor).get(f"/sponsorships/{sponsorship.pk}/uses")["items"]

    assert use["amount"] == 0
