"""How a wallet is filled by itself: as its owner decided, and paused or switched off where that does not work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.jobs import defer
from tenpo.core.models import Business
from tenpo.core.money import MAX_AMOUNT, Money
from tenpo.core.outbox import publish
from tenpo.core.words import say_money
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.queries import auto_top_up_of, ready_methods
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.actions.visits import lock_signed_in, lock_user
from tenpo.people.models import User

# How long it waits when it did not work, once, twice, three times in a row. The next time switches it off.
WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
# What never got to the provider says nothing of the card: it waits, and is not counted.
NOT_THE_CARD = "never_started"
METHOD_REMOVED = "method_removed"
TOP_UP_REFUNDED = "top_up_refunded"
DISPUTED = "disputed"
# What a decision changes.
DECIDED = (
    "is_on", "threshold", "kind", "amount", "daily_cap", "method", "low_below", "low_since", "failed_times",
    "failure_code", "paused_until", "changed_at",
)  # fmt: skip


@dataclass(frozen=True)
class TopUpWish:
    """What somebody wants of their wallet, in minor units; see `AutoTopUp`. Without a method it is their usual one."""

    is_on: bool
    threshold: int
    kind: str
    amount: int
    daily_cap: int
    low_below: int | None = None
    method: PaymentMethod | None = None


def asks_for_more(now: AutoTopUp, wish: TopUpWish) -> bool:
    """Whether a card would be charged by itself that is not now, sooner, or with more. Pure."""
    if not wish.is_on:
        return False
    is_more = wish.threshold > now.threshold or wish.amount > now.amount or wish.daily_cap > now.daily_cap
    is_another = wish.kind != now.kind or (wish.method is not None and wish.method.pk != now.method_id)
    return not now.is_on or is_more or is_another


@transaction.atomic
def set_auto_top_up(
    user: User, wish: TopUpWish, *, may_ask_more: bool = True, by: User, visit: str | None = None
) -> AutoTopUp:
    """Decide how one's wallet is filled by itself, and below what one is told, as asked in `visit`.

    What charges a card more than now (`asks_for_more`) is for who `may_ask_more`: has just shown who they are. Raises
    ValidationError by field.
    """
    if by.pk != user.pk:
        raise PermissionDenied
    user = lock_signed_in(user, visit=visit)
    settings = _locked(user) or auto_top_up_of(user)
    if asks_for_more(settings, wish) and not may_ask_more:
        # It was less when they asked, and was changed meanwhile.
        raise PermissionDenied
    method = _method_for(user, settings, wish)
    _check(wish, method, current_business())
    before, was_on = _said(settings), settings.is_on
    if wish.is_on and (not was_on or method != settings.method):
        # Its owner has looked at it: what went wrong before is over.
        settings.failed_times, settings.failure_code, settings.paused_until = 0, "", None
    if not wish.is_on:
        settings.paused_until = None
    if wish.low_below != settings.low_below:
        # They see what is in it now, and are told when it falls.
        is_low = wish.low_below is not None and _left(settings) < wish.low_below
        settings.low_since = clock.now() if is_low else None
    for name in ("is_on", "threshold", "kind", "amount", "daily_cap", "low_below"):
        setattr(settings, name, getattr(wish, name))
    settings.method, settings.changed_at = method, clock.now()
    if settings._state.adding:
        settings.save(force_insert=True)
    else:
        settings.save(update_fields=DECIDED)
    if (after := _said(settings)) != before:
        record("auto_top_up.changed", by=by, on=settings, before=before, after=after)
    if settings.is_on and not was_on:
        look_after_wallet_soon(user)
    return settings


@transaction.atomic
def drop_auto_top_up(user: User, *, by: User) -> AutoTopUp:
    """Have one's wallet filled by nothing but oneself, and be told nothing of it. Again changes nothing."""
    if by.pk != user.pk:
        raise PermissionDenied
    user = lock_user(user)
    settings = _locked(user)
    if settings is None:
        return auto_top_up_of(user)
    before = _said(settings)
    settings.is_on, settings.method, settings.low_below, settings.low_since = False, None, None, None
    settings.paused_until, settings.failed_times, settings.failure_code = None, 0, ""
    settings.changed_at = clock.now()
    settings.save(update_fields=DECIDED)
    if (after := _said(settings)) != before:
        record("auto_top_up.changed", by=by, on=settings, before=before, after=after)
    return settings


