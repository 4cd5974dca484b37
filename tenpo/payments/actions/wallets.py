"""What fills a wallet: top-ups that were paid, and money that the business gives."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.once import made_before
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.payments.models import Grant, Payment
from tenpo.people.actions.visits import lock_users
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin


def fee_postings(payment: Payment, *, subject_id: UUID | None = None) -> list[Posting]:
    """What the provider keeps for its work on a payment."""
    if not payment.fee:
        return []
    fees = Pot(Account.Kind.FEES, payment.currency)
    provider = Pot(Account.Kind.PROVIDER, payment.currency, name=payment.provider)
    return [
        Posting(Transfer.Kind.FEE, fees, provider, payment.fee, f"payment:{payment.pk}:fee", subject_id or payment.pk)
    ]


def fill_wallet(payment: Payment) -> None:
    """A top-up was paid: it is its payer's to spend. Whoever changed the payment's state holds its row."""
    provider = Pot(Account.Kind.PROVIDER, payment.currency, name=payment.provider)
    wallet = Pot(Account.Kind.WALLET, payment.currency, payment.payer_id)
    key = f"payment:{payment.pk}"
    post_transfers(
        [
            Posting(Transfer.Kind.TOP_UP, provider, wallet, payment.amount, key, payment.pk),
            *fee_postings(payment),
        ]
    )
    publish("wallet.topped_up", subject=payment, amount=payment.amount)


@transaction.atomic
def give_money(owner: User, *, amount: int, reason: str, by: User | None, once: UUID | None = None) -> Grant:
    """Give somebody money to spend here (minor units of the business's currency); it cannot be paid out.

    The owner reads the reason; nobody gives themselves. A form that is sent again (`once`) finds what it gave. Raises
    PermissionDenied, ValidationError by field, RuleError "own_wallet", "sent_before".
    """
    if not is_active_admin(by):
        raise PermissionDenied
    if by is not None and by.pk == owner.pk:
        raise RuleError("own_wallet", _("This wallet is yours. Another admin gives you money."))
    if once:
        lock_users(owner)
    if given := made_before(Grant.objects.all(), once, owner_id=owner.pk, amount=amount):
        return given
    grant = Grant(
        id=once or new_id(),
        owner=owner,
        amount=amount,
        currency=current_business().currency,
        reason=reason,
        given_by=by,
    )
    grant.full_clean(exclude=["id", "owner", "given_by", "taken_back_by"])
    grant.save(force_insert=True)
    post_transfers([_grant_posting(grant)])
    record("wallet.granted", by=by, on=owner, after={"amount": amount, "reason": reason})
    publish("wallet.granted", subject=grant, amount=amount)
    return grant


@transaction.atomic
def take_back_grant(grant: Grant, *, by: User | None) -> Grant:
    """Take money back that was given and is not spent yet, all of it. Again changes nothing.

    Raises RuleError "grant_spent" once too little of what was given is left.
    """
    if not is_active_admin(by):
        raise PermissionDenied
    grant = Grant.objects.select_for_update(no_key=True).select_related("owner").get(pk=grant.pk)
    if grant.taken_back_by_id is not None:
        return grant
    given = Transfer.objects.get(key=f"grant:{grant.pk}")
    posting = _grant_posting(grant)
    back = Posting(
        Transfer.Kind.GRANT_BACK, posting.credit, posting.debit, grant.amount, f"{posting.key}:back", grant.pk,
        reverses_id=given.pk,
    )  # fmt: skip
    try:
        post_transfers([back])
    except RuleError as error:
        raise RuleError("grant_spent", _("This was spent already, so it cannot be taken back.")) from error
    grant.taken_back_by = by
    grant.save(update_fields=["taken_back_by"])
    record("wallet.grant_taken_back", by=by, on=grant.owner, after={"amount": grant.amount, "reason": grant.reason})
    return grant


def _grant_posting(grant: Grant) -> Posting:
    given = Pot(Account.Kind.GRANTED, grant.currency, grant.owner_id)
    grants = Pot(Account.Kind.GRANTS, grant.currency)
    return Posting(Transfer.Kind.GRANT, grants, given, grant.amount, f"grant:{grant.pk}", grant.pk)
