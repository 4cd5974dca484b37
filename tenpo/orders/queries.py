"""What a price comes to for somebody now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from tenpo.core import clock
from tenpo.ledger.models import Account
from tenpo.orders.models import SharePolicy
from tenpo.orders.policies import company_share
from tenpo.people.models import User

# What decides the company's share.
TERMS = ("id", "percent", "amount", "cap", "currency")


@dataclass(frozen=True)
class Quote:
    """Who pays which part of a price (minor units); `spends` says how much of which credit."""

    price: int
    currency: str
    company_share: int
    credit_spent: int
    own_share: int
    policy: SharePolicy | None = None
    spends: list[tuple[Account, int]] = field(default_factory=list)


def quote(*, price: int, currency: str, coach_id: UUID, buyer: User, at: datetime | None = None) -> Quote:
    """What `buyer` would pay for `price`: the company's share by the policy in force, then credits, then themselves.

    A coach's own policy goes before the one for everybody. Two statements, or one for a buyer with credit: the policy's
    terms come along with it, because setting credit aside takes a statement more.
    """
    now = at or clock.now()
    policies = policies_in_force(currency=currency, coach_id=coach_id, at=now)
    terms = policies.values(terms=JSONObject(**{name: name for name in TERMS}))[:1]
    credits = list(spendable_credits(buyer, currency, now).annotate(terms=Subquery(terms)))
    if credits:
        policy = SharePolicy(**credits[0].terms) if credits[0].terms else None
    else:
        policy = policies.first() if price else None
    return split_price(price=price, currency=currency, policy=policy, credits=credits)


def policies_in_force(*, currency: str, coach_id: UUID, at: datetime) -> QuerySet[SharePolicy]:
    """The share policies that hold for this coach's sessions at a time; the first one decides."""
    candidates = SharePolicy.objects.in_force(at).filter(Q(coach=coach_id) | Q(coach=None), currency=currency)
    return candidates.order_by(F("coach").asc(nulls_last=True))


def spendable_credits(owner: User, currency: str, at: datetime) -> QuerySet[Account]:
    """The owner's credits that still hold something, in the order in which they are spent."""
    left = Account.objects.credits_of(owner).filter(currency=currency, balance__gt=0)
    return left.filter(Q(expires_at=None) | Q(expires_at__gt=at))


def split_price(*, price: int, currency: str, policy: SharePolicy | None, credits: Sequence[Account]) -> Quote:
    """Divide a price between company, credits and buyer. Pure."""
    company = company_share(policy, price)
    rest = price - company
    spends = []
    for account in credits:
        spent = min(rest, account.balance or 0)
        if spent:
            spends.append((account, spent))
            rest -= spent
    return Quote(
        price=price,
        currency=currency,
        company_share=company,
        credit_spent=price - company - rest,
        own_share=rest,
        policy=policy if company else None,
        spends=spends,
    )
