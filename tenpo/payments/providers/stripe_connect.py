"""Stripe Connect: people's own accounts, and money that goes from ours to theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import structlog

from tenpo.core.mail import absolute
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers.stripe_client import (
    asking_stripe,
    from_stripe,
    looking_at_stripe,
    stripe_api,
    to_stripe,
    under,
)

LIST_LIMIT = 100
TRANSFER, ACCOUNT = "tenpo_transfer", "tenpo_account"
PAGE = "/me/money/stripe/"
# The state of what never became a payout to a bank.
REFUSED = "refused"

log = structlog.get_logger()


@dataclass(frozen=True)
class AccountOutcome:
    """What Stripe says of somebody's account now."""

    reference: str
    status: StripeAccount.Status
    payouts_enabled: bool
    has_onboarded: bool
    requirements: list[str]


@dataclass(frozen=True)
class TransferOutcome:
    """What became of a transfer, or of its reversal: its name at Stripe, or why it was refused."""

    reference: str | None
    failure_code: str = ""
    # Whether all of it was taken back.
    is_reversed: bool = False


@dataclass(frozen=True)
class BankPayout:
    """Money on its way from somebody's account at Stripe to their bank, in minor units; `state` is Stripe's word."""

    reference: str
    state: str
    amount: int
    currency: str
    failure_code: str


class AccountRefused(Exception):
    """Stripe understood, and does not do it: the business has no Connect, or the account is gone or closed."""


@contextmanager
def _asking_of_accounts() -> Iterator[None]:
    import stripe  # noqa: PLC0415 (only where it is switched on)

    try:
        with looking_at_stripe():
            yield
    except stripe.StripeError as refusal:
        log.warning("stripe_refuses_an_account", code=refusal.code, said=str(refusal)[:200])
        raise AccountRefused from refusal


def open_account(account: StripeAccount) -> AccountOutcome:
    """Make somebody's account; the same one, however often it is asked for. Raises ProviderTimeout, AccountRefused."""
    params: Any = {
        "type": "express",
        "email": account.user.email,
        "capabilities": {"transfers": {"requested": True}},
        # What is sent there goes on to their bank when we say so, payout by payout, and not on days of Stripe's.
        "settings": {"payouts": {"schedule": {"interval": "manual"}}},
        "metadata": {ACCOUNT: str(account.pk)},
    }
    with _asking_of_accounts():
        return _account_outcome(stripe_api().v1.accounts.create(params, under(f"account:{account.pk}")).to_dict())


def retrieve_account(account: StripeAccount) -> AccountOutcome:
    """What Stripe knows, and still wants to know, of its owner. Raises ProviderTimeout, AccountRefused."""
    assert account.reference
    with _asking_of_accounts():
        return _account_outcome(stripe_api().v1.accounts.retrieve(account.reference).to_dict())


def onboarding_link(account: StripeAccount) -> str:
    """Where its owner tells Stripe who they are; it works once, for some minutes.

    Raises ProviderTimeout, AccountRefused.
    """
    params: Any = {
        "account": account.reference,
        "type": "account_onboarding",
        "return_url": absolute(f"{PAGE}back/"),
        "refresh_url": absolute(PAGE),
    }
    with _asking_of_accounts():
        return stripe_api().v1.account_links.create(params).url


def transfer(
    account: StripeAccount, *, amount: int, currency: str, key: str, transfer_group: str = ""
) -> TransferOutcome:
    """Send `amount` to somebody's account; once for a `key`. Raises ProviderTimeout."""
    params: Any = {
        "destination": account.reference,
        "amount": to_stripe(amount, currency),
        "currency": currency.lower(),
        "metadata": {TRANSFER: key},
    }
    if transfer_group:
        params["transfer_group"] = transfer_group
    return _sent(lambda: stripe_api().v1.transfers.create(params, under(f"transfer:{key}")))


def retrieve_transfer(account: StripeAccount, *, key: str) -> TransferOutcome | None:
    """What became of a transfer; None when Stripe never heard of it. Raises ProviderTimeout."""
    params: Any = {"destination": account.reference, "limit": LIST_LIMIT}
    with looking_at_stripe():
        for sent in stripe_api().v1.transfers.list(params).auto_paging_iter():
            found = sent.to_dict()
            if (found.get("metadata") or {}).get(TRANSFER) == key:
                return TransferOutcome(found["id"], is_reversed=found["amount_reversed"] >= found["amount"])
    return None


def reverse(reference: str, *, amount: int, currency: str, key: str) -> TransferOutcome:
    """Take back `amount` of a transfer, never more than is left of it; once for a `key`. Raises ProviderTimeout."""
    params: Any = {"amount": to_stripe(amount, currency), "metadata": {TRANSFER: key}}
    return _sent(lambda: stripe_api().v1.transfers.reversals.create(reference, params, under(f"reversal:{key}")))


def pay_to_bank(account: StripeAccount, *, amount: int, currency: str, key: str, on: date) -> BankPayout:
    """Send `amount` from somebody's account on to their bank, once for a `key` and a day; or why that was refused.

    Raises ProviderTimeout.
    """
    import stripe  # noqa: PLC0415 (only where it is switched on)

    params: Any = {"amount": to_stripe(amount, currency), "currency": currency.lower(), "metadata": {TRANSFER: key}}
    options = under(f"bank:{key}:{on}") | _acting_for(account)
    try:
        with asking_stripe():
            return _bank_payout(stripe_api().v1.payouts.create(params, options).to_dict())
    except stripe.StripeError as refusal:
        log.warning("stripe_refuses_a_payout", code=refusal.code)
        return BankPayout("", REFUSED, amount, currency, failure_code=(refusal.code or "refused")[:60])


def retrieve_bank_payout(account: StripeAccount, *, key: str) -> BankPayout | None:
    """What became of what went on to somebody's bank; None when Stripe never heard of it. Raises ProviderTimeout."""
    with looking_at_stripe():
        for sent in stripe_api().v1.payouts.list({"limit": LIST_LIMIT}, _acting_for(account)).auto_paging_iter():
            found = sent.to_dict()
            if (found.get("metadata") or {}).get(TRANSFER) == key:
                return _bank_payout(found)
    return None


def _acting_for(account: StripeAccount) -> Any:
    return {"stripe_account": account.reference}


def _bank_payout(one: dict[str, Any]) -> BankPayout:
    return BankPayout(
        reference=one["id"],
        state=one["status"],
        amount=from_stripe(one["amount"], one["currency"]),
        currency=one["currency"].upper(),
        failure_code=one.get("failure_code") or "",
    )


def _sent(send: Any) -> TransferOutcome:
    import stripe  # noqa: PLC0415 (only where it is switched on)

    try:
        with asking_stripe():
            return TransferOutcome(send().id)
    except stripe.StripeError as refusal:
        log.warning("stripe_refuses_a_transfer", code=refusal.code)
        return TransferOutcome(None, failure_code=(refusal.code or "refused")[:60])


def _account_outcome(account: dict[str, Any]) -> AccountOutcome:
    wanted = account.get("requirements") or {}
    pays_out = bool(account.get("payouts_enabled"))
    status = StripeAccount.Status.PENDING
    if pays_out and not wanted.get("disabled_reason"):
        status = StripeAccount.Status.ACTIVE
    elif account.get("details_submitted"):
        status = StripeAccount.Status.RESTRICTED
    return AccountOutcome(
        reference=account["id"],
        status=status,
        payouts_enabled=status == StripeAccount.Status.ACTIVE,
        has_onboarded=bool(account.get("details_submitted")),
        requirements=[str(one)[:200] for one in wanted.get("currently_due") or []],
    )
