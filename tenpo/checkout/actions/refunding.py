"""Refunds of what was sold, of top-ups, and of money that came late: asked for, granted, given, given another way.

What it is of is locked first (the line, and the payment), and what is left is read under that lock; then the refund,
then the ledger.
"""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.checkout.queries.refunds import payment_of, places_of, refundable, what_is_left
from tenpo.core import clock
from tenpo.core.errors import UNIQUE, RuleError, refuse_on
from tenpo.core.models import check_fields
from tenpo.core.money import MAX_AMOUNT, Money
from tenpo.core.once import made_before
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.core.words import say_money
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.actions.giving_back import Return, issue_posting, lock_lines, return_parts
from tenpo.orders.models import Line
from tenpo.orders.policies import PartsBack, parts_of
from tenpo.payments.actions.auto_top_ups import TOP_UP_REFUNDED, stop_filling
from tenpo.payments.actions.disputes import Loss, keep_back_postings
from tenpo.payments.actions.refunds import (
    hold_late_money,
    hold_top_up,
    lock_payments,
    lock_refund,
    not_asked,
    release_hold,
    settle_decided,
)
from tenpo.payments.models import Payment, Refund
from tenpo.payments.permissions import can_decide_refund
from tenpo.payments.queries import refund_terms
from tenpo.payments.refund_models import RefundTo
from tenpo.people.actions.visits import lock_signed_in
from tenpo.people.models import User


def _asked_already() -> RuleError:
    return RuleError("refund_asked_already", _("You asked for this already. Somebody is looking at it."))


@refuse_on(UNIQUE, "refund_one_open_request_per_line", _asked_already)
@refuse_on(UNIQUE, "refund_one_open_request_per_top_up", _asked_already)
@transaction.atomic
def ask_for_refund(
    *,
    line: Line | None = None,
    payment: Payment | None = None,
    amount: int,
    to: str,
    reason: str,
    by: User,
    once: UUID | None = None,
) -> Refund:
    """Ask for `amount` (minor units of the whole price, whoever paid it) of a line, or of a payment without one.

    `to` says where the own part is wanted. What the terms allow is granted at once, without a review. A form that is
    sent again (`once`) finds what it asked for. Raises RuleError nothing_left, cancel_first, too_late, more_than_left,
    no_such_way, refund_asked_already, spent, sent_before; ValidationError.
    """
    line, payment = _lock_bought(line.pk if line else None, payment.pk if payment else None)
    if _buyer_id(line, payment) != by.pk or by.disabled_at is not None:
        raise PermissionDenied
    if asked := _made_before(once, line, payment, amount):
        return asked
    found = refundable(line, payment)
    if found.refusal is not None:
        raise found.refusal
    refund = _new_refund(line, payment, amount, to, origin=Refund.Origin.REQUEST, id_=once)
    refund.reason = " ".join(reason.split())
    if not refund.reason:
        raise ValidationError({"reason": _("Say in a few words why.")})
    check_fields(refund, "reason")
    _check_amount(refund, amount, found.left)
    _check_place(refund, line, found.left)
    refund.save(force_insert=True)
    record("refund.asked", by=by, on=refund, after={"state": refund.state, "amount": amount, "to": to})
    publish("refund.asked", subject=refund)
    if _is_granted_by_itself(refund):
        _grant(refund, line, payment, amount, by=None)
    return refund


@transaction.atomic
def grant_refund(
    refund: Refund,
    *,
    amount: int | None = None,
    to: str | None = None,
    word: str = "",
    by: User,
    visit: str | None = None,
) -> Refund:
    """Grant what was asked for, as asked in `visit`: all of it, or `amount` of it; the own part goes `to`.

    Never by whoever gets it. Granting twice changes nothing. Raises RuleError "not_asked", "more_than_left",
    "more_than_asked", "no_such_way", "own_sponsorship", "spent".
    """
    lock_signed_in(by, visit=visit)
    line, payment = _lock_bought(refund.line_id, refund.payment_id)
    refund = lock_refund(refund)
    if not can_decide_refund(by, refund):
        raise PermissionDenied
    if refund.state in Refund.GRANTED and refund.reviewed_by_id == by.pk:
        return refund
    if refund.state != Refund.State.ASKED:
        raise not_asked(refund)
    amount = refund.asked if amount is None else amount
    if amount > refund.asked:
        raise RuleError("more_than_asked", _("That is more than was asked for."))
    refund.word = " ".join(word.split())
    check_fields(refund, "word")
    refund.to = to or refund.to
    _grant(refund, line, payment, amount, by=by)
    return refund


