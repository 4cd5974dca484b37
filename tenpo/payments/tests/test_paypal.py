"""PayPal, as a small double of it at the network's edge that remembers what was sent to it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from django.utils import timezone

from tenpo.core.errors import RuleError
from tenpo.payments.actions import payout_sending
from tenpo.payments.actions.payout_sending import ask_whether_back, mark_payout_failed, send_waiting_payouts
from tenpo.payments.models import Payout, PayoutAccount
from tenpo.payments.payout_methods import paypal
from tenpo.payments.tests.make import earnings_left, make_approved, make_terms, moved
from tenpo.people.tests.make import make_admin, make_coach, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

State = Payout.State


@dataclass
class PayPalDouble:
    """What PayPal knows, what it says of each item, and what goes wrong on the way."""

    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: str = "PENDING"
    error: str = ""
    # Asked before each answer to what is no sign-in: a status to answer with instead.
    refuses: int = 0
    loses_answers: bool = False
    fee: Any = field(default_factory=lambda: {"value": "0.25", "currency": "EUR"})
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.url.path == "/v1/oauth2/token":
            assert request.headers["authorization"].startswith("Basic ")
            return httpx2.Response(200, json={"access_token": "a-token"})
        assert request.headers["authorization"] == "Bearer a-token"
        if self.refuses:
            return httpx2.Response(self.refuses, json={"name": self.error or "INTERNAL_ERROR"})
        return self._take(json.loads(request.content)) if request.method == "POST" else self._say(request)

    def _take(self, body: dict[str, Any]) -> httpx2.Response:
        key = body["sender_batch_header"]["sender_batch_id"]
        assert len(key) <= 30
        if key in self.sent:
            link = {"href": f"https://api-m.paypal.com/v1/payments/payouts/B-{key}", "rel": "self"}
            return httpx2.Response(400, json={"name": "USER_BUSINESS_ERROR", "links": [link]})
        self.sent[key] = body["items"][0]
        if self.loses_answers:
            raise httpx2.ReadTimeout("the line is gone", request=httpx2.Request("POST", "https://paypal.example"))
        header = {"payout_batch_id": f"B-{key}", "batch_status": "PENDING"}
        return httpx2.Response(201, json={"batch_header": header})

    def _say(self, request: httpx2.Request) -> httpx2.Response:
        key = request.url.path.rpartition("/B-")[2]
        assert key in self.sent
        item = {"transaction_status": self.status, "payout_item_fee": self.fee}
        item |= {"errors": {"name": self.error}} if self.error else {}
        return httpx2.Response(200, json={"batch_header": {"batch_status": "SUCCESS"}, "items": [item]})


@pytest.fixture
def double(monkeypatch, settings) -> PayPalDouble:
    settings.PAYPAL_CLIENT_ID, settings.PAYPAL_SECRET = "client", "secret"
    found = PayPalDouble()
    transport = httpx2.MockTransport(found)
    monkeypatch.setattr(
        paypal, "open_client", lambda: httpx2.Client(base_url="https://paypal.example", transport=transport)
    )
    return found


@pytest.fixture
def approved(double) -> Callable[[], Payout]:
    def make() -> Payout:
        make_terms(fee=50)
        return make_approved(make_coach(), method="paypal", amount=2_000)

    return make


def later() -> None:
    """A moment later: what is on its way is asked about."""
    Payout.objects.filter(state=State.SENT).update(sent_at=timezone.now() - timedelta(minutes=5))
    send_waiting_payouts()


def test_what_was_approved_leaves_by_itself_and_arrives(double, approved):
    payout = approved()

    send_waiting_payouts()
    payout.refresh_from_db()
    on_its_way = payout.state
    double.status = "SUCCESS"
    later()
    payout.refresh_from_db()

    assert (on_its_way, payout.state) == (State.SENT, State.DONE)
    [item] = double.sent.values()
    assert item["receiver"] == "mia@example.com"
    assert item["amount"] == {"value": "19.50", "currency": "EUR"}
    assert moved(payout) == {"payout_hold": 2_000, "payout": 1_950, "payout_fee": 50, "fee": 25}
    assert PayoutAccount.objects.get().masked == "m•••@example.com"


@pytest.mark.parametrize("status", ["FAILED", "RETURNED", "BLOCKED", "REFUNDED"])
def test_what_comes_back_is_its_payees_again(double, approved, status):
    payout = approved()
    send_waiting_payouts()
    double.status, double.error = status, "RECEIVER_UNCONFIRMED"

    later()

    payout.refresh_from_db()
    assert (payout.state, payout.failure_code) == (State.FAILED, "receiver_unconfirmed")
    assert earnings_left(payout.payee) == 2_000


def test_what_comes_back_after_it_had_arrived_is_its_payees_again(double, approved):
    payout = approved()
    send_waiting_payouts()
    double.status = "SUCCESS"
    later()
    payout.refresh_from_db()
    assert payout.state == State.DONE
    double.status, double.error = "RETURNED", "RECEIVER_REFUSED"

    for _ in range(2):
        ask_whether_back(payout)

    payout.refresh_from_db()
    assert (payout.state, payout.failure_code) == (State.FAILED, "receiver_refused")
    assert earnings_left(payout.payee) == 2_000


@pytest.mark.parametrize("status", ["PENDING", "UNCLAIMED", "ONHOLD", "NEW"])
def test_what_nobody_decided_yet_stays_on_its_way(double, approved, status):
    payout = approved()
    send_waiting_payouts()
    double.status = status

    later()

    payout.refresh_from_db()
    assert payout.state == State.SENT


def test_an_answer_that_got_lost_is_asked_for_again_and_the_money_leaves_once(double, approved):
    payout = approved()
    double.loses_answers = True
    send_waiting_payouts()
    payout.refresh_from_db()
    unknown = (payout.state, payout.reference)

    later()
    double.status = "SUCCESS"
    later()

    payout.refresh_from_db()
    assert unknown == (State.SENT, None)
    assert payout.state == State.DONE
    assert len(double.sent) == 1


@pytest.mark.parametrize("status", [302, 400, 404, 408, 409, 413, 422, 500])
@pytest.mark.parametrize("error", ["VALIDATION_ERROR", "DUPLICATE_REQUEST_ID", "USER_BUSINESS_ERROR"])
def test_what_a_repeat_is_answered_never_gives_back_what_may_have_left(double, approved, status, error):
    payout = approved()
    double.loses_answers = True
    send_waiting_payouts()
    double.refuses, double.error = status, error

    later()

    payout.refresh_from_db()
    assert (payout.state, earnings_left(payout.payee)) == (State.SENT, 0)
    double.refuses, double.error, double.status = 0, "", "SUCCESS"
    later()
    later()
    payout.refresh_from_db()
    assert (payout.state, len(double.sent)) == (State.DONE, 1)


@pytest.mark.parametrize(
    ("status", "error"), [(302, ""), (404, ""), (408, ""), (409, ""), (413, ""), (400, "DUPLICATE_REQUEST_ID")]
)
def test_only_a_plain_refusal_of_what_is_new_means_that_nothing_left(double, approved, status, error):
    payout = approved()
    double.refuses, double.error = status, error

    send_waiting_payouts()

    payout.refresh_from_db()
    assert (payout.state, earnings_left(payout.payee)) == (State.SENT, 0)


@pytest.mark.parametrize(("status", "error"), [(500, ""), (503, ""), (429, ""), (401, ""), (422, "INSUFFICIENT_FUNDS")])
def test_what_is_not_about_the_payout_is_tried_again(double, approved, status, error):
    payout = approved()
    double.refuses, double.error = status, error
    send_waiting_payouts()
    payout.refresh_from_db()
    unknown = payout.state
    double.refuses, double.error, double.status = 0, "", "SUCCESS"

    later()
    later()

    payout.refresh_from_db()
    assert (unknown, payout.state) == (State.SENT, State.DONE)


def test_what_paypal_refuses_is_its_payees_again(double, approved):
    payout = approved()
    double.refuses, double.error = 422, "CURRENCY_NOT_SUPPORTED_FOR_RECEIVER"

    send_waiting_payouts()

    payout.refresh_from_db()
    assert (payout.state, payout.failure_code) == (State.FAILED, "currency_not_supported_for_receiver")


def test_what_paypal_refuses_counts_with_no_later_one_that_one_admin_approves(double):
    make_terms(second_amount=4_000)
    payout = make_approved(make_coach(), method="paypal", amount=2_000)
    double.refuses, double.error = 422, "CURRENCY_NOT_SUPPORTED_FOR_RECEIVER"
    send_waiting_payouts()

    for expected in (State.APPROVED, State.ASKED):
        assert make_approved(payout.payee, method="paypal", amount=2_000).state == expected


def test_what_paypal_may_have_forgotten_is_not_sent_again_and_an_admin_decides(double, approved):
    payout = approved()
    double.loses_answers = True
    send_waiting_payouts()
    Payout.objects.update(sent_at=timezone.now() - timedelta(days=26))
    asked = len(double.asked)

    send_waiting_payouts()
    failed = mark_payout_failed(payout, word="Not at PayPal", by=make_admin())

    assert len(double.asked) == asked
    assert failed.state == State.FAILED


def test_without_its_keys_nobody_is_paid_there(settings):
    settings.PAYPAL_SECRET = ""

    assert not paypal.PayPal().is_offered(make_terms(), "EUR")


@pytest.mark.parametrize(
    ("fee", "cost"),
    [
        ({"value": "0.255", "currency": "EUR"}, 26),
        ({"value": "-0.20", "currency": "EUR"}, 0),
        ({"value": "0.30", "currency": "USD"}, 0),
        ({"value": "1e99", "currency": "EUR"}, 10**12),
        ({"value": "free"}, 0),
        ({}, 0),
        ("odd", 0),
    ],
)
def test_no_odd_fee_keeps_a_payout_from_having_arrived(double, approved, fee, cost):
    payout = approved()
    send_waiting_payouts()
    double.status, double.fee = "SUCCESS", fee

    later()

    payout.refresh_from_db()
    assert (payout.state, payout.cost) == (State.DONE, cost)


def test_an_answer_that_makes_no_sense_keeps_no_other_payout_waiting(double, approved, monkeypatch):
    first, second = approved(), make_approved(make_coach(), method="paypal")
    send_waiting_payouts()
    double.status = "SUCCESS"
    say = PayPalDouble._say
    odd = f"/B-{paypal.key_of(first)}"
    monkeypatch.setattr(
        PayPalDouble, "_say",
        lambda self, request: httpx2.Response(200, json={}) if request.url.path.endswith(odd) else say(self, request),
    )  # fmt: skip

    later()

    assert [Payout.objects.get(pk=one.pk).state for one in (first, second)] == [State.SENT, State.DONE]


def test_those_that_nobody_decides_on_keep_no_new_one_waiting(double, approved, monkeypatch):
    monkeypatch.setattr(payout_sending, "ASKED_AT_ONCE", 2)
    for _ in range(2):
        approved()
    send_waiting_payouts()
    double.status = "UNCLAIMED"
    later()
    new = make_approved(make_coach(), method="paypal")
    send_waiting_payouts()
    double.asked.clear()

    later()

    assert any(one.startswith("GET") and paypal.key_of(new) in one for one in double.asked)


def test_what_is_not_at_an_end_after_a_month_is_ended_by_an_admin(double, approved):
    payout, admin = approved(), make_admin()
    send_waiting_payouts()
    double.refuses, double.error = 404, "RESOURCE_NOT_FOUND"

    def sent(days: int) -> None:
        Payout.objects.update(sent_at=timezone.now() - timedelta(days=days))
        send_waiting_payouts()

    sent(days=30)
    page = signed_in(admin).get(f"/money/payouts/{payout.pk}/").content.decode()
    with pytest.raises(RuleError, match="another way"):
        mark_payout_failed(payout, word="Gone", by=admin)
    assert "It came back" not in page
    sent(days=32)
    assert "It came back" in signed_in(admin).get(f"/money/payouts/{payout.pk}/").content.decode()
    assert mark_payout_failed(payout, word="Gone", by=admin).state == State.FAILED
    assert earnings_left(payout.payee) == 2_000
