"""Stripe. Cards are entered on its own page, so that none of its scripts runs on ours; saved ones are charged here.

A payment's reference is the page's (`cs_…`) while the card is entered, then the payment's own (`pi_…`).
"""

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.mail import absolute
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod, ProviderCustomer
from tenpo.payments.providers.base import (
    METHOD_GONE,
    BadSignature,
    DisputeOutcome,
    IncomingEvent,
    MethodOutcome,
    Movement,
    Outcome,
    RefundOutcome,
    RefundState,
)
from tenpo.payments.providers.stripe_answers import (
    declined,
    dispute_outcome,
    intent_outcome,
    is_lost_method,
    is_missing,
    method_outcome,
    movement_of,
    page_outcome,
    refund_outcome,
)
from tenpo.payments.providers.stripe_client import (
    asking_stripe,
    looking_at_stripe,
    stripe_api,
    to_stripe,
    under,
)
from tenpo.payments.providers.stripe_connect import TRANSFER
from tenpo.people.models import User

SIGNATURE_WINDOW_SECONDS = 300
LIST_LIMIT = 100
FOUND_WITHIN_SECONDS = 24 * 3_600
# What we write on everything of ours at Stripe, and find it by.
PAYMENT, METHOD, REFUND, USER = "tenpo_payment", "tenpo_method", "tenpo_refund", "tenpo_user"
CHARGE = "latest_charge.balance_transaction"
# What is asked of a payment at once: also what it was paid with, which may be kept.
TOLD = [CHARGE, "payment_method"]

log = structlog.get_logger()


