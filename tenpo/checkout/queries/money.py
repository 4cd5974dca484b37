"""Money with what caused it: credits and their source, statements and their bookings, payments and their transfers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import WALLET, balance_of, statement
from tenpo.orders.models import Line
from tenpo.payments.models import Dispute, Grant, Payment, Refund
from tenpo.payments.queries import auto_top_up_of
from tenpo.payments.words import say_failure
from tenpo.people.models import User

CAUSES = {
    Transfer.Kind.COMPANY_SHARE: lambda what: _("Company share of %(what)s") % {"what": what},
    Transfer.Kind.COMPANY_RELEASE: lambda what: _("Company share of %(what)s, released") % {"what": what},
    Transfer.Kind.PAYMENT: lambda what: _("Payment for %(what)s") % {"what": what},
    Transfer.Kind.FEE: lambda what: _("Provider’s fee for %(what)s") % {"what": what},
    Transfer.Kind.FEE_BACK: lambda what: _("Provider’s fee for %(what)s, came back") % {"what": what},
    Transfer.Kind.CREDIT_RESERVE: lambda what: _("Set aside for %(what)s") % {"what": what},
    Transfer.Kind.CREDIT_UNRESERVE: lambda what: _("Not needed for %(what)s") % {"what": what},
    Transfer.Kind.CREDIT_SPEND: lambda what: _("Spent on %(what)s") % {"what": what},
    Transfer.Kind.CREDIT_ISSUE: lambda what: _("Cancelled: %(what)s") % {"what": what},
    Transfer.Kind.CREDIT_RESTORE: lambda what: _("Cancelled: %(what)s") % {"what": what},
    Transfer.Kind.CREDIT_BACK: lambda what: _("Refund of %(what)s") % {"what": what},
    Transfer.Kind.TOP_UP: lambda what: _("Top-up"),
    Transfer.Kind.GRANT: lambda what: _("Given: %(what)s") % {"what": what},
    Transfer.Kind.GRANT_BACK: lambda what: _("Taken back: %(what)s") % {"what": what},
    Transfer.Kind.WALLET_RESERVE: lambda what: _("Set aside for %(what)s") % {"what": what},
    Transfer.Kind.WALLET_UNRESERVE: lambda what: _("Not needed for %(what)s") % {"what": what},
    Transfer.Kind.WALLET_SPEND: lambda what: _("Spent on %(what)s") % {"what": what},
    Transfer.Kind.WALLET_RESTORE: lambda what: _("Given back: %(what)s") % {"what": what},
    Transfer.Kind.WALLET_REFUND: lambda what: _("Refund of %(what)s") % {"what": what},
    Transfer.Kind.REFUND_HOLD: lambda what: _("Refund of %(what)s, set aside") % {"what": what},
    Transfer.Kind.REFUND_RELEASE: lambda what: _("Refund of %(what)s, not sent") % {"what": what},
    Transfer.Kind.REFUND: lambda what: _("Refund of %(what)s") % {"what": what},
    Transfer.Kind.REFUND_BACK: lambda what: _("Refund of %(what)s, came back") % {"what": what},
    Transfer.Kind.DISPUTE: lambda what: _("Taken back by the bank: %(what)s") % {"what": what},
    Transfer.Kind.DISPUTE_BACK: lambda what: _("Returned by the bank: %(what)s") % {"what": what},
    Transfer.Kind.DISPUTE_LOSS: lambda what: _("Kept by the bank: %(what)s") % {"what": what},
    Transfer.Kind.DISPUTE_GAIN: lambda what: _("Returned by the bank after all: %(what)s") % {"what": what},
    Transfer.Kind.EARNING: lambda what: _("Earned by %(what)s") % {"what": what},
    Transfer.Kind.EARNING_BACK: lambda what: _("Refunded: %(what)s") % {"what": what},
    Transfer.Kind.CLAWBACK: lambda what: _("Refunded after it was paid out: %(what)s") % {"what": what},
    Transfer.Kind.CLAWBACK_SETTLE: lambda what: _("Given back for refunds"),
    Transfer.Kind.PAYOUT_HOLD: lambda what: _("Set aside for a payout"),
    Transfer.Kind.PAYOUT_RELEASE: lambda what: _("Payout, on the balance again"),
    Transfer.Kind.PAYOUT: lambda what: _("Payout"),
    Transfer.Kind.PAYOUT_FEE: lambda what: _("Payout fee"),
    Transfer.Kind.PAYOUT_BACK: lambda what: _("Payout that came back"),
    Transfer.Kind.SPONSOR_SHARE: lambda what: _("Sponsor’s share of %(what)s") % {"what": what},
    Transfer.Kind.SPONSOR_RELEASE: lambda what: _("Sponsor’s share of %(what)s, released") % {"what": what},
    Transfer.Kind.SPONSOR_PAID: lambda what: _("Paid by the sponsor"),
}


@dataclass(frozen=True)
class Cause:
    """What a transfer came from: in words, and the order that shows it."""

    words: str
    order_id: UUID | None
    is_late_payment: bool = False


@dataclass(frozen=True)
class CreditLeft:
    """One credit: what is left of what it was, where it comes from, until when it can be spent."""

    account: Account
    given: int
    source: Payment | None
    is_lapsed: bool


def causes_of(transfers: Iterable[Transfer]) -> dict[UUID, Cause]:
    """What caused each transfer, by its id. Five statements, however many."""
    transfers = list(transfers)
    subjects = {transfer.subject_id for transfer in transfers}
    lines = {line.pk: line for line in Line.objects.filter(pk__in=subjects)}
    payments = Payment.objects.in_bulk(subjects - set(lines))
    disputes = Dispute.objects.select_related("payment").filter(pk__in=subjects - set(lines) - set(payments))
    payments |= {dispute.pk: dispute.payment for dispute in disputes}
    grants = Grant.objects.in_bulk(subjects - set(lines) - set(payments))
    refunds = Refund.objects.in_bulk(subjects - set(lines) - set(payments) - set(grants))
    return {transfer.pk: _cause(transfer, lines, payments, grants, refunds) for transfer in transfers}


def _cause(
    transfer: Transfer,
    lines: dict[UUID, Line],
    payments: dict[UUID, Payment],
    grants: dict[UUID, Grant],
    refunds: dict[UUID, Refund],
) -> Cause:
    kind = Transfer.Kind(transfer.kind)
    if refund := refunds.get(transfer.subject_id):
        return Cause(CAUSES[kind](refund.description), None)
    if line := lines.get(transfer.subject_id):
        if kind in (Transfer.Kind.CREDIT_ISSUE, Transfer.Kind.CREDIT_RESTORE) and ":refund:" in transfer.key:
            return Cause(_("Refund of %(what)s") % {"what": line.description}, line.order_id)
        return Cause(CAUSES[kind](line.description), line.order_id)
    if grant := grants.get(transfer.subject_id):
        return Cause(CAUSES[kind](grant.reason), None)
    payment = payments.get(transfer.subject_id)
    what = payment.said_description if payment else _("an earlier payment")
    if kind == Transfer.Kind.CREDIT_ISSUE:
        return Cause(_("Paid too late for %(what)s") % {"what": what}, None, is_late_payment=True)
    return Cause(CAUSES[kind](what), None)


def credits_of(owner: User, *, now: datetime | None = None) -> list[CreditLeft]:
    """A person's credits in the order in which they are spent, used-up ones last. Three statements."""
    now = now or clock.now()
    accounts = list(Account.objects.credits_of(owner))
    given = dict.fromkeys((account.pk for account in accounts), 0)
    for account_id, amount in Transfer.objects.filter(credit__in=accounts, kind=Transfer.Kind.CREDIT_ISSUE).values_list(
        "credit", "amount"
    ):
        given[account_id] += amount
    sources = Payment.objects.in_bulk({account.source_id for account in accounts})
    found = [
        CreditLeft(
            account=account,
            given=given[account.pk] or account.balance or 0,
            source=sources.get(account.source_id) if account.source_id else None,
            is_lapsed=account.expires_at is not None and account.expires_at <= now,
        )
        for account in accounts
    ]
    return sorted(found, key=lambda credit: (credit.is_lapsed, not credit.account.balance))