@transaction.atomic
def give_refund(
    *,
    line: Line | None = None,
    payment: Payment | None = None,
    amount: int,
    to: str,
    word: str = "",
    by: User,
    visit: str | None = None,
    once: UUID | None = None,
) -> Refund:
    """Give money back that nobody asked for, as asked in `visit`; see `grant_refund`. At any time, never to oneself.

    A form that is sent again (`once`) finds what it gave. Raises RuleError "nothing_left", "more_than_left",
    "no_such_way", "own_sponsorship", "spent", "sent_before".
    """
    lock_signed_in(by, visit=visit)
    line, payment = _lock_bought(line.pk if line else None, payment.pk if payment else None)
    refund = _new_refund(line, payment, amount, to, origin=Refund.Origin.ADMIN, id_=once)
    if not can_decide_refund(by, refund):
        raise PermissionDenied
    if given := _made_before(once, line, payment, amount):
        return given
    refund.word = " ".join(word.split())
    check_fields(refund, "word")
    _grant(refund, line, payment, amount, by=by)
    return refund


@transaction.atomic
def give_refund_elsewhere(refund: Refund, *, to: str, by: User) -> Refund:
    """What did not arrive, or has not left, goes to the wallet or becomes credit instead. Never by whoever gets it.

    What their bank took of the payment at the business's cost is kept back of it. Giving it twice changes nothing.
    Raises RuleError "not_held", "no_such_way".
    """
    payment = lock_payments([refund.payment_id])[refund.payment_id] if refund.payment_id else None
    refund = lock_refund(refund)
    if not can_decide_refund(by, refund):
        raise PermissionDenied
    if refund.state == Refund.State.DONE and refund.to == to:
        return refund
    if refund.state not in (Refund.State.APPROVED, Refund.State.FAILED):
        raise RuleError("not_held", _("Only what did not arrive, or has not left, goes another way."))
    if to not in ([RefundTo.WALLET] if refund.line_id is None else [RefundTo.WALLET, RefundTo.CREDIT]):
        raise _no_such_way()
    assert payment is not None, "what is held was paid from outside"
    postings = _elsewhere(refund, payment, to)
    kept_back = keep_back_postings(payment, [Loss(postings[-1].credit, refund.own)])
    post_transfers([*postings, *kept_back])
    payment.refunded -= refund.own
    payment.save(update_fields=["refunded"])
    before = {"state": refund.state, "to": refund.to}
    refund.state, refund.to, refund.ended_at = Refund.State.DONE, to, clock.now()
    refund.save(update_fields=["state", "to", "ended_at"])
    record("refund.done", by=by, on=refund, before=before, after={"state": refund.state, "to": to})
    publish("refund.done", subject=refund)
    if kept_back:
        amount = sum(one.amount for one in kept_back if one.kind == Transfer.Kind.DISPUTE_LOSS)
        publish("payment.taken_back", subject=payment, amount=amount)
    return refund


def _lock_bought(line_id: UUID | None, payment_id: UUID | None) -> tuple[Line | None, Payment | None]:
    """The line and its payment, or the payment that has none, locked in this order."""
    if line_id is None:
        assert payment_id is not None
        return None, lock_payments([payment_id])[payment_id]
    line = lock_lines([line_id])[line_id]
    paid = payment_of(line)
    return line, lock_payments([paid.pk])[paid.pk] if paid else None


def _buyer_id(line: Line | None, payment: Payment | None) -> UUID:
    if line is not None:
        return line.order.buyer_id
    assert payment is not None
    return payment.payer_id


def _made_before(once: UUID | None, line: Line | None, payment: Payment | None, amount: int) -> Refund | None:
    """What a form made when it was sent before, under the lock of what it is of."""
    of_it = {"line_id": line.pk} if line else {"line_id": None, "payment_id": payment and payment.pk}
    return made_before(Refund.objects.all(), once, asked=amount, **of_it)


