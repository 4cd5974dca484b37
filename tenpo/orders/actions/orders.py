"""Orders and what they post to the ledger: placed, settled, voided.

Callers hold the locks on what is bought; orders come next, then sponsors' budgets, and ledger accounts last.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tenpo.core import clock
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.actions.giving_back import BACK_UNSPENT, issue_posting
from tenpo.orders.actions.sponsor_shares import return_to_budgets, sponsor_postings
from tenpo.orders.models import Line, Order
from tenpo.orders.queries import Quote
from tenpo.payments.actions.wallets import fee_postings
from tenpo.payments.models import Payment
from tenpo.people.models import User

# Crockford's base 32: no letter that is read as a digit.
NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_LENGTH = 10


@dataclass(frozen=True)
class Bought:
    """One thing that goes into an order: what it is, and its price; `is_split` where somebody else earns of it."""

    quote: Quote
    kind: Line.Kind
    subject_id: UUID
    description: str
    is_split: bool = False


def new_order(order_id: UUID, bought: Sequence[Bought], *, buyer: User) -> tuple[list[Line], list[Posting]]:
    """An order with a line for each thing, not written yet, and what is posted with it.

    `post_transfers` writes all of it at once. The lines have the ids of their quotes.

    With nothing left for the buyer to pay, the order is paid at once. Otherwise it is open, and what they own of it is
    set aside until `settle_lines` or `void_lines`.
    """
    is_paid = not any(thing.quote.own_share for thing in bought)
    order = Order(
        id=order_id,
        number="".join(secrets.choice(NUMBER_ALPHABET) for _ in range(NUMBER_LENGTH)),
        buyer=buyer,
        currency=bought[0].quote.currency,
        state=Order.State.PAID if is_paid else Order.State.OPEN,
        settled_at=clock.now() if is_paid else None,
    )
    lines, postings = [], []
    for thing in bought:
        quote = thing.quote
        line = Line(
            id=quote.ids[1], order=order, kind=thing.kind, subject_id=thing.subject_id, description=thing.description,
            price=quote.price, company_share=quote.company_share, credit_spent=quote.credit_spent,
            wallet_spent=quote.wallet_spent, own_share=quote.own_share, share_policy=quote.policy,
            is_split=thing.is_split, back_to=quote.back_to, sponsor_share=quote.sponsor_share,
            sponsorship=quote.sponsorship, split_rule=quote.split_rule,
        )  # fmt: skip
        lines.append(line)
        postings += _spend_postings(line, quote, into=Account.Kind.SALES if is_paid else Account.Kind.RESERVED)
        if is_paid:
            postings += _company_postings(line) + sponsor_postings(line)
    return lines, postings


def settle_lines(lines: Sequence[Line], payment: Payment) -> None:
    """The payment of an order came: post what company and sponsor pay, what was set aside, payment and fee.

    `lines` are all that it has; it is paid.
    """
    order = lines[0].order
    assert order.state == Order.State.OPEN, "an order is settled once"
    currency = order.currency
    sales = Pot(Account.Kind.SALES, currency)
    provider = Pot(Account.Kind.PROVIDER, currency, name=payment.provider)
    reserved = Pot(Account.Kind.RESERVED, currency)
    postings = []
    for line in lines:
        postings += _company_postings(line) + sponsor_postings(line)
        for kind, amount, key in (
            (Transfer.Kind.CREDIT_SPEND, line.credit_spent, "credit"),
            (Transfer.Kind.WALLET_SPEND, line.wallet_spent, "wallet"),
        ):
            if amount:
                postings.append(Posting(kind, reserved, sales, amount, f"line:{line.pk}:{key}", line.pk))
    paid = [line for line in lines if line.own_share]
    assert sum(line.own_share for line in paid) == payment.amount, "a payment is what its order's lines leave to pay"
    for number, line in enumerate(paid):
        # A payment has one transfer for each line that it pays; the first bears its plain key.
        key = f"payment:{payment.pk}:{line.pk}" if number else f"payment:{payment.pk}"
        postings.append(Posting(Transfer.Kind.PAYMENT, provider, sales, line.own_share, key, line.pk))
    postings += fee_postings(payment, subject_id=paid[0].pk)
    order.state = Order.State.PAID
    order.settled_at = clock.now()
    order.save(update_fields=["state", "settled_at"])
    post_transfers(postings)


def void_lines(lines: Sequence[Line]) -> None:
    """Orders are not completed: what was set aside goes back where it came from, a sponsor's share to its budget.

    All with four statements at most, and one posting, so that two who void many cannot wait for each other's accounts.
    """
    orders = {line.order_id: line.order for line in lines}
    assert all(order.state == Order.State.OPEN for order in orders.values()), "only an open order is voided"
    now = clock.now()
    for order in orders.values():
        order.state = Order.State.VOID
        order.settled_at = now
    Order.objects.filter(pk__in=orders).update(state=Order.State.VOID, settled_at=now)
    return_to_budgets([(line, line.sponsor_share) for line in lines])
    with_pots = [line.pk for line in lines if line.credit_spent or line.wallet_spent]
    if not with_pots:
        return
    taken = Transfer.objects.filter(subject_id__in=with_pots, kind__in=list(BACK_UNSPENT))
    post_transfers(
        [
            Posting(
                BACK_UNSPENT[Transfer.Kind(transfer.kind)], Pot(Account.Kind.RESERVED, transfer.currency),
                Pot.of(transfer.debit), transfer.amount, f"{transfer.key}:back", transfer.subject_id,
                reverses_id=transfer.pk,
            )
            for transfer in taken.select_related("debit").order_by("id")
        ]
    )  # fmt: skip


def credit_payment(payment: Payment, *, now: datetime | None = None) -> None:
    """Turn a whole payment that bought nothing (it came after its seat was gone) into credit."""
    now = now or clock.now()
    sales = Pot(Account.Kind.SALES, payment.currency)
    provider = Pot(Account.Kind.PROVIDER, payment.currency, name=payment.provider)
    post_transfers(
        [
            Posting(Transfer.Kind.PAYMENT, provider, sales, payment.amount, f"payment:{payment.pk}", payment.pk),
            *fee_postings(payment, subject_id=payment.pk),
            issue_posting(payment, payment.amount, subject_id=payment.pk, now=now),
        ]
    )


def _company_postings(line: Line) -> list[Posting]:
    if not line.company_share:
        return []
    company = Pot(Account.Kind.COMPANY, line.order.currency)
    sales = Pot(Account.Kind.SALES, line.order.currency)
    return [
        Posting(Transfer.Kind.COMPANY_SHARE, company, sales, line.company_share, f"line:{line.pk}:company", line.pk)
    ]


def _spend_postings(line: Line, quote: Quote, *, into: Account.Kind) -> list[Posting]:
    kinds = Transfer.Kind
    credit, wallet = (
        (kinds.CREDIT_SPEND, kinds.WALLET_SPEND)
        if into == Account.Kind.SALES
        else (kinds.CREDIT_RESERVE, kinds.WALLET_RESERVE)
    )
    target = Pot(into, quote.currency)
    return [
        Posting(credit, Pot.of(account), target, amount, f"line:{line.pk}:credit:{account.pk}", line.pk)
        if account.kind == Account.Kind.CREDIT
        else Posting(wallet, Pot.of(account), target, amount, f"line:{line.pk}:wallet:{account.pk}", line.pk)
        for account, amount in quote.spends
    ]
