"""Money to people's own accounts at Stripe, and from there to their banks.

Two steps under our id of the payout: a transfer from our balance to their account, then a payout from there to their
bank. It has arrived when the bank has it. What the bank does not take is taken back from their account.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods.base import PayoutFile, PayoutOutcome, PayoutTimeout, details_of
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers import offered_providers
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.providers.stripe_connect import (
    REFUSED,
    TransferOutcome,
    pay_to_bank,
    retrieve_bank_payout,
    retrieve_transfer,
    reverse,
    transfer,
)
from tenpo.people.models import User

CAME_BACK = {"failed", "canceled", REFUSED}
# What their account has not got yet it will have: its balance follows the transfer.
NOT_YET = "balance_insufficient"

log = structlog.get_logger()


class StripeConnect:
    """To the account that its owner completed at Stripe, which knows who they are and where their bank is."""

    name = PayoutAccount.Method.STRIPE
    fields: dict[str, Any] = {}
    sends_itself = True
    writes_files = False

    def is_offered(self, terms: PayoutTerms, currency: str) -> bool:
        return "stripe" in offered_providers()

    def read(self, typed: Mapping[str, str], *, owner: User) -> dict[str, str]:
        account = StripeAccount.objects.filter(user=owner, payouts_enabled=True).first()
        if account is None or account.reference is None:
            raise ValidationError({"account": _("Complete your account at Stripe first.")})
        return {"account": account.reference}

    def mask(self, details: Mapping[str, str]) -> str:
        return f"•••• {details['account'][-4:]}"

    def send(self, payout: Payout, *, is_new: bool) -> PayoutOutcome:
        account = _account_of(payout)
        if account is None or not account.payouts_enabled:
            return _refused("account_restricted", is_new=is_new)
        with _asking():
            sent = transfer(
                account, amount=payout.sent_amount, currency=payout.currency, key=str(payout.pk),
                transfer_group=f"payout {payout.pk}",
            )  # fmt: skip
            if sent.reference is None:
                return _refused(sent.failure_code, is_new=is_new)
            return _on_to_the_bank(payout, account, sent)

    def retrieve(self, payout: Payout) -> PayoutOutcome | None:
        account = _account_of(payout)
        if account is None:
            return None
        with _asking():
            sent = retrieve_transfer(account, key=str(payout.pk))
            return _on_to_the_bank(payout, account, sent) if sent else None

    def came_back(self, payout: Payout) -> PayoutOutcome | None:
        account = _account_of(payout)
        if account is None:
            return None
        with _asking():
            sent = retrieve_transfer(account, key=str(payout.pk))
            if sent is None:
                return None
            if sent.is_reversed:
                return _reversed(sent)
            found = retrieve_bank_payout(account, key=str(payout.pk))
            back = _taken_back(payout, sent, found.failure_code) if found and found.state in CAME_BACK else None
            return back if back and back.state == Payout.State.FAILED else None

    def write(self, payouts: Sequence[Payout], terms: PayoutTerms, *, on: date) -> PayoutFile:
        raise NotImplementedError("Stripe is asked, and reads no file")


@contextmanager
def _asking() -> Iterator[None]:
    """Where Stripe does not answer, nobody knows whether it left."""
    try:
        yield
    except ProviderTimeout as error:
        raise PayoutTimeout("Stripe does not answer") from error


def _account_of(payout: Payout) -> StripeAccount | None:
    """Whom it was approved to: the account that its details name."""
    return StripeAccount.objects.filter(user=payout.payee_id, reference=details_of(payout.account)["account"]).first()


def _refused(code: str, *, is_new: bool) -> PayoutOutcome:
    """A transfer that Stripe does not take has failed, unless there may be an earlier one."""
    if not is_new:
        raise PayoutTimeout(f"Stripe answers {code} to a repeat")
    return PayoutOutcome(Payout.State.FAILED, failure_code=code)


def _on_to_the_bank(payout: Payout, account: StripeAccount, sent: TransferOutcome) -> PayoutOutcome:
    """What is at their account goes on to their bank, once; and what became of it."""
    if sent.is_reversed:
        return _reversed(sent)
    key, amount, currency = str(payout.pk), payout.sent_amount, payout.currency
    found = retrieve_bank_payout(account, key=key)
    # Stripe gives the same refusal again under the same key, so that each day has one. What was lost is found above.
    found = found or pay_to_bank(account, amount=amount, currency=currency, key=key, on=clock.now().date())
    if found.state == "paid":
        return PayoutOutcome(Payout.State.DONE, sent.reference)
    if found.state not in CAME_BACK or found.failure_code == NOT_YET:
        return PayoutOutcome(Payout.State.SENT, sent.reference)
    return _taken_back(payout, sent, found.failure_code)


def _reversed(sent: TransferOutcome) -> PayoutOutcome:
    return PayoutOutcome(Payout.State.FAILED, sent.reference, failure_code="reversed")


def _taken_back(payout: Payout, sent: TransferOutcome, why: str) -> PayoutOutcome:
    """Their bank did not take it: it is ours again before it is their balance's here, so that nobody has it twice."""
    assert sent.reference
    back = reverse(sent.reference, amount=payout.sent_amount, currency=payout.currency, key=str(payout.pk))
    if back.reference is None:
        # It stays on its way: where it is now, an admin has to find out at Stripe.
        log.error("stripe_keeps_a_payout", payout_id=str(payout.pk), code=back.failure_code)
        return PayoutOutcome(Payout.State.SENT, sent.reference)
    return PayoutOutcome(Payout.State.FAILED, sent.reference, failure_code=why or "returned")
