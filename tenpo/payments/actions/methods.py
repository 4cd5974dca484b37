"""Saved ways to pay: written down first, then added or let go at their provider, outside of any transaction."""

from datetime import datetime, timedelta

import structlog
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tenpo.access.actions.idempotency import Call
from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.limits import METHODS_KEPT
from tenpo.core.tokens import id_of
from tenpo.payments.actions.asking import ask_in_turn
from tenpo.payments.actions.auto_top_ups import leave_method
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers import offered_providers, provider_of
from tenpo.payments.providers.base import MethodOutcome, ProviderTimeout
from tenpo.people.actions.visits import lock_user
from tenpo.people.models import User

SETTLE_AFTER = timedelta(minutes=1)
# Who has not entered a card by then, went away.
ADDING_ENDS_AFTER = timedelta(days=1)

log = structlog.get_logger()


def add_payment_method(
    user: User, *, provider: str, source: str = "", by: User, call: Call | None = None
) -> PaymentMethod:
    """Keep a card for later payments; where it is entered at its provider, `action_url` says where.

    The first one is what is chosen when nothing else is. A repeat of a `call` that died goes on with what that one had
    made. Raises RuleError not_kept, too_many_methods.
    """
    if by.pk != user.pk:
        raise PermissionDenied
    method = PaymentMethod.objects.filter(pk=call.id).first() if call and call.is_again else None
    method = method or _new_method(user, provider=provider, by=by, call=call)
    if method.state != PaymentMethod.State.ADDING:
        return method
    try:
        outcome = provider_of(method.provider).start_saving(method, source)
    except ProviderTimeout:
        log.warning("provider_timeout", method_id=str(method.pk), provider=method.provider)
        return method
    if outcome.has_lost_all:
        note_lost_methods(user, provider=provider)
    return apply_method_outcome(method, outcome)


@transaction.atomic
def note_lost_methods(user: User, *, provider: str, only: PaymentMethod | None = None) -> None:
    """A provider has let go of what somebody kept there, or of `only` one: nothing is paid with it any more.

    Nothing is there to be let go of, and who has no other card left is told by what they pay next.
    """
    user = lock_user(user)
    rows = PaymentMethod.objects.select_for_update(no_key=True).ready().filter(user=user, provider=provider)
    for method in (rows.filter(pk=only.pk) if only else rows).order_by("id"):
        _let_go(user, method, by=None)
        PaymentMethod.objects.filter(pk=method.pk).update(forgotten_at=method.removed_at)


@transaction.atomic
def _new_method(user: User, *, provider: str, by: User, call: Call | None) -> PaymentMethod:
    user = lock_user(user)
    if provider not in offered_providers() or not provider_of(provider).keeps_methods:
        raise RuleError("not_kept", _("Nothing can be kept there to pay with."))
    if PaymentMethod.objects.kept().filter(user=user).count() >= METHODS_KEPT:
        raise RuleError("too_many_methods", _("You keep as many ways to pay as there can be. Remove one first."))
    method = PaymentMethod(user=user, provider=provider)
    if call:
        method.pk = call.id
    method.save(force_insert=True)
    record("payment_method.begun", by=by, on=method, after={"provider": provider})
    return method


@transaction.atomic
def apply_method_outcome(method: PaymentMethod, outcome: MethodOutcome) -> PaymentMethod:
    """Bring a method that is being added to what its provider says. Saying it twice changes nothing."""
    user = lock_user(method.user)
    method = PaymentMethod.objects.select_for_update(no_key=True).get(pk=method.pk)
    if method.state != PaymentMethod.State.ADDING:
        return method
    method.state = outcome.state
    method.reference = outcome.reference or method.reference
    method.brand, method.last4 = outcome.brand, outcome.last4
    method.expires_month, method.expires_year = outcome.expires_month, outcome.expires_year
    method.failure_code, method.action_url = outcome.failure_code, outcome.action_url
    is_ready = method.state == PaymentMethod.State.READY
    method.is_default = is_ready and not PaymentMethod.objects.filter(user=user, is_default=True).exists()
    method.save(
        update_fields=[
            "state", "reference", "brand", "last4", "expires_month", "expires_year", "failure_code", "action_url",
            "is_default",
        ]
    )  # fmt: skip
    if method.state != PaymentMethod.State.ADDING:
        name = "payment_method.added" if is_ready else "payment_method.failed"
        record(name, by=user if is_ready else None, on=method, after={"state": method.state})
    return method


def can_be_kept(user: User, *, provider: str, source: str) -> bool:
    """Whether what somebody is about to pay with can be kept: it is entered now, and there is room for it."""
    if id_of(source) or provider not in offered_providers() or not provider_of(provider).keeps_methods:
        return False
    return PaymentMethod.objects.kept().filter(user=user).count() < METHODS_KEPT


