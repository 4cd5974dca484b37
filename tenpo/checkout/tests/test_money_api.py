from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.orders.models import CancellationPolicy, SharePolicy
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def test_credits_know_their_source_and_what_became_of_them():
    member = make_member()
    cancel_booking(make_booking(make_session(price=8_000), member), by=member)
    make_booking(make_session(price=5_000), member)
    api = Api(member)

    (credit,) = api.get("/credits").json()["items"]
    rows = api.get(f"/credits/{credit['id']}/transfers").json()["items"]

    assert (credit["balance"], credit["currency"]) == (3_000, "EUR")
    assert api.get(f"/payments/{credit['source_payment_id']}").json()["amount"] == 8_000
    assert [(row["kind"], row["amount"]) for row in rows] == [("credit_spend", 5_000), ("credit_issue", 8_000)]
    stranger = Api(make_member())
    assert stranger.get(f"/credits/{credit['id']}/transfers").status_code == 404
    assert stranger.get(f"/credits?owner_id={member.pk}").json()["items"] == []
    assert len(Api(make_admin()).get(f"/credits?owner_id={member.pk}").json()["items"]) == 1


def test_orders_are_receipts():
    member = make_member()
    make_share_policy(percent=60)
    booking = make_booking(make_session(price=10_000), member)

    (order,) = Api(member).get("/orders").json()["items"]

    assert order == Api(member).get(f"/orders/{booking.line.order_id}").json()
    assert order["state"] == "paid"
    assert [(line["company_share"], line["own_share"]) for line in order["lines"]] == [(6_000, 4_000)]
    assert Api(make_member()).get(f"/orders/{order['id']}").status_code == 404


def test_the_books_are_for_admins():
    make_booking(make_session(price=10_000), make_member())
    admin = Api(make_admin())

    accounts = admin.get("/ledger/trial-balance").json()
    transfers = admin.get("/ledger/transfers?kind=payment").json()["items"]

    assert sum(row["debits"] for row in accounts) == sum(row["credits"] for row in accounts)
    assert [row["amount"] for row in transfers] == [10_000]
    found = admin.get(f"/ledger/transfers?account_id={transfers[0]['debit_account_id']}").json()["items"]
    assert {row["kind"] for row in found} == {"payment", "fee"}
    for path in ("/ledger/trial-balance", "/ledger/transfers"):
        assert Api(make_member()).get(path).status_code == 403


def test_share_policies_are_previewed_decided_and_ended():
    admin = Api(make_admin())
    make_session(price=10_000)

    effect = admin.post("/share-policies/preview", {"percent": 60, "cap": 4_000}).json()
    made = admin.post("/share-policies", {"name": "Share", "percent": 60, "cap": 4_000})
    later = (timezone.now() + timedelta(days=9)).isoformat()
    coming = admin.post("/share-policies", {"name": "Later", "amount": 100, "active_from": later}).json()
    withdrawn = admin.post(f"/share-policies/{coming['id']}/end").json()

    assert [(row["company_now"], row["company_then"]) for row in effect["sessions"]] == [(0, 4_000)]
    assert made.status_code == 201
    assert coming["supersedes_id"] == made.json()["id"]
    assert withdrawn["active_until"] == withdrawn["active_from"]
    assert len(Api(make_member()).get("/share-policies").json()["items"]) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "Both", "percent": 10, "amount": 5}, 422),
        ({"name": "None"}, 422),
        ({"name": "Past", "percent": 10, "active_from": "2001-01-01T00:00:00Z"}, 409),
        ({"name": "Nobody", "percent": 10, "coach_id": str(uuid4())}, 404),
        ({"name": "Extra", "percent": 10, "colour": "red"}, 422),
    ],
)
def test_refused_share_policies(body, status):
    assert Api(make_admin()).post("/share-policies", body).status_code == status
    assert Api(make_coach()).post("/share-policies", {"name": "Mine", "percent": 100}).status_code == 403
    assert Api(make_coach()).post("/share-policies/preview", {"percent": 100}).status_code == 403
    assert not SharePolicy.objects.exists()


def test_cancellation_policies():
    admin = Api(make_admin())
    windows = [{"hours_before": 48, "percent": 100}, {"hours_before": 0, "percent": 50}]

    made = admin.post("/cancellation-policies", {"name": "Kind", "windows": windows}).json()
    wrong = admin.post("/cancellation-policies", {"name": "Odd", "windows": windows[::-1]})
    put = admin.client.put(f"/api/v1/cancellation-policies/{made['id']}/default").json()
    retired = admin.client.put(f"/api/v1/cancellation-policies/{made['id']}/retirement")

    free, missed = "Free until 48 hours before; after that half comes back.", "If you do not come, nothing comes back."
    assert made["words"] == f"{free} {missed}"
    assert wrong.status_code == 422
    assert put["is_default"]
    assert (retired.status_code, retired.json()["code"]) == (409, "is_default")
    assert CancellationPolicy.objects.filter(name="Odd").count() == 0
    assert Api(make_member()).post("/cancellation-policies", {"name": "X", "windows": windows}).status_code == 403