def spendable(credits: Sequence[CreditLeft]) -> int:
    """What can be spent now, in minor units."""
    return sum(credit.account.balance or 0 for credit in credits if not credit.is_lapsed)


def auto_top_up_context(owner: User) -> dict[str, Any]:
    """How somebody's wallet is filled by itself, and why it was not, as pages show it."""
    settings = auto_top_up_of(owner)
    return {
        "auto_top_up": settings,
        "fill_failure": say_failure(settings.failure_code) if settings.failure_code else "",
    }


def wallet_context(owner: User, currency: str, *, only: Q | None = None, cursor: str | None = None) -> dict[str, Any]:
    """What is in somebody's wallet, what moved and by what, and how it is filled by itself, as pages show it.

    Raises ValidationError for a cursor that we did not make.
    """
    rows, next_cursor = statement(owner, currency, of=WALLET, only=only, cursor=cursor)
    causes = causes_of(row.transfer for row in rows)
    balances = balance_of(owner, currency, WALLET)
    return {
        **auto_top_up_context(owner),
        "rows": [(row, causes[row.transfer.pk]) for row in rows],
        "next_cursor": next_cursor,
        "currency": currency,
        "bought": balances[Account.Kind.WALLET],
        "granted": balances[Account.Kind.GRANTED],
    }


def transfers_of_payment(payment: Payment) -> list[Transfer]:
    """What a payment moved in the ledger, and what moved for the line that it paid."""
    lines = (
        list(Line.objects.filter(order_id=payment.order_id).values_list("pk", flat=True)) if payment.order_id else []
    )
    disputes = list(payment.disputes.values_list("pk", flat=True)) if payment.disputed_at else []
    about = (
        Q(subject_id__in=[payment.pk, *lines, *disputes])
        | Q(credit__source_id=payment.pk)
        | Q(debit__source_id=payment.pk)
    )
    return list(Transfer.objects.filter(about).select_related("debit__owner", "credit__owner").order_by("id"))
