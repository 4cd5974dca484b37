"""The books by API: what the pages show, for admins."""

from datetime import timedelta
from typing import Any

import pytest

from tenpo.books.models import DayClose
from tenpo.books.tests.make import FIRST, at, noon, post, post_fee
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.core.business import current_business
from tenpo.ledger.models import Account, Transfer
from tenpo.people.tests.make import make_admin, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("clock_moves")]


def test_accounts_transfers_and_days():
    admin = Api(make_admin())
    current_business()
    with at(noon()) as clock:
        payment = post(1_000)
        fee = post_fee(40)
        clock.move(timedelta(days=1))

        [close] = admin.post("/ledger/days", {"day": FIRST.isoformat()}).json()
        again = admin.post("/ledger/days", {"day": FIRST.isoformat()}).json()
        early = admin.post("/ledger/days", {"day": (FIRST + timedelta(days=1)).isoformat()})
        balance = admin.get(f"/ledger/trial-balance?day={FIRST.isoformat()}").json()
        nothing = admin.get("/ledger/trial-balance?day=2026-08-31").json()

    assert again == [close]
    assert (early.status_code, early.json()["code"]) == (409, "day_not_over")
    assert nothing == []
    assert {row["kind"]: (row["debits"], row["credits"]) for row in balance} == {
        "provider": (1_000, 40), "sales": (0, 1_000), "fees": (40, 0),
    }  # fmt: skip
    day = admin.get(f"/ledger/days/{close['id']}").json()
    assert {line["kind"]: line["closing"] for line in day["lines"]} == {"provider": -960, "sales": 1_000, "fees": -40}
    assert day["fingerprint"] == DayClose.objects.get().fingerprint
    assert admin.get("/ledger/days").json()["items"] == [close]
    [provider] = admin.get("/ledger/accounts?kind=provider").json()["items"]
    assert (provider["balance"], provider["name"]) == (-960, "sandbox")
    assert admin.get(f"/ledger/accounts/{provider['id']}").json() == provider
    moved = admin.get(f"/ledger/accounts/{provider['id']}/transfers").json()["items"]
    assert [(row["id"], row["change"], row["balance"]) for row in moved] == [
        (str(fee.pk), 40, -960), (str(payment.pk), -1_000, -1_000),
    ]  # fmt: skip
    assert moved[0]["credit_account_id"] == provider["id"]
    one = admin.get(f"/ledger/transfers/{payment.pk}").json()
    assert (one["key"], one["subject"], one["reversed_by_id"], one["siblings"]) == (payment.key, None, None, [])


def patch(api: Api, path: str, body: dict[str, Any]) -> Any:
    return api.client.patch(f"/api/v1{path}", body, content_type="application/json")


def test_account_numbers():
    admin = Api(make_admin())

    changed = patch(admin, "/ledger/account-numbers", {"kind": "sales", "number": "8400"}).json()
    wrong = patch(admin, "/ledger/account-numbers", {"kind": "sales", "number": "=1+1"})

    assert {"kind": "sales", "number": "8400"} in changed
    assert changed == admin.get("/ledger/account-numbers").json()
    assert len(changed) == len(Account.Kind)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "sales")


def test_nobody_else_reads_or_closes_anything():
    post(1_000)
    member = Api(make_member())
    account, transfer = Account.objects.first(), Transfer.objects.get()
    assert account is not None

    for path in (
        "/ledger/trial-balance", "/ledger/accounts", f"/ledger/accounts/{account.pk}", "/ledger/days",
        f"/ledger/accounts/{account.pk}/transfers", f"/ledger/transfers/{transfer.pk}", "/ledger/account-numbers",
        "/ledger/journal/csv-file?since=2026-01-01&until=2026-01-02",
    ):  # fmt: skip
        assert member.get(path).status_code == 403
    assert member.post("/ledger/days", {"day": "2026-01-01"}).status_code == 403
    assert patch(member, "/ledger/account-numbers", {"kind": "sales", "number": "1"}).status_code == 403
    assert Api(make_admin()).get("/ledger/journal/csv-file?since=2026-01-02&until=2026-01-01").status_code == 422