def _new_refund(
    line: Line | None, payment: Payment | None, amount: int, to: str, *, origin: Refund.Origin, id_: UUID | None
) -> Refund:
    if to not in RefundTo.values:
        raise _no_such_way()
    if line is None and (payment is None or payment.order_id is not None):
        raise RuleError("nothing_left", _("There is nothing left that could go back."))
    bought: Any = line.order if line else payment
    return Refund(
        id=id_ or new_id(), user_id=_buyer_id(line, payment), payment=payment,
        provider=payment.provider if payment else "", line_id=line.pk if line else None,
        description=line.description if line else bought.description, origin=origin, asked=amount,
        currency=bought.currency, to=to,
    )  # fmt: skip


def _check_amount(refund: Refund, amount: int, left: PartsBack) -> None:
    if not left.whole:
        raise RuleError("nothing_left", _("There is nothing left that could go back."))
    if not 0 < amount <= MAX_AMOUNT:
        raise ValidationError({"amount": _("Give an amount above zero.")})
    if amount > left.whole:
        most = say_money(Money(left.whole, refund.currency))
        raise RuleError("more_than_left", _("At most %(amount)s of this can still go back.") % {"amount": most})


def _check_place(refund: Refund, line: Line | None, left: PartsBack) -> None:
    if left.own and refund.to not in places_of(line, left):
        raise _no_such_way()


def _check_sponsor(line: Line, by: User) -> None:
    """What goes back to a sponsor's budget is less that they owe: not for themselves to decide."""
    assert line.sponsorship is not None
    if line.sponsorship.sponsor_id == by.pk:
        words = _("A part of this goes back to you, as its sponsor. Another admin decides it.")
        raise RuleError("own_sponsorship", words)


def _grant(refund: Refund, line: Line | None, payment: Payment | None, amount: int, *, by: User | None) -> None:
    """Give `amount` back under all locks: each part to who paid it."""
    left = what_is_left(line, payment)
    _check_amount(refund, amount, left)
    _check_place(refund, line, left)
    parts = parts_of(left, amount)
    if line is not None and parts.sponsor and by is not None:
        _check_sponsor(line, by)
    refund.payment = payment
    refund.amount, refund.company, refund.credit = parts.whole, parts.company, parts.credit
    refund.wallet, refund.own, refund.sponsor = parts.wallet, parts.own, parts.sponsor
    if line is not None:
        return_parts(Return(line, parts, refund.to, refund.pk))
    elif payment is not None and payment.became_credit:
        hold_late_money(refund)
    else:
        # Else the wallet, which is low now, would charge the card again within a minute.
        stop_filling(refund.user_id, TOP_UP_REFUNDED)
        hold_top_up(refund)
    settle_decided(refund, by=by)


def _is_granted_by_itself(refund: Refund) -> bool:
    """Whether the terms grant it: with what they granted of the same thing before, it is not too much.

    Of what a bank wants back, somebody looks first: it may come back to its payer already.
    """
    if refund.payment is not None and refund.payment.disputed_at is not None:
        return False
    most = refund_terms.afresh().automatic_amount
    if most is None:
        return False
    by_policy = Refund.objects.granted().filter(by_policy=True, origin=Refund.Origin.REQUEST)
    of_it = by_policy.filter(line_id=refund.line_id) if refund.line_id else by_policy.filter(payment=refund.payment)
    return sum(of_it.values_list("amount", flat=True)) + refund.asked <= most


def _elsewhere(refund: Refund, payment: Payment, to: str) -> list[Posting]:
    """What was held goes back to where it was taken from, and from there to the wallet, or becomes credit."""
    wallet = Pot(Account.Kind.WALLET, refund.currency, refund.user_id)
    if refund.line_id is None and not payment.became_credit:
        return [release_hold(refund, back_to=wallet)]
    sales = Pot(Account.Kind.SALES, refund.currency)
    release = release_hold(refund, back_to=sales)
    if to == RefundTo.WALLET:
        key, subject_id = f"{refund.hold_key}:wallet", refund.line_id or refund.pk
        return [release, Posting(Transfer.Kind.WALLET_REFUND, sales, wallet, refund.own, key, subject_id)]
    assert refund.line_id is not None, "what has no line goes to the wallet"
    # A refund's own credit: an earlier one of the same payment may have lapsed.
    suffix = "" if refund.origin == Refund.Origin.CANCELLATION else f":refund:{refund.pk}"
    credit = issue_posting(
        payment, refund.own, subject_id=refund.line_id, now=clock.now(), name=str(refund.pk), suffix=suffix
    )
    return [release, credit]


def _no_such_way() -> RuleError:
    return RuleError("no_such_way", _("It cannot go back there. Choose another way."))
