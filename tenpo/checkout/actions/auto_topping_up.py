"""Filling a wallet by itself when little is left in it: one top-up at a time, whatever became of its answer."""

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from tenpo.audit.actions import record
from tenpo.checkout.actions.settling import charge
from tenpo.checkout.actions.topping_up import describe_top_up, held_with_coming
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.days import day_here, midnight
from tenpo.core.jobs import each_by_itself
from tenpo.core.models import Business
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.payments.actions.auto_top_ups import METHOD_REMOVED, note_failure, tell_if_low
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers import offered_providers
from tenpo.payments.queries import manual_providers, wallets_to_look_after
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.actions.visits import lock_user
from tenpo.people.models import User


def look_after_wallets() -> int:
    """Look after every wallet that wants something; returns how many. One that goes wrong keeps no other waiting."""
    owners = wallets_to_look_after()
    each_by_itself(owners, look_after_wallet, failure="wallet_not_looked_after")
    return len(owners)


def look_after_wallet(owner: User) -> Payment | None:
    """Fill somebody's wallet if it is low and they wished so; tell them if it stays low. Returns what was begun."""
    payment = top_up_if_low(owner)
    tell_if_low(owner)
    return payment


def top_up_if_low(owner: User) -> Payment | None:
    """Begin the top-up that somebody wished for when little is left in their wallet; None when none is due.

    Nothing begins while one is under way, its outcome unknown, or waiting after a failure; and never more on one day
    of the business's than its owner allows, with what came on it (`paid_in_today`).
    """
    payment = _begin(owner)
    return payment and charge(payment, str(payment.saved_method_id), is_automatic=True)


@transaction.atomic
def _begin(owner: User) -> Payment | None:
    # Who triggers it at the same moment waits here, and then sees what the first one began.
    owner, business = lock_user(owner), current_business()
    rows = AutoTopUp.objects.select_for_update(no_key=True, of=("self",)).select_related("method")
    wish = rows.filter(user=owner, is_on=True, currency=business.currency).first()
    if wish is None or wish.method is None or wish.is_paused or owner.disabled_at is not None:
        return None
    if Payment.objects.open().filter(payer=owner, is_automatic=True).exists():
        return None
    amount = _amount_due(wish, owner, business)
    if not amount:
        return None
    if code := _why_not(wish.method):
        note_failure(wish, code)
        return None
    payment = Payment(
        payer=owner, purpose=Payment.Purpose.TOP_UP, is_automatic=True, provider=wish.method.provider, amount=amount,
        currency=business.currency, saved_method=wish.method, description=describe_top_up(),
    )  # fmt: skip
    payment.save(force_insert=True)
    after = {"amount": amount, "provider": payment.provider, "is_automatic": True}
    record("wallet.top_up_started", by=None, on=payment, after=after)
    return payment


def _amount_due(wish: AutoTopUp, owner: User, business: Business) -> int:
    """How much is to be paid in now, in minor units; 0: nothing, or no more today.

    What is on its way by itself counts as there; of what an admin marks, nobody knows when it comes.
    """
    under_way = Payment.objects.open().filter(payer=owner, purpose=Payment.Purpose.TOP_UP, currency=wish.currency)
    # Read before the balance: money that arrives between the two counts twice, and not never.
    room = business.wallet_most - held_with_coming(owner, wish.currency)
    coming = _sum_of(under_way.exclude(provider__in=manual_providers()))
    left = sum(balance_of(owner, wish.currency, WALLET).values())
    if left + coming >= wish.threshold:
        return 0
    most = min(room, business.top_up_most, wish.daily_cap - paid_in_today(owner))
    if wish.kind == AutoTopUp.Kind.FIXED:
        return wish.amount if business.top_up_least <= wish.amount <= most else 0
    up_to_target = min(wish.amount - left - coming, most)
    return up_to_target if up_to_target >= business.top_up_least else 0


def paid_in_today(owner: User) -> int:
    """What was paid into somebody's wallet by itself since the business's midnight, or is on its way (minor units).

    What began before midnight and came after it counts on both days. So does what was given up, which left the day its
    room, and came after all: it is kept, even where the day has more than its cap then, and nothing else begins.
    """
    by_itself, today = Payment.objects.filter(payer=owner, is_automatic=True), midnight(day_here())
    of_today = by_itself.filter(Q(created_at__gte=today) | Q(paid_at__gte=today))
    return _sum_of(of_today.exclude(state__in=[Payment.State.FAILED, Payment.State.CANCELLED]))


def _why_not(method: PaymentMethod) -> str:
    """Why this cannot be charged, which the provider need not be asked for; empty when it can."""
    if method.state != PaymentMethod.State.READY:
        return METHOD_REMOVED
    if method.is_expired(clock.now()):
        return "expired_card"
    return "" if method.provider in offered_providers() else "not_offered"


def _sum_of(payments: QuerySet[Payment]) -> int:
    return payments.aggregate(sum=Sum("amount"))["sum"] or 0
