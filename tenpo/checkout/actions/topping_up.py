"""Filling a wallet from outside: a payment that pays no order."""

from datetime import timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from tenpo.access.actions.idempotency import Call
from tenpo.audit.actions import record
from tenpo.checkout.actions.settling import charge
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.money import Money
from tenpo.core.once import made_before
from tenpo.core.outbox import publish_all
from tenpo.core.words import say_money
from tenpo.ledger.models import Account
from tenpo.ledger.queries import balance_of
from tenpo.payments.actions.cancelling import cancel_payments
from tenpo.payments.actions.methods import can_be_kept
from tenpo.payments.models import Payment
from tenpo.payments.providers import offered_providers
from tenpo.payments.queries import manual_providers
from tenpo.people.actions.visits import lock_users
from tenpo.people.models import User


def top_up(
    owner: User,
    *,
    amount: int,
    provider: str,
    source: str = "",
    keep: bool = False,
    by: User,
    call: Call | None = None,
    once: UUID | None = None,
) -> Payment:
    """Pay `amount` (minor units of the business's currency) into one's own wallet, through `provider` from `source`.

    A card that is entered for it is kept for later where they want to `keep` it, once it has paid. Returns the payment:
    the wallet is filled when it succeeded, which may be later. A repeat of a `call` that died goes on with what that
    one had made; a form that is sent again (`once`) finds what it made. Raises RuleError payment_needed,
    top_up_too_small, top_up_too_large, wallet_full, sent_before.
    """
    assert owner.pk == by.pk, "a wallet is filled by its owner"
    if call is not None and call.is_again and (begun := Payment.objects.filter(pk=call.id).first()):
        return charge(begun, source) if begun.state == Payment.State.CREATED else begun
    keeps = keep and can_be_kept(owner, provider=provider, source=source)
    payment, is_new = _start(owner, amount=amount, provider=provider, keeps=keeps, id_=call.id if call else once)
    return charge(payment, source) if is_new else payment


@transaction.atomic
def _start(owner: User, *, amount: int, provider: str, keeps: bool, id_: UUID | None) -> tuple[Payment, bool]:
    """The payment with this id, and whether it is new: one that was there already is charged by whoever made it."""
    # So that two top-ups at once cannot each see room for themselves alone.
    lock_users(owner)
    top_ups = Payment.objects.filter(purpose=Payment.Purpose.TOP_UP)
    if begun := made_before(top_ups, id_, payer_id=owner.pk, amount=amount):
        return begun, False
    business = current_business()
    if provider not in offered_providers():
        raise RuleError("payment_needed", _("Choose how you want to pay."))
    if amount < business.top_up_least:
        least = say_money(Money(business.top_up_least, business.currency))
        raise RuleError("top_up_too_small", _("Top up by at least %(amount)s.") % {"amount": least})
    if amount > business.top_up_most:
        most = say_money(Money(business.top_up_most, business.currency))
        raise RuleError("top_up_too_large", _("Top up by at most %(amount)s at once.") % {"amount": most})
    if held_with_coming(owner, business.currency) + amount > business.wallet_most:
        most = say_money(Money(business.wallet_most, business.currency))
        raise RuleError("wallet_full", _("A wallet holds at most %(amount)s.") % {"amount": most})
    payment = Payment(
        payer=owner, purpose=Payment.Purpose.TOP_UP, provider=provider, amount=amount, currency=business.currency,
        description=describe_top_up(), keeps_method=keeps,
    )  # fmt: skip
    if id_:
        payment.pk = id_
    payment.save(force_insert=True)
    record("wallet.top_up_started", by=owner, on=payment, after={"amount": amount, "provider": provider})
    return payment, True


@transaction.atomic
def cancel_top_up(payment: Payment, *, by: User | None) -> Payment:
    """Say that a top-up will not be paid which waits for an admin to see its money. Again changes nothing.

    Should the money come after all, an admin marks it, and it fills the wallet. Raises RuleError "not_waiting" where a
    provider carries it out, or it is over.
    """
    if by is not None and by.pk != payment.payer_id:
        raise PermissionDenied
    cancel_payments(_by_hand().filter(pk=payment.pk), by=by)
    payment = Payment.objects.get(pk=payment.pk)
    if payment.state != Payment.State.CANCELLED or payment.purpose != Payment.Purpose.TOP_UP:
        raise RuleError("not_waiting", _("This top-up does not wait for your money."))
    return payment


def cancel_left_top_ups(limit: int = 500) -> int:
    """Give up top-ups whose money nobody saw for as long as a seat would wait for it; how many.

    Their owners are told: who has paid meanwhile need not pay again.
    """
    left = clock.now() - timedelta(days=current_business().manual_hold_days)
    ids = list(_by_hand().filter(created_at__lt=left).order_by("id").values_list("pk", flat=True)[:limit])
    with transaction.atomic():
        given_up = cancel_payments(_by_hand().filter(pk__in=ids))
        publish_all([("wallet.top_up_given_up", payment, {}) for payment in given_up])
    return len(given_up)


def describe_top_up() -> str:
    """What a top-up is called where it is stored: in the business's language, whoever's it is."""
    with translation.override(current_business().locale):
        return _("Top-up of a wallet")


def _by_hand() -> QuerySet[Payment]:
    """Top-ups that are only ours to give up: their money comes by another way, and nobody has seen it yet."""
    waiting = Payment.objects.filter(state__in=[Payment.State.CREATED, Payment.State.PENDING])
    return waiting.filter(purpose=Payment.Purpose.TOP_UP, provider__in=manual_providers())


def held_with_coming(owner: User, currency: str) -> int:
    """What a wallet has, with what is on its way into it.

    What is on its way is read first: money that arrives between the two counts twice, and not never.
    """
    under_way = Payment.objects.open().filter(payer=owner, purpose=Payment.Purpose.TOP_UP, currency=currency)
    coming = sum(under_way.values_list("amount", flat=True))
    (bought,) = balance_of(owner, currency, [Account.Kind.WALLET]).values()
    return coming + bought
