"""What a price comes to for somebody now."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from tenpo.core import clock
from tenpo.core.compiled import Compiled, Param
from tenpo.core.inserts import fresh_ids
from tenpo.ledger.models import Account
from tenpo.orders.models import SharePolicy
from tenpo.orders.policies import company_share
from tenpo.people.models import User

# What decides the company's share.
TERMS = ("id", "percent", "amount", "cap", "currency")
CREDIT = ("id", "kind", "owner_id", "currency", "source_id", "name", "expires_at", "balance")
# Order and line, what is bought, and its payment.
IDS = 4


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
    ids: list[UUID] = field(default_factory=list)


def quote(*, price: int, currency: str, coach_id: UUID, buyer: User, at: datetime | None = None) -> Quote:
    """What `buyer` would pay for `price`: the company's share by the policy in force, then credits, then themselves.

    A coach's own policy goes before the one for everybody. One statement, which also brings the ids that an order of it
    will have.
    """
    values = {"buyer": buyer.pk, "currency": currency, "coach": coach_id, "now": at or clock.now()}
    [(terms, left, ids)] = _TERMS_AND_CREDITS(**values)
    policy = SharePolicy(**{**terms, "id": UUID(terms["id"])}) if terms else None
    found = split_price(price=price, currency=currency, policy=policy, credits=[_account(credit) for credit in left])
    return replace(found, ids=ids)


def _terms_and_credits() -> Any:
    currency, now = cast("str", Param("currency")), cast("datetime", Param("now"))
    policies = policies_in_force(currency=currency, coach_id=cast("UUID", Param("coach")), at=now)
    credits = spendable_credits(cast("User", Param("buyer")), currency, now)
    return User.objects.filter(pk=Param("buyer")).values_list(
        Subquery(policies.values(terms=JSONObject(**{name: name for name in TERMS}))[:1]),
        ArraySubquery(credits.values(credit=JSONObject(**{name: name for name in CREDIT}))),
        fresh_ids(IDS),
    )


_TERMS_AND_CREDITS = Compiled(_terms_and_credits)


def _account(credit: dict[str, Any]) -> Account:
    """An account as JSON has it."""
    ids = {name: UUID(credit[name]) for name in ("id", "owner_id", "source_id")}
    expires_at = datetime.fromisoformat(credit["expires_at"]) if credit["expires_at"] else None
    return Account(**{**credit, **ids, "expires_at": expires_at})


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
