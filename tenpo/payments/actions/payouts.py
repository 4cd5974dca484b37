"""Payouts: asked for, held, approved by somebody else, rejected, cancelled."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.limits import PAYOUTS_UNDER_WAY
from tenpo.core.models import check_fields
from tenpo.core.money import MAX_AMOUNT, Money
from tenpo.core.once import made_before
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.core.words import say_money
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.payments.actions.auto_top_ups import look_after_wallet_soon
from tenpo.payments.actions.payout_accounts import account_disabled
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods import METHODS
from tenpo.payments.permissions import can_cancel_payout, can_decide_payout, can_use_payout_account
from tenpo.payments.queries import approved_alone, is_large, lately_approved, needs_two, owed_by, payout_terms
from tenpo.people.actions.visits import lock_signed_in, lock_user
from tenpo.people.models import User


@transaction.atomic
def ask_for_payout(
    account: PayoutAccount, *, source: str, amount: int, by: User | None, once: UUID | None = None
) -> Payout:
    """Ask for `amount` (minor units) of somebody's earnings or wallet to be paid out; it is held until it is decided.

    What the payee owes of earnings that were paid out before a refund is given back first, once. A form that is sent
    again (`once`) finds what it asked for. Raises RuleError "insufficient_funds", "below_minimum", "account_too_new",
    "account_disabled", "method_not_offered", "wallet_not_paid_out", "too_many_payouts" or "sent_before".
    """
    # Whoever asks at the same moment waits here, so that what is owed is settled once.
    payee = lock_user(account.owner)
    account = PayoutAccount.objects.get(pk=account.pk)
    if not can_use_payout_account(by, account) or payee.disabled_at is not None:
        raise PermissionDenied
    if asked := made_before(Payout.objects.all(), once, account_id=account.pk, source=source, amount=amount):
        return asked
    terms, currency = payout_terms(), current_business().currency
    _check_asked(account, terms, currency, source, amount)
    settled = owed_by(payee, currency) if source == Payout.Source.EARNINGS else 0
    payout = Payout(
        id=once or new_id(),
        payee=payee,
        account=account,
        method=account.method,
        source=source,
        amount=amount,
        fee=terms.fee,
        settled=settled,
        currency=currency,
        is_automatic=by is None,
        needs_second=is_large(amount, terms),
    )
    payout.save(force_insert=True)
    try:
        post_transfers(_holding(payout))
    except RuleError as refusal:
        if refusal.code != "insufficient_funds":
            raise
        raise RuleError("insufficient_funds", _("There is not that much to be paid out.")) from refusal
    after = {"state": payout.state, "amount": amount, "source": source, "account": account.masked}
    record("payout.asked", by=by, on=payout, after=after)
    publish("payout.asked", subject=payout)
    if source == Payout.Source.WALLET:
        look_after_wallet_soon(payee)
    return payout


@transaction.atomic
def approve_payout(payout: Payout, *, by: User, visit: str | None = None) -> Payout:
    """Let a payout go out, as asked in `visit`; a large one only after a second admin. Again by the same: no change.

    It is large by itself, or with what one admin alone approved for its payee in the last days. Never by whoever it
    goes to. Raises RuleError "not_asked", "account_disabled", "payee_disabled".
    """
    lock_signed_in(by, visit=visit)
    payout, others = _lock_with_others(payout)
    if not can_decide_payout(by, payout):
        raise PermissionDenied
    if by.pk in (payout.approved_by_id, payout.seconded_by_id):
        return payout
    if payout.state != Payout.State.ASKED:
        raise _not_any_more(payout)
    if payout.account.disabled_at is not None:
        raise account_disabled()
    if payout.payee.disabled_at is not None:
        raise payee_disabled()
    before = {"state": payout.state}
    if payout.approved_by_id is None:
        payout.approved_by = by
        payout.needs_second = needs_two(payout, approved_alone(others))
    else:
        payout.seconded_by = by
    if not payout.needs_second or payout.seconded_by_id is not None:
        payout.state, payout.approved_at = Payout.State.APPROVED, clock.now()
    payout.save(update_fields=["state", "approved_by", "seconded_by", "approved_at", "needs_second"])
    record("payout.approved", by=by, on=payout, before=before, after={"state": payout.state})
    publish("payout.approved", subject=payout)
    return payout


@transaction.atomic
def reject_payout(payout: Payout, *, word: str, by: User) -> Payout:
    """Say no to a payout that has not left, with a word to its payee; what was held is theirs again.

    Rejecting twice changes nothing. Raises RuleError "not_asked", "in_a_batch".
    """
    payout = lock_payout(payout)
    if not can_decide_payout(by, payout):
        raise PermissionDenied
    if payout.state == Payout.State.REJECTED:
        return payout
    if payout.state not in (Payout.State.ASKED, Payout.State.APPROVED):
        raise _not_any_more(payout)
    if payout.batch_id is not None:
        raise RuleError("in_a_batch", _("This payout is in a file. Drop the file first."))
    payout.word = " ".join(word.split())
    check_fields(payout, "word")
    return end_payout(payout, Payout.State.REJECTED, by=by)


@transaction.atomic
def cancel_payout(payout: Payout, *, by: User | None) -> Payout:
    """Take back what one asked for, while nobody approved it. Cancelling twice changes nothing.

    Raises RuleError "not_asked".
    """
    payout = lock_payout(payout)
    if not can_cancel_payout(by, payout):
        raise PermissionDenied
    if payout.state == Payout.State.CANCELLED:
        return payout
    if payout.state != Payout.State.ASKED:
        raise _not_any_more(payout)
    return end_payout(payout, Payout.State.CANCELLED, by=by)


def payee_disabled() -> RuleError:
    """Nothing is approved for them, and nothing that was leaves."""
    return RuleError("payee_disabled", _("Whoever this goes to is disabled here. Nothing leaves to them."))


def lock_payout(payout: Payout) -> Payout:
    """The payout's row with its account and payee, locked until the transaction ends."""
    rows = Payout.objects.select_for_update(no_key=True, of=("self",)).select_related("account", "payee")
    return rows.get(pk=payout.pk)