def look_after_wallet_soon(user: User) -> None:
    """Money has left somebody's wallet: have the worker look whether it is low, if anything happens then."""
    if AutoTopUp.objects.watching().filter(user=user).exists():
        defer("checkout.look_after_wallet", user_id=str(user.pk))


def note_top_up(payment: Payment) -> None:
    """A top-up that began by itself has ended. Whoever changed the payment's state holds its row."""
    settings = AutoTopUp.objects.select_for_update(no_key=True).filter(user=payment.payer_id).first()
    if settings is None:
        return
    if payment.state == Payment.State.SUCCEEDED:
        if settings.failed_times or settings.failure_code:
            settings.failed_times, settings.failure_code, settings.paused_until = 0, "", None
            settings.save(update_fields=["failed_times", "failure_code", "paused_until"])
    else:
        note_failure(settings, payment.failure_code or "not_confirmed")


def note_failure(settings: AutoTopUp, code: str) -> None:
    """It did not work: wait, each time longer, and then switch it off. The caller holds the row."""
    settings.failure_code = code[:60]
    if not settings.is_on:
        settings.save(update_fields=["failure_code"])
        return
    if code == NOT_THE_CARD:
        settings.paused_until = clock.now() + WAITS[0]
        settings.save(update_fields=["failure_code", "paused_until"])
        return
    settings.failed_times += 1
    if settings.failed_times > len(WAITS):
        _switch_off(settings)
        return
    settings.paused_until = clock.now() + WAITS[settings.failed_times - 1]
    settings.save(update_fields=["failure_code", "failed_times", "paused_until"])
    after = {"failed_times": settings.failed_times, "failure_code": settings.failure_code}
    record("auto_top_up.paused", by=None, on=settings, after=after | {"paused_until": settings.paused_until})
    publish("auto_top_up.failed", subject=settings, code=settings.failure_code, again_at=settings.paused_until)


def leave_method(method: PaymentMethod) -> None:
    """A way to pay is removed: nothing is filled by it any more. The caller holds its owner's row."""
    settings = AutoTopUp.objects.select_for_update(no_key=True).filter(method=method).first()
    if settings is None:
        return
    settings.method = None
    if settings.is_on:
        settings.failure_code = METHOD_REMOVED
        _switch_off(settings, left=method)
    else:
        settings.save(update_fields=["method"])
        record("auto_top_up.changed", by=None, on=settings, before={"method": method.pk}, after={"method": None})


def stop_filling(user_id: UUID, code: str) -> None:
    """Money goes back to whoever's wallet it is: nothing fills it again by itself, with why.

    The caller holds the payment's row.
    """
    settings = AutoTopUp.objects.select_for_update(no_key=True).filter(user=user_id, is_on=True).first()
    if settings is not None:
        settings.failure_code = code
        _switch_off(settings)


@transaction.atomic
def tell_if_low(user: User) -> bool:
    """Tell somebody once that less is left in their wallet than they wished; again only after there was more.

    While it is being filled by itself nobody is told. Returns whether they were.
    """
    settings = AutoTopUp.objects.select_for_update(no_key=True).filter(user=user, low_below__isnull=False).first()
    if settings is None or settings.low_below is None:
        return False
    left = _left(settings)
    if left >= settings.low_below:
        if settings.low_since is not None:
            settings.low_since = None
            settings.save(update_fields=["low_since"])
        return False
    if settings.low_since is not None or Payment.objects.open().filter(payer=user, is_automatic=True).exists():
        return False
    settings.low_since = clock.now()
    settings.save(update_fields=["low_since"])
    publish("wallet.low", subject=settings, left=left, low_below=settings.low_below, currency=settings.currency)
    return True