class Stripe:
    """Cards, and whatever else is switched on at Stripe."""

    name = "stripe"
    label = _("Card (Stripe)")
    note = _("You enter your card on the page of Stripe, our payment provider.")
    is_marked_by_hand = False
    keeps_methods = True

    def start(self, payment: Payment, source: str, *, is_automatic: bool = False) -> Outcome:
        import stripe  # noqa: PLC0415 (only where it is switched on)

        has_lost_all = False
        try:
            with asking_stripe():
                customer = _customer_of(payment.payer)
                try:
                    return _start(payment, customer, is_automatic=is_automatic)
                except stripe.InvalidRequestError as refusal:
                    if not is_missing(refusal, "customer"):
                        raise
                    customer, has_lost_all = _replace_customer(payment.payer, customer), True
                # What they kept went with them: a card is entered anew.
                if payment.saved_method is not None:
                    return Outcome(Payment.State.FAILED, failure_code=METHOD_GONE, has_lost_all=True)
                return replace(_start(payment, customer, is_automatic=is_automatic), has_lost_all=True)
        except stripe.CardError as refusal:
            return declined(refusal)
        except (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError) as refusal:
            if payment.saved_method is not None and is_lost_method(refusal):
                return Outcome(Payment.State.FAILED, failure_code=METHOD_GONE)
            log.exception("stripe_refuses", payment_id=str(payment.pk), code=refusal.code)
            return Outcome(Payment.State.FAILED, failure_code="refused", has_lost_all=has_lost_all)

    def retrieve(self, payment: Payment) -> Outcome | None:
        reference = payment.reference or ""
        with looking_at_stripe():
            api = stripe_api().v1
            if reference.startswith("cs_"):
                params: Any = {"expand": [f"payment_intent.{one}" for one in TOLD]}
                return page_outcome(api.checkout.sessions.retrieve(reference, params).to_dict())
            if reference:
                return intent_outcome(api.payment_intents.retrieve(reference, {"expand": TOLD}).to_dict())
            if payment.saved_method is None:
                # The same call under the same key finds the page that was made; a new one charges nobody.
                return self.start(payment, "")
            found = _find_intent(payment)
            return intent_outcome(found) if found else None

    def cancel(self, payment: Payment) -> Outcome | None:
        import stripe  # noqa: PLC0415 (as above)

        if not payment.reference:
            found = self.retrieve(payment)
            if found is None or found.state != Payment.State.NEEDS_ACTION:
                return found
            payment.reference = found.reference
        try:
            with looking_at_stripe():
                api, reference = stripe_api().v1, payment.reference or ""
                if reference.startswith("cs_"):
                    api.checkout.sessions.expire(reference)
                else:
                    api.payment_intents.cancel(reference)
        except stripe.InvalidRequestError:
            log.info("stripe_cannot_cancel", payment_id=str(payment.pk))
        return self.retrieve(payment)

    def refund(self, payment: Payment, *, amount: int, key: str) -> RefundOutcome:
        import stripe  # noqa: PLC0415 (as above)

        params: Any = {
            "payment_intent": payment.reference,
            "amount": to_stripe(amount, payment.currency),
            "metadata": {REFUND: key, PAYMENT: str(payment.pk)},
        }
        try:
            with asking_stripe():
                return refund_outcome(stripe_api().v1.refunds.create(params, under(f"refund:{key}")).to_dict())
        except stripe.StripeError as refusal:
            log.warning("stripe_refuses_a_refund", payment_id=str(payment.pk), code=refusal.code)
            return RefundOutcome(RefundState.FAILED, failure_code=(refusal.code or "refused")[:60])

    def retrieve_refund(self, payment: Payment, *, key: str) -> RefundOutcome | None:
        params: Any = {"payment_intent": payment.reference, "limit": LIST_LIMIT}
        with looking_at_stripe():
            for refund in stripe_api().v1.refunds.list(params).auto_paging_iter():
                found = refund.to_dict()
                if (found.get("metadata") or {}).get(REFUND) == key:
                    return refund_outcome(found)
        return None

    def disputes(self, payment: Payment) -> Iterable[DisputeOutcome]:
        params: Any = {"payment_intent": payment.reference, "limit": LIST_LIMIT}
        with looking_at_stripe():
            listed = stripe_api().v1.disputes.list(params).auto_paging_iter()
            return [dispute_outcome(one.to_dict()) for one in listed]

    def start_saving(self, method: PaymentMethod, source: str) -> MethodOutcome:
        import stripe  # noqa: PLC0415 (as above)

        try:
            with asking_stripe():
                customer = _customer_of(method.user)
                try:
                    return method_outcome(_open_setup(method, customer))
                except stripe.InvalidRequestError as refusal:
                    if not is_missing(refusal, "customer"):
                        raise
                customer = _replace_customer(method.user, customer)
                return replace(method_outcome(_open_setup(method, customer)), has_lost_all=True)
        except stripe.StripeError as refusal:
            log.exception("stripe_refuses", method_id=str(method.pk), code=refusal.code)
            return MethodOutcome(PaymentMethod.State.FAILED, failure_code="refused")

    def retrieve_method(self, method: PaymentMethod) -> MethodOutcome | None:
        if not method.reference:
            return self.start_saving(method, "")
        params: Any = {"expand": ["setup_intent.payment_method"]}
        with looking_at_stripe():
            return method_outcome(stripe_api().v1.checkout.sessions.retrieve(method.reference, params).to_dict())

    def forget_method(self, method: PaymentMethod) -> None:
        import stripe  # noqa: PLC0415 (as above)

        reference = method.reference or ""
        try:
            with looking_at_stripe():
                if reference.startswith("cs_"):
                    # Its owner removed it while the card was entered.
                    added = self.retrieve_method(method)
                    if added is None or added.state != PaymentMethod.State.READY:
                        stripe_api().v1.checkout.sessions.expire(reference)
                        return
                    reference = added.reference or ""
                if reference:
                    stripe_api().v1.payment_methods.detach(reference)
        except stripe.InvalidRequestError:
            log.info("stripe_has_forgotten", method_id=str(method.pk))

    def movements(self, since: datetime, until: datetime) -> Iterable[Movement]:
        params: Any = {
            "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
            "expand": ["data.source"],
            "limit": LIST_LIMIT,
        }
        with looking_at_stripe():
            listed = stripe_api().v1.balance_transactions.list(params).auto_paging_iter()
            return [movement_of(one.to_dict()) for one in listed]

    def read_event(self, headers: Mapping[str, str], body: bytes) -> IncomingEvent:
        check_signature(headers.get("stripe-signature", ""), body)
        try:
            event = json.loads(body)
            thing = event["data"]["object"]
            event_id, kind, metadata = str(event["id"]), str(event["type"]), thing.get("metadata") or {}
            # A charge and a refund speak of their payment.
            reference = str(thing.get("payment_intent") or thing.get("id") or "")
            if kind.startswith("checkout.session."):
                reference = str(thing["id"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadSignature("not an event") from error
        return IncomingEvent(
            event_id=event_id[:120],
            reference=reference[:120],
            # It only says where to look; what else it tells of people is not kept.
            payload={"type": kind, "account": event.get("account") or ""},
            payment_id=str(metadata.get(PAYMENT, "")),
            method_id=str(metadata.get(METHOD, "")),
            payout_id=str(metadata.get(TRANSFER, "")),
        )


def check_signature(header: str, body: bytes) -> None:
    """Stripe's scheme: HMAC-SHA256 over time and body, by any of the secrets of our endpoints. Raises BadSignature."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _is, value in pairs if name == "t"]
    if len(times) != 1 or not re.fullmatch(r"[0-9]{1,12}", times[0]):
        raise BadSignature("no time")
    if abs(clock.now().timestamp() - int(times[0])) > SIGNATURE_WINDOW_SECONDS:
        raise BadSignature("too old or too new")
    signatures = [value.encode("utf-8", "surrogatepass") for name, _is, value in pairs if name == "v1"]
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        expected = hmac.new(secret.encode(), times[0].encode() + b"." + body, sha256).hexdigest().encode()
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            return
    raise BadSignature("wrong signature")


def _start(payment: Payment, customer: str, *, is_automatic: bool) -> Outcome:
    """Ask for the money of one who is known to Stripe as `customer`."""
    if payment.saved_method is None:
        return page_outcome(_open_page(payment, customer))
    return intent_outcome(_charge_saved(payment, payment.saved_method, customer, is_automatic=is_automatic))


def _open_page(payment: Payment, customer: str) -> dict[str, Any]:
    """A page of Stripe's on which the payer enters a card."""
    back = absolute(f"/payments/{payment.pk}/back/")
    metadata = {PAYMENT: str(payment.pk)}
    params: Any = {
        "mode": "payment",
        "customer": customer,
        "client_reference_id": str(payment.pk),
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": payment.currency.lower(),
                    "unit_amount": to_stripe(payment.amount, payment.currency),
                    "product_data": {"name": payment.description},
                },
            }
        ],
        "success_url": back,
        "cancel_url": back,
        "metadata": metadata,
        "payment_intent_data": {
            "metadata": metadata,
            "description": payment.description,
            # So that the fee is known as soon as the money is.
            "capture_method": "automatic",
            "transfer_group": str(payment.pk),
        },
    }
    if payment.keeps_method:
        # Stripe keeps it when it has paid, and not before.
        params["payment_intent_data"]["setup_future_usage"] = "off_session"
    return stripe_api().v1.checkout.sessions.create(params, under(f"payment:{payment.pk}:{customer}")).to_dict()