def _lock_with_others(payout: Payout) -> tuple[Payout, list[Payout]]:
    """The payout's row and its payee's others that count together, locked by their ids in one statement.

    Those that wait as well: two approvals of two of them at once wait for each other.
    """
    wanted = Q(pk=payout.pk) | Q(state=Payout.State.ASKED) | lately_approved()
    rows = Payout.objects.select_for_update(no_key=True, of=("self",)).select_related("account", "payee")
    locked = list(rows.filter(wanted, payee=payout.payee_id, currency=payout.currency).order_by("id"))
    return next(one for one in locked if one.pk == payout.pk), [one for one in locked if one.pk != payout.pk]


def end_payout(payout: Payout, state: Payout.State, *, by: User | None) -> Payout:
    """Give back what a payout held that does not arrive; whoever locked its row says why.

    Of one that had arrived, by what its method said, all that moved then is held again first, its fee as well.
    """
    before = {"state": payout.state}
    moved = []
    if payout.state == Payout.State.DONE:
        moved = _back_postings(payout)
        # That its account works was known from this payout, where none was before it.
        PayoutAccount.objects.filter(pk=payout.account_id, verified_at=payout.ended_at).update(verified_at=None)
    payout.state, payout.ended_at = state, clock.now()
    payout.save(update_fields=["state", "ended_at", "word", "failure_code", "reference"])
    hold = Transfer.objects.get(key=f"payout:{payout.pk}:hold")
    release = Posting(
        kind=Transfer.Kind.PAYOUT_RELEASE,
        debit=_held(payout),
        credit=_balance(payout),
        amount=payout.amount,
        key=f"payout:{payout.pk}:release",
        subject_id=payout.pk,
        reverses_id=hold.pk,
    )
    post_transfers([*moved, release])
    said = {"state": state} | ({"word": payout.word} if payout.word else {})
    record(f"payout.{state}", by=by, on=payout, before=before, after=said)
    publish(f"payout.{state}", subject=payout)
    return payout


