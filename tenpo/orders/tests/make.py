"""Policies, sponsorships and credit for tests."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.actions.policies import ShareTerms
from tenpo.orders.actions.sponsorships import Budget, add_sponsored_people, create_sponsorship
from tenpo.orders.cancelling import Window
from tenpo.orders.models import CancellationPolicy, SharePolicy
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.payments.models import Payment
from tenpo.people.models import User
from tenpo.people.tests.make import make_member

_numbers = count(1)


def make_cancellation_policy(*windows: tuple[int, int] | tuple[int, int, str], **rules: int) -> CancellationPolicy:
    """Windows as (hours before, percent back, perhaps where to); without any: all until 48 hours, half until 24."""
    rows = windows or ((48, 100), (24, 50), (0, 0))
    return CancellationPolicy.objects.create(
        name=f"Policy {next(_numbers)}", windows=[Window(*row).stored() for row in rows], **rules
    )


def make_share_policy(
    *,
    percent: int | None = None,
    amount: int | None = None,
    cap: int | None = None,
    coach: User | None = None,
    active_from: datetime | None = None,
    active_until: datetime | None = None,
) -> SharePolicy:
    return SharePolicy.objects.create(
        name=f"Share {next(_numbers)}",
        percent=percent,
        amount=amount,
        cap=cap,
        coach=coach,
        currency="EUR",
        active_from=active_from or timezone.now() - timedelta(days=1),
        active_until=active_until,
    )


def make_sponsorship(
    *people: User,
    sponsor: User | None = None,
    name: str = "",
    percent: int | None = None,
    amount: int | None = None,
    cap: int | None = None,
    pot: int | None = None,
    per_person: int | None = None,
    kinds: Sequence[str] = (),
    active_until: datetime | None = None,
) -> Sponsorship:
    """A sponsorship that began, of these people; without terms it pays everything."""
    sponsorship = create_sponsorship(
        sponsor=sponsor or make_member(), name=name or f"Employer {next(_numbers)}",
        terms=ShareTerms(percent=percent or (None if amount else 100), amount=amount, cap=cap),
        budget=Budget(pot, per_person), kinds=kinds, active_until=active_until, by=None,
    )  # fmt: skip
    if people:
        add_sponsored_people(sponsorship, [person.email for person in people], by=None)
    return sponsorship


def make_credit(owner: User, amount: int, *, expires_in_days: int | None = 365) -> Account:
    """A credit as a cancellation gives it, with the payment that it comes from."""
    payment = Payment.objects.create(
        payer=owner, provider="sandbox", amount=amount, currency="EUR", description="An earlier session",
        state=Payment.State.SUCCEEDED, paid_at=timezone.now(), reference=f"ref-{next(_numbers)}",
    )  # fmt: skip
    expires_at = timezone.now() + timedelta(days=expires_in_days) if expires_in_days is not None else None
    pot = Pot(Account.Kind.CREDIT, "EUR", owner.pk, payment.pk, expires_at=expires_at)
    sales, provider = Pot(Account.Kind.SALES, "EUR"), Pot(Account.Kind.PROVIDER, "EUR", name="sandbox")
    with transaction.atomic():
        post_transfers(
            [
                Posting(Transfer.Kind.PAYMENT, provider, sales, amount, f"payment:{payment.pk}", payment.pk),
                Posting(Transfer.Kind.CREDIT_ISSUE, sales, pot, amount, f"issue:{payment.pk}", payment.pk),
            ]
        )
    return Account.objects.get(kind=Account.Kind.CREDIT, source_id=payment.pk)


def credit_left(owner: User) -> int:
    """All of a person's credit, in minor units."""
    return sum(account.balance or 0 for account in Account.objects.credits_of(owner))


def ledger_sum(kind: Account.Kind, name: str = "") -> int:
    """Credits less debits of the business's accounts of one kind."""
    ids: list[UUID] = list(Account.objects.filter(kind=kind, name=name).values_list("pk", flat=True))
    transfers = Transfer.objects.all()
    plus = sum(transfers.filter(credit__in=ids).values_list("amount", flat=True))
    return plus - sum(transfers.filter(debit__in=ids).values_list("amount", flat=True))
