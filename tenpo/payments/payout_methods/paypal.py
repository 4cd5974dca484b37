"""Money to a PayPal account, by PayPal's own Payouts (REST)."""

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx2
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from tenpo.core.money import MAX_AMOUNT, minor_digits, plain_amount
from tenpo.payments import formats
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods.base import PayoutFile, PayoutOutcome, PayoutTimeout, details_of
from tenpo.people.models import User

SECONDS = 20.0
# What PayPal pays out with as many decimals as we count in; it knows no hundredths of forints and Taiwan dollars.
CURRENCIES = frozenset([
    "AUD", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "JPY", "MXN", "MYR", "NOK", "NZD", "PHP",
    "PLN", "SEK", "SGD", "THB", "USD",
])  # fmt: skip
ARRIVED = {"SUCCESS"}
CAME_BACK = {"FAILED", "RETURNED", "BLOCKED", "REFUNDED", "REVERSED", "DENIED", "CANCELED"}
# Refusals that are about the business's account and not about this payout: it is asked again.
NOT_NOW = {"INSUFFICIENT_FUNDS", "RATE_LIMIT_REACHED"}
DUPLICATE = "DUPLICATE_REQUEST_ID", "USER_BUSINESS_ERROR"
# What says that nothing was taken, as long as it is the first thing that PayPal says of a payout.
REFUSED = (400, 422)
PAYOUTS = "/v1/payments/payouts"


class PayPal:
    """By e-mail address. PayPal knows our id of each payout, so that it leaves once however often it is sent."""

    name = PayoutAccount.Method.PAYPAL
    fields: dict[str, Any] = {"email": gettext_lazy("E-mail of your PayPal account")}
    sends_itself = True
    writes_files = False

    def is_offered(self, terms: PayoutTerms, currency: str) -> bool:
        return bool(settings.PAYPAL_CLIENT_ID and settings.PAYPAL_SECRET) and currency in CURRENCIES

    def read(self, typed: Mapping[str, str], *, owner: User) -> dict[str, str]:
        try:
            return {"email": formats.check_email(typed.get("email", ""))}
        except ValidationError as error:
            raise ValidationError({"email": error}) from None

    def mask(self, details: Mapping[str, str]) -> str:
        return formats.masked_email(details["email"])

    def send(self, payout: Payout, *, is_new: bool) -> PayoutOutcome:
        amount = {"value": plain_amount(payout.sent_amount, payout.currency), "currency": payout.currency}
        item = {
            "recipient_type": "EMAIL",
            "receiver": details_of(payout.account)["email"],
            "amount": amount,
            "sender_item_id": payout.pk.hex,
        }
        body = {"sender_batch_header": {"sender_batch_id": key_of(payout)}, "items": [item]}
        status, answer = _ask("POST", PAYOUTS, body)
        if status < 300:
            return PayoutOutcome(Payout.State.SENT, str(_header(answer)["payout_batch_id"]))
        if known := _earlier(answer):
            return PayoutOutcome(Payout.State.SENT, known)
        # Of a payout that was sent before, a refusal says nothing: the first one may have been taken.
        if not is_new or answer.get("name") == DUPLICATE[0]:
            raise PayoutTimeout(f"PayPal answers {status} to a repeat")
        return PayoutOutcome(Payout.State.FAILED, failure_code=str(answer.get("name", "refused")).lower())

    def retrieve(self, payout: Payout) -> PayoutOutcome | None:
        if payout.reference is None:
            return None
        status, answer = _ask("GET", f"{PAYOUTS}/{payout.reference}")
        if status >= 300:
            raise PayoutTimeout(f"PayPal answers {status}")
        return _outcome(payout, answer)

    def came_back(self, payout: Payout) -> PayoutOutcome | None:
        found = self.retrieve(payout)
        return found if found and found.state == Payout.State.FAILED else None

    def write(self, payouts: Sequence[Payout], terms: PayoutTerms, *, on: date) -> PayoutFile:
        raise NotImplementedError("PayPal is asked, and reads no file")


def key_of(payout: Payout) -> str:
    """Our id of a payout at PayPal, which takes thirty characters."""
    return base64.b32encode(payout.pk.bytes).decode().rstrip("=")


def open_client() -> httpx2.Client:
    """A connection to PayPal."""
    return httpx2.Client(base_url=settings.PAYPAL_API, timeout=SECONDS)


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Ask PayPal; its status and answer. Raises PayoutTimeout where nobody knows what became of it."""
    try:
        with open_client() as client:
            secret = (settings.PAYPAL_CLIENT_ID, settings.PAYPAL_SECRET)
            token = client.post("/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=secret)
            if token.status_code != 200:
                raise PayoutTimeout(f"PayPal does not let us in: {token.status_code}")
            headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
            answer = client.request(method, path, json=body, headers=headers)
            said: Any = answer.json() if answer.content else {}
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise PayoutTimeout(type(error).__name__) from error
    has_decided = answer.is_success or answer.status_code in REFUSED
    if not has_decided or not isinstance(said, dict) or said.get("name") in NOT_NOW:
        raise PayoutTimeout(f"PayPal answers {answer.status_code}")
    return answer.status_code, said


def _header(answer: dict[str, Any]) -> dict[str, Any]:
    """What PayPal says of all that was sent at once; without it, its answer says nothing."""
    header = answer.get("batch_header")
    if not isinstance(header, dict) or not header.get("payout_batch_id"):
        raise PayoutTimeout("PayPal says nothing of what was sent")
    return header


def _earlier(answer: dict[str, Any]) -> str:
    """The name of what was sent before under our id, where PayPal refuses to send it twice; else nothing."""
    for link in answer.get("links", []):
        place, _slash, name = str(link.get("href", "")).rpartition("/")
        if answer.get("name") in DUPLICATE and place.endswith(PAYOUTS):
            return name
    return ""


def _outcome(payout: Payout, answer: dict[str, Any]) -> PayoutOutcome:
    item: dict[str, Any] = next(iter(answer.get("items", [])), {})
    said = item.get("transaction_status") or answer["batch_header"]["batch_status"]
    if said in ARRIVED and item:
        return PayoutOutcome(Payout.State.DONE, payout.reference, cost=_fee(item, payout.currency))
    if said in CAME_BACK:
        code = item.get("errors", {}).get("name", said)
        return PayoutOutcome(Payout.State.FAILED, payout.reference, failure_code=str(code).lower())
    return PayoutOutcome(Payout.State.SENT, payout.reference)


def _fee(item: dict[str, Any], currency: str) -> int:
    """What PayPal took, in minor units, rounded; nothing that we cannot read keeps a payout from having arrived."""
    said = item.get("payout_item_fee")
    if not isinstance(said, dict) or said.get("currency", currency) != currency:
        return 0
    try:
        fee = Decimal(str(said.get("value", "0"))).scaleb(minor_digits(currency))
        return min(max(0, int(fee.to_integral_value(ROUND_HALF_UP))), MAX_AMOUNT)
    except (ArithmeticError, ValueError):
        return 0