def arrival_of(payout: Payout) -> list[Posting]:
    """What a payout that arrived moves: its amount to where it went, its fee, and what the method took."""
    key, provider = f"payout:{payout.pk}", Pot(Account.Kind.PROVIDER, payout.currency, name=payout.method)
    fees = Pot(Account.Kind.FEES, payout.currency)
    kind = Transfer.Kind
    legs = [
        Posting(kind.PAYOUT, _held(payout), provider, payout.sent_amount, key, payout.pk),
        Posting(kind.PAYOUT_FEE, _held(payout), fees, payout.fee, f"{key}:fee", payout.pk),
        Posting(kind.FEE, fees, provider, payout.cost, f"{key}:cost", payout.pk),
    ]
    return [leg for leg in legs if leg.amount]


def _back_postings(payout: Payout) -> list[Posting]:
    """What undoes an arrival. What the method took for it stays with the method."""
    key = f"payout:{payout.pk}"
    moved = Transfer.objects.filter(key__in=[key, f"{key}:fee"]).select_related("debit", "credit").order_by("id")
    return [
        Posting(
            Transfer.Kind.PAYOUT_BACK, Pot.of(one.credit), Pot.of(one.debit), one.amount, f"{one.key}:back", payout.pk,
            reverses_id=one.pk,
        )
        for one in moved
    ]  # fmt: skip


def _check_asked(account: PayoutAccount, terms: PayoutTerms, currency: str, source: str, amount: int) -> None:
    if account.disabled_at is not None:
        raise account_disabled()
    if account.is_new:
        raise RuleError("account_too_new", _("This account is new. Nothing is paid to it before it was there a while."))
    if not METHODS[account.method].is_offered(terms, currency):
        raise RuleError("method_not_offered", _("Nobody is paid this way here."))
    if source == Payout.Source.WALLET and not terms.pays_wallets:
        raise RuleError("wallet_not_paid_out", _("Money in a wallet is not paid out here."))
    if not terms.minimum <= amount <= MAX_AMOUNT:
        least = say_money(Money(terms.minimum, currency))
        raise RuleError("below_minimum", _("The smallest payout is %(amount)s.") % {"amount": least})
    if Payout.objects.under_way().filter(payee=account.owner_id).count() >= PAYOUTS_UNDER_WAY:
        raise RuleError("too_many_payouts", _("%(n)s payouts are under way. Wait for them.") % {"n": PAYOUTS_UNDER_WAY})


def _holding(payout: Payout) -> list[Posting]:
    """What asking moves: what is owed is given back, and the amount set aside."""
    key, kind = f"payout:{payout.pk}", Transfer.Kind
    owed = Pot(Account.Kind.OWED, payout.currency, owner_id=payout.payee_id)
    settle = Posting(kind.CLAWBACK_SETTLE, _balance(payout), owed, payout.settled, f"{key}:settle", payout.pk)
    hold = Posting(kind.PAYOUT_HOLD, _balance(payout), _held(payout), payout.amount, f"{key}:hold", payout.pk)
    return [*([settle] if payout.settled else []), hold]


def _balance(payout: Payout) -> Pot:
    return Pot(Account.Kind(payout.source), payout.currency, owner_id=payout.payee_id)


def _held(payout: Payout) -> Pot:
    return Pot(Account.Kind.PAYOUTS, payout.currency)


def _not_any_more(payout: Payout) -> RuleError:
    state = str(payout.get_state_display()).lower()
    return RuleError("not_asked", _("This payout does not wait for that: it is %(state)s.") % {"state": state})
