"""Earnings that are asked for by themselves, every week or month."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.jobs import each_by_itself
from tenpo.ledger.models import Account
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.queries import earned_since, payable, payout_terms

log = structlog.get_logger()


def ask_for_due_payouts() -> int:
    """Ask for what everybody earned before this week or month began, where they are paid out by themselves.

    It may be called as often as one likes: what was asked for is held, and is not there a second time. What was, and
    did not leave or came back, waits for the next week or month, or until its payee asks. One that goes wrong keeps no
    other waiting.
    """
    terms, business = payout_terms(), current_business()
    begins_at = period_begins_at(terms, clock.now(), ZoneInfo(business.time_zone))
    if begins_at is None:
        return 0
    earning = Account.objects.filter(
        kind=Account.Kind.EARNINGS, currency=business.currency, balance__gte=terms.minimum, owner__disabled_at=None
    )
    waiting = PayoutAccount.objects.live().filter(is_default=True, usable_from__lte=clock.now())
    waiting = waiting.filter(~Exists(given_back_since(begins_at).filter(payee=OuterRef("owner"))))
    accounts = waiting.filter(owner__in=earning.values("owner")).select_related("owner").order_by("id")
    return sum(each_by_itself(accounts, lambda one: _ask_for(one, terms, begins_at), failure="payout_not_asked"))


def given_back_since(begins_at: datetime) -> QuerySet[Payout]:
    """What was asked for by itself, and was taken back, rejected or did not arrive since a week or a month began."""
    return Payout.objects.filter(is_automatic=True, state__in=Payout.WENT_BACK, ended_at__gte=begins_at)


def period_begins_at(terms: PayoutTerms, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the week or the month began in which it is `now`; None where nothing is paid out by itself."""
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if terms.schedule == PayoutTerms.Schedule.WEEKLY:
        return today - timedelta(days=today.weekday())
    if terms.schedule == PayoutTerms.Schedule.MONTHLY:
        return today.replace(day=1)
    return None


def next_period_at(terms: PayoutTerms, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the next week or month begins, and what was earned until then is asked for; None as above."""
    began = period_begins_at(terms, now, zone)
    # So long after a week or a month began it is the next one.
    days = 8 if terms.schedule == PayoutTerms.Schedule.WEEKLY else 32
    return began and period_begins_at(terms, began + timedelta(days=days), zone)


def _ask_for(account: PayoutAccount, terms: PayoutTerms, begins_at: datetime) -> bool:
    there = payable(account.owner, Payout.Source.EARNINGS, current_business().currency)
    amount = min(there.left, there.balance - earned_since(account.owner, there.currency, begins_at))
    if amount < terms.minimum:
        return False
    try:
        ask_for_payout(account, source=Payout.Source.EARNINGS, amount=amount, by=None)
    except RuleError as refusal:
        # Less is there than a moment ago, or something of theirs changed: the next run looks again.
        log.info("payout_not_asked", account_id=str(account.pk), code=refusal.code)
        return False
    except PermissionDenied:
        log.info("payout_not_asked", account_id=str(account.pk), code="payee_disabled")
        return False
    return True
