"""Filling a wallet from outside: a payment that pays no order."""

from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.access.actions.idempotency import Call
from tenpo.audit.actions import record
from tenpo.checkout.actions.settling import charge
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.money import Money
from tenpo.core.words import say_money
from tenpo.ledger.models import Account
from tenpo.ledger.queries import balance_of
from tenpo.payments.actions.methods import can_be_kept
from tenpo.payments.models import Payment
from tenpo.payments.providers import offered_providers
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
) -> Payment:
    """Pay `amount` (minor units of the business's currency) into one's own wallet, through `provider` from `source`.

    A card that is entered for it is kept for later where they want to `keep` it, once it has paid. Returns the payment:
    the wallet is filled when it succeeded, which may be later. A repeat of a `call` that died goes on with what that
    one had made. Raises RuleError payment_needed, top_up_too_small, top_up_too_large, wallet_full.
    """
    assert owner.pk == by.pk, "a wallet is filled by its owner"
    if call is not None and call.is_again and (begun := Payment.objects.filter(pk=call.id).first()):
        return charge(begun, source) if begun.state == Payment.State.CREATED else begun
    keeps = keep and can_be_kept(owner, provider=provider, source=source)
    return charge(_start(owner, amount=amount, provider=provider, keeps=keeps, call=call), source)


@transaction.atomic
def _start(owner: User, *, amount: int, provider: str, keeps: bool, call: Call | None) -> Payment:
    business = current_business()
    if provider not in offered_providers():
        raise RuleError("payment_needed", _("Choose how you want to pay."))
    if amount < business.top_up_least:
        least = say_money(Money(business.top_up_least, business.currency))
        raise RuleError("top_up_too_small", _("Top up by at least %(amount)s.") % {"amount": least})
    if amount > business.top_up_most:
        most = say_money(Money(business.top_up_most, business.currency))
        raise RuleError("top_up_too_large", _("Top up by at most %(amount)s at once.") % {"amount": most})
    # So that two top-ups at once cannot each see room for themselves alone.
    lock_users(owner)
    if held_with_coming(owner, business.currency) + amount > business.wallet_most:
        most = say_money(Money(business.wallet_most, business.currency))
        raise RuleError("wallet_full", _("A wallet holds at most %(amount)s.") % {"amount": most})
    payment = Payment(
        payer=owner, purpose=Payment.Purpose.TOP_UP, provider=provider, amount=amount, currency=business.currency,
        description=_("Top-up of a wallet"), keeps_method=keeps,
    )  # fmt: skip
    if call:
        payment.pk = call.id
    payment.save(force_insert=True)
    record("wallet.top_up_started", by=owner, on=payment, after={"amount": amount, "provider": provider})
    return payment


def held_with_coming(owner: User, currency: str) -> int:
    """What a wallet has, with what is on its way into it.

    What is on its way is read first: money that arrives between the two counts twice, and not never.
    """
    under_way = Payment.objects.open().filter(payer=owner, purpose=Payment.Purpose.TOP_UP, currency=currency)
    coming = sum(under_way.values_list("amount", flat=True))
    (bought,) = balance_of(owner, currency, [Account.Kind.WALLET]).values()
    return coming + bought