def _open_setup(method: PaymentMethod, customer: str) -> dict[str, Any]:
    """A page of Stripe's on which somebody enters a card to be kept."""
    back = absolute(f"/me/money/methods/{method.pk}/back/")
    metadata = {METHOD: str(method.pk)}
    params: Any = {
        "mode": "setup",
        "payment_method_types": ["card"],
        "customer": customer,
        "success_url": back,
        "cancel_url": back,
        "metadata": metadata,
        "setup_intent_data": {"metadata": metadata},
    }
    return stripe_api().v1.checkout.sessions.create(params, under(f"method:{method.pk}:{customer}")).to_dict()


def _charge_saved(payment: Payment, method: PaymentMethod, customer: str, *, is_automatic: bool) -> dict[str, Any]:
    params: Any = {
        "amount": to_stripe(payment.amount, payment.currency),
        "currency": payment.currency.lower(),
        "customer": customer,
        "payment_method": method.reference,
        "payment_method_types": ["card"],
        "confirm": True,
        "off_session": is_automatic,
        "capture_method": "automatic",
        "description": payment.description,
        "metadata": {PAYMENT: str(payment.pk)},
        "transfer_group": str(payment.pk),
        "return_url": absolute(f"/payments/{payment.pk}/back/"),
        "expand": [CHARGE],
    }
    return stripe_api().v1.payment_intents.create(params, under(f"payment:{payment.pk}:{customer}")).to_dict()


def _find_intent(payment: Payment) -> dict[str, Any] | None:
    """The charge of a saved method whose answer was lost, among those of its payer.

    Where Stripe knows them by another name since, among all of that day: it would be missed, and charged again.
    """
    import stripe  # noqa: PLC0415 (as above)

    begun = int(payment.created_at.timestamp()) - SIGNATURE_WINDOW_SECONDS
    known = ProviderCustomer.objects.filter(user=payment.payer_id, provider=Stripe.name)
    known = known.filter(created_at__lte=payment.created_at)
    for customer in known.values_list("reference", flat=True):
        try:
            return _intent_among(payment, {"customer": customer, "created": {"gte": begun}})
        except stripe.InvalidRequestError as refusal:
            if not is_missing(refusal, "customer"):
                raise
    return _intent_among(payment, {"created": {"gte": begun, "lt": begun + FOUND_WITHIN_SECONDS}})


def _intent_among(payment: Payment, wanted: Any) -> dict[str, Any] | None:
    """The one that bears a payment's id, of those that Stripe lists."""
    params: Any = {**wanted, "limit": LIST_LIMIT, "expand": [f"data.{CHARGE}"]}
    for intent in stripe_api().v1.payment_intents.list(params).auto_paging_iter():
        found: dict[str, Any] = intent.to_dict()
        if (found.get("metadata") or {}).get(PAYMENT) == str(payment.pk):
            return found
    return None


def _customer_of(user: User) -> str:
    """Under which name Stripe knows somebody; they are made known to it when they first pay."""
    known = ProviderCustomer.objects.filter(user=user, provider=Stripe.name).first()
    return known.reference if known else _keep_customer(user, _make_customer(user, f"customer:{user.pk}"))


def _replace_customer(user: User, gone: str) -> str:
    """Stripe does not know somebody any more: they are made known anew, once, whoever finds out at the same moment."""
    made = _make_customer(user, f"customer:{user.pk}:{gone}")
    log.warning("stripe_customer_was_deleted", user_id=str(user.pk), reference=gone)
    with transaction.atomic():
        ProviderCustomer.objects.filter(user=user, provider=Stripe.name, reference=gone).delete()
        return _keep_customer(user, made)


def _make_customer(user: User, key: str) -> str:
    params: Any = {"email": user.email, "metadata": {USER: str(user.pk)}}
    return stripe_api().v1.customers.create(params, under(key)).id


def _keep_customer(user: User, reference: str) -> str:
    """Whoever was first has said which one it is."""
    known, _is_new = ProviderCustomer.objects.get_or_create(
        user=user, provider=Stripe.name, defaults={"reference": reference}
    )
    return known.reference
