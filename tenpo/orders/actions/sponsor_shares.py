"""What sponsors' budgets give for a sale, and what comes back to them.

A budget is locked after lines, before the people whom it funds, several by their ids, and all of them before splits and
ledger accounts. Who gives back more than once locks them after all lines and splits (`returned_together`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.ledger.actions import Posting, Pot
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.models import Line
from tenpo.orders.queries import Quote
from tenpo.orders.sponsor_models import SponsoredPerson, Sponsorship

# From so much of a budget on its sponsor is told that it is nearly used.
NEARLY_USED_PERCENT = 80

# The pot first, which holds up whoever else takes from it; then the person's part. Both or, for the transaction that is
# refused then, none.
_TAKE = """
    WITH pot AS (
        UPDATE orders_sponsorship SET spent = spent + %(amount)s
        WHERE id = %(sponsorship)s AND (pot IS NULL OR spent + %(amount)s <= pot)
          AND active_from <= %(now)s AND (active_until IS NULL OR active_until > %(now)s)
        RETURNING id, pot, spent)
    UPDATE orders_sponsoredperson p SET spent = p.spent + %(amount)s FROM pot
    WHERE p.id = %(person)s AND p.sponsorship_id = pot.id AND p.removed_at IS NULL
      AND (p.most IS NULL OR p.spent + %(amount)s <= p.most)
    RETURNING pot.pot, pot.spent
"""

_RETURN = """
    WITH back AS (
        SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) b (sponsorship_id, user_id, amount)
    ), locked AS MATERIALIZED (
        SELECT id FROM orders_sponsorship WHERE id IN (SELECT sponsorship_id FROM back) ORDER BY id FOR NO KEY UPDATE
    ), pots AS (
        UPDATE orders_sponsorship s SET spent = s.spent - b.amount
        FROM (SELECT sponsorship_id, sum(amount)::bigint AS amount FROM back GROUP BY sponsorship_id) b
        JOIN locked ON locked.id = b.sponsorship_id
        WHERE s.id = b.sponsorship_id)
    UPDATE orders_sponsoredperson p SET spent = p.spent - b.amount
    FROM (SELECT sponsorship_id, user_id, sum(amount)::bigint AS amount FROM back GROUP BY sponsorship_id, user_id) b
    JOIN locked ON locked.id = b.sponsorship_id
    WHERE p.sponsorship_id = b.sponsorship_id AND p.user_id = b.user_id
"""

type Event = tuple[str, Model, Mapping[str, Any]]
type Back = tuple[UUID, UUID, int]

_waiting: ContextVar[list[Back] | None] = ContextVar("returns that wait", default=None)


def take_from_budget(found: Sequence[Quote]) -> list[Event]:
    """Take a sponsor's share of each price from their budget, before it is ordered; what there is to tell of it.

    One statement for each budget, none without a sponsor. What the prices counted on may be gone meanwhile, or the
    sponsorship over: raises RuleError sponsor_spent, and the price is another one.
    """
    shares: dict[UUID, tuple[SponsoredPerson, int]] = {}
    for one in found:
        if one.sponsored is not None:
            _person, before = shares.get(one.sponsored.pk, (None, 0))
            shares[one.sponsored.pk] = (one.sponsored, before + one.sponsor_share)
    in_turn = sorted(shares.values(), key=lambda share: share[0].sponsorship_id)
    return [news for person, amount in in_turn for news in _take(person, amount)]


def _take(person: SponsoredPerson, amount: int) -> list[Event]:
    values: dict[str, Any] = {
        "amount": amount,
        "sponsorship": person.sponsorship_id,
        "person": person.pk,
        "now": clock.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        taken = cursor.fetchone()
    if taken is None:
        raise RuleError("sponsor_spent", _("What a sponsor pays has changed. Please look at the price again."))
    pot, spent = taken
    return _news(person.sponsorship, pot=pot, before=spent - amount, after=spent) if pot is not None else []


def _news(sponsorship: Sponsorship, *, pot: int, before: int, after: int) -> list[Event]:
    """Whether a budget is nearly used now, or used up, and was not before."""
    facts = {"pot": pot, "left": pot - after}
    if after == pot:
        return [("sponsorship.used_up", sponsorship, facts)]
    nearly = pot * NEARLY_USED_PERCENT
    return [("sponsorship.nearly_used", sponsorship, facts)] if before * 100 < nearly <= after * 100 else []


@contextmanager
def returned_together() -> Iterator[None]:
    """What is returned inside is returned as one in the end, so that all its budgets are locked in the one order.

    Two transactions that return twice could each hold the budget that the other wants next, or wait for a line whose
    refund waits for the budget. Inside another one, it is part of that.
    """
    if _waiting.get() is not None:
        yield
        return
    back: list[Back] = []
    token = _waiting.set(back)
    try:
        yield
    finally:
        _waiting.reset(token)
    _return(back)


def return_to_budgets(given: Sequence[tuple[Line, int]]) -> None:
    """So much of what each line took from a sponsor's budget (minor units) is there again. One statement, or none."""
    back = [
        (line.sponsorship_id, line.order.buyer_id, amount) for line, amount in given if line.sponsorship_id and amount
    ]
    if (waiting := _waiting.get()) is not None:
        waiting.extend(back)
    else:
        _return(back)


def _return(back: Sequence[Back]) -> None:
    if not back:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RETURN, [list(column) for column in zip(*back, strict=True)])


def sponsor_pot(sponsorship: Sponsorship) -> Pot:
    """The account of what a sponsor owes for one budget."""
    return Pot(Account.Kind.SPONSOR, sponsorship.currency, sponsorship.sponsor_id, sponsorship.pk)


def sponsor_postings(line: Line) -> list[Posting]:
    """A line is paid: what its sponsor owes for it."""
    if line.sponsorship is None or not line.sponsor_share:
        return []
    sales = Pot(Account.Kind.SALES, line.order.currency)
    kind, amount = Transfer.Kind.SPONSOR_SHARE, line.sponsor_share
    return [Posting(kind, sponsor_pot(line.sponsorship), sales, amount, f"line:{line.pk}:sponsor", line.pk)]


def sponsors_of(lines: Sequence[Line]) -> dict[UUID, Sponsorship]:
    """The budgets of these lines by their ids, with one statement, or none."""
    ids = {line.sponsorship_id for line in lines if line.sponsorship_id}
    return Sponsorship.objects.in_bulk(ids) if ids else {}