def _switch_off(settings: AutoTopUp, *, left: PaymentMethod | None = None) -> None:
    """`left` is the method by which it was filled, where that is gone."""
    settings.is_on, settings.paused_until = False, None
    settings.save(update_fields=["is_on", "paused_until", "failure_code", "failed_times", "method"])
    before: dict[str, Any] = {"is_on": True}
    after: dict[str, Any] = {"is_on": False}
    if left is not None:
        before["method"], after["method"] = left.pk, None
    after |= {"failed_times": settings.failed_times, "failure_code": settings.failure_code}
    record("auto_top_up.switched_off", by=None, on=settings, before=before, after=after)
    publish("auto_top_up.switched_off", subject=settings, code=settings.failure_code, times=settings.failed_times)


def _method_for(user: User, settings: AutoTopUp, wish: TopUpWish) -> PaymentMethod | None:
    """What is charged: what was asked for, what it was, or what its owner pays with first."""
    ready = {method.pk: method for method in ready_methods(user)}
    if wish.method is not None:
        return ready.get(wish.method.pk)
    if settings.method_id in ready:
        return ready[settings.method_id]
    return next(iter(ready.values()), None) if wish.is_on else None


def _check(wish: TopUpWish, method: PaymentMethod | None, business: Business) -> None:
    """Raise ValidationError where a wish makes no sense, or is not what the business allows."""
    problems = _problems_of_amounts(wish)
    if wish.is_on:
        problems = _problems_with_business(wish, business) | problems
    if wish.is_on and (method is None or method.is_expired(clock.now())):
        problems["method"] = _("Choose a card that you keep here.")
    if problems:
        raise ValidationError(problems)


def _problems_of_amounts(wish: TopUpWish) -> dict[str, str]:
    """What the table would refuse."""
    problems: dict[str, str] = {}
    for name in ("threshold", "amount", "daily_cap", "low_below"):
        amount = getattr(wish, name)
        if amount is not None and not 0 < amount <= MAX_AMOUNT:
            problems[name] = _("An amount above zero.")
    if wish.kind not in AutoTopUp.Kind.values:
        problems["kind"] = _("Choose one of them.")
    elif wish.kind == AutoTopUp.Kind.TARGET and wish.amount <= wish.threshold:
        problems.setdefault("amount", _("It must be more than the amount below which it begins."))
    elif wish.kind == AutoTopUp.Kind.FIXED and wish.daily_cap < wish.amount:
        problems.setdefault("daily_cap", _("A day must have room for one top-up."))
    return problems


def _problems_with_business(wish: TopUpWish, business: Business) -> dict[str, str]:
    """What no top-up could be."""
    least, most, whole = (
        say_money(Money(amount, business.currency))
        for amount in (business.top_up_least, business.top_up_most, business.wallet_most)
    )
    problems: dict[str, str] = {}
    is_fixed = wish.kind == AutoTopUp.Kind.FIXED
    smallest = wish.amount if is_fixed else wish.amount - wish.threshold
    if smallest < business.top_up_least:
        problems["amount"] = _("Top up by at least %(amount)s.") % {"amount": least}
    elif is_fixed and wish.amount > business.top_up_most:
        problems["amount"] = _("Top up by at most %(amount)s at once.") % {"amount": most}
    elif (wish.threshold + wish.amount if is_fixed else wish.amount) > business.wallet_most:
        problems["amount"] = _("A wallet holds at most %(amount)s.") % {"amount": whole}
    if wish.daily_cap < business.top_up_least:
        problems["daily_cap"] = _("A day must have room for one top-up.")
    return problems


def _left(settings: AutoTopUp) -> int:
    return sum(balance_of(settings.user, settings.currency, WALLET).values())


def _locked(user: User) -> AutoTopUp | None:
    rows = AutoTopUp.objects.select_for_update(no_key=True, of=("self",)).select_related("method", "user")
    return rows.filter(user=user).first()


def _said(settings: AutoTopUp) -> Mapping[str, Any]:
    """What the audit says of how a wallet is filled."""
    names = ("is_on", "threshold", "kind", "amount", "daily_cap", "low_below", "currency")
    return {name: getattr(settings, name) for name in names} | {"method": settings.method_id}