def keep_what_paid(payment: Payment, outcome: MethodOutcome) -> None:
    """What a payment succeeded with is kept for later, once.

    The caller holds the payer's row. Where there is no room for it any more, its provider lets it go again.
    """
    mine = PaymentMethod.objects.filter(user=payment.payer_id)
    if PaymentMethod.objects.filter(provider=payment.provider, reference=outcome.reference).exists():
        return
    has_room = mine.kept().count() < METHODS_KEPT
    method = PaymentMethod(
        user_id=payment.payer_id, provider=payment.provider, reference=outcome.reference,
        brand=outcome.brand, last4=outcome.last4, expires_month=outcome.expires_month,
        expires_year=outcome.expires_year, state=PaymentMethod.State.READY,
        is_default=has_room and not mine.filter(is_default=True).exists(),
    )  # fmt: skip
    if not has_room:
        method.state, method.removed_at = PaymentMethod.State.REMOVED, clock.now()
    method.save(force_insert=True)
    name = "payment_method.added" if has_room else "payment_method.removed"
    record(name, by=payment.payer, on=method, after={"state": method.state, "payment": payment.pk})


def settle_method(method: PaymentMethod) -> PaymentMethod:
    """Ask its provider what became of a method that is being added, and apply it; as it is when nobody answers."""
    if method.state != PaymentMethod.State.ADDING:
        return method
    try:
        outcome = provider_of(method.provider).retrieve_method(method)
    except ProviderTimeout:
        return method
    if outcome is None:
        outcome = MethodOutcome(PaymentMethod.State.FAILED, failure_code="never_started")
    return apply_method_outcome(method, outcome)


@transaction.atomic
def set_default_method(method: PaymentMethod, *, by: User) -> PaymentMethod:
    """Choose what is paid with when nothing else is chosen. Choosing it twice changes nothing. Raises not_ready."""
    user, method = _lock_own(method, by=by)
    if method.state != PaymentMethod.State.READY:
        raise RuleError("not_ready", _("This way to pay is not there any more."))
    if not method.is_default:
        PaymentMethod.objects.filter(user=user, is_default=True).update(is_default=False)
        method.is_default = True
        method.save(update_fields=["is_default"])
        record("payment_method.chosen", by=by, on=method, before={"is_default": False}, after={"is_default": True})
    return method


def remove_payment_method(method: PaymentMethod, *, by: User) -> PaymentMethod:
    """Keep a method no longer; it can pay nothing from now on. Removing it twice changes nothing."""
    method = _remove(method, by=by)
    forget_method(method)
    return method


@transaction.atomic
def _remove(method: PaymentMethod, *, by: User) -> PaymentMethod:
    user, method = _lock_own(method, by=by)
    if method.state not in (PaymentMethod.State.READY, PaymentMethod.State.ADDING):
        return method
    return _let_go(user, method, by=by)


def _let_go(user: User, method: PaymentMethod, *, by: User | None) -> PaymentMethod:
    """Keep a locked method no longer; its owner is locked."""
    before, was_default = method.state, method.is_default
    method.state, method.is_default, method.removed_at = PaymentMethod.State.REMOVED, False, clock.now()
    method.action_url = ""
    method.save(update_fields=["state", "is_default", "removed_at", "action_url"])
    # The newest of the others takes its place.
    if was_default and (heir := PaymentMethod.objects.ready().filter(user=user).order_by("-id").first()):
        heir.is_default = True
        heir.save(update_fields=["is_default"])
    record("payment_method.removed", by=by, on=method, before={"state": before}, after={"state": method.state})
    leave_method(method)
    return method


def forget_method(method: PaymentMethod) -> None:
    """Let a removed method go at its provider as well; what does not answer is asked again by the job."""
    if method.state != PaymentMethod.State.REMOVED or method.forgotten_at is not None:
        return
    try:
        provider_of(method.provider).forget_method(method)
    except ProviderTimeout:
        return
    PaymentMethod.objects.filter(pk=method.pk, forgotten_at=None).update(forgotten_at=clock.now())


def settle_methods(limit: int = 200) -> int:
    """Settle methods whose adding or removal was not heard of to its end; returns how many were answered for."""
    now = clock.now()
    adding = Q(state=PaymentMethod.State.ADDING, created_at__lt=now - SETTLE_AFTER)
    removed = Q(state=PaymentMethod.State.REMOVED, forgotten_at=None)
    unsettled = PaymentMethod.objects.filter(adding | removed).select_related("user")
    return ask_in_turn(unsettled, lambda method: _settle(method, now), limit=limit)


def _settle(method: PaymentMethod, now: datetime) -> bool:
    forget_method(method)
    if settle_method(method).state == PaymentMethod.State.ADDING and method.created_at < now - ADDING_ENDS_AFTER:
        apply_method_outcome(method, MethodOutcome(PaymentMethod.State.FAILED, failure_code="not_entered"))
    return True


def _lock_own(method: PaymentMethod, *, by: User) -> tuple[User, PaymentMethod]:
    if by.pk != method.user_id:
        raise PermissionDenied
    user = lock_user(by)
    return user, PaymentMethod.objects.select_for_update(no_key=True).get(pk=method.pk)
