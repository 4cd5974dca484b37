"""What may still go back of what somebody bought, until when one may ask, and what a refund would do."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.money import apportion
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import balance_of, credit_from
from tenpo.orders.models import Line, Order, Split
from tenpo.orders.policies import PartsBack, parts_left, parts_of
from tenpo.payments.models import Payment, Refund
from tenpo.payments.queries import refund_terms
from tenpo.payments.refund_models import RefundTo
from tenpo.schedule.models import Booking, Session


@dataclass(frozen=True)
class Refundable:
    """What can be asked back of one thing now, in minor units; `refusal` says why nothing can."""

    line: Line | None
    payment: Payment | None
    left: PartsBack
    until: datetime
    open_request: Refund | None
    refusal: RuleError | None

    @property
    def description(self) -> str:
        if self.line is not None:
            return self.line.description
        return self.payment.said_description if self.payment else ""

    @property
    def currency(self) -> str:
        if self.line is not None:
            return self.line.order.currency
        return self.payment.currency if self.payment else ""

    @property
    def places(self) -> list[RefundTo]:
        """Where the own part may go."""
        return places_of(self.line, self.left)


def places_of(line: Line | None, left: PartsBack) -> list[RefundTo]:
    """Where what was paid from outside may go; what is here already goes back by the way that it came, or stays."""
    if line is None:
        return [RefundTo.METHOD]
    return [RefundTo.METHOD, RefundTo.WALLET, RefundTo.CREDIT] if left.own else []


def what_is_left(line: Line | None, payment: Payment | None) -> PartsBack:
    """What of a line has not gone back, or of a payment without one is still there; nothing while unpaid.

    A top-up is in its payer's wallet, money that came late is credit.
    """
    if not _is_paid(line, payment):
        return PartsBack(0, 0, 0, 0)
    if line is not None:
        return parts_left(line)
    assert payment is not None
    if payment.became_credit:
        credit = credit_from(payment.pk, payment.payer, at=clock.now())
        there = credit.balance or 0 if credit else 0
    else:
        (there,) = balance_of(payment.payer, payment.currency, [Account.Kind.WALLET]).values()
    return PartsBack(0, 0, 0, min(payment.left - lost_of(payment), there))


def lost_of(payment: Payment) -> int:
    """What a bank took for good of a payment that pays no line; of one that does, the lines count it.

    Refunds that it made needless are gone of the payment already, so they are not counted again.
    """
    if payment.disputed_at is None:
        return 0
    lost: int = payment.disputes.aggregate(sum=Coalesce(Sum("lost"), 0))["sum"]
    needless = Transfer.objects.filter(
        kind=Transfer.Kind.REFUND, credit__kind=Account.Kind.DISPUTES, subject_id__in=payment.refunds.values("pk")
    )
    lost -= needless.aggregate(sum=Coalesce(Sum("amount"), 0))["sum"]
    return min(payment.left, max(0, lost))


def payment_of(line: Line) -> Payment | None:
    """The payment that paid what its buyer owed of a line."""
    return Payment.objects.filter(order_id=line.order_id, state=Payment.State.SUCCEEDED).first()


def refundable(line: Line | None, payment: Payment | None, *, now: datetime | None = None) -> Refundable:
    """What its buyer could ask back of a line, or of a top-up, now. Some six statements."""
    now = now or clock.now()
    of_it = Refund.objects.filter(line_id=line.pk) if line else Refund.objects.filter(payment=payment, line_id=None)
    left, until = what_is_left(line, payment), _until(line, payment)
    refusal = None
    if not left.whole:
        refusal = RuleError("nothing_left", _("There is nothing left that could go back."))
    elif line is not None and _is_to_come(line, now):
        refusal = RuleError("cancel_first", _("This is still to come. Cancel it, and see what comes back."))
    elif now > until:
        refusal = RuleError("too_late", _("The time to ask for a refund is over."))
    return Refundable(line, payment, left, until, of_it.filter(state=Refund.State.ASKED).first(), refusal)


@dataclass(frozen=True)
class Share:
    """What one who earns loses by a refund (minor units): of it, what was not earned, what is there, what is owed."""

    split: Split
    part: int
    owed: int


@dataclass(frozen=True)
class RefundEffect:
    """What granting an amount would do: to each who paid, and to each who earns."""

    parts: PartsBack
    shares: list[Share]

    @property
    def owed(self) -> int:
        """What was paid out already, and is taken from later earnings."""
        return sum(share.owed for share in self.shares)


def refund_effect(line: Line | None, left: PartsBack, amount: int) -> RefundEffect:
    """What `amount` (minor units) would do, if nothing else moved meanwhile. One statement, and one for each earner."""
    parts = parts_of(left, min(amount, left.whole))
    if line is None or not line.is_split:
        return RefundEffect(parts, [])
    splits = list(line.splits.select_related("recipient").order_by("id"))
    shares = []
    for split, part in zip(splits, apportion(parts.whole, [split.left for split in splits]), strict=True):
        there = part
        if split.recipient is not None and split.earned_at is not None:
            (balance,) = balance_of(split.recipient, line.order.currency, [Account.Kind.EARNINGS]).values()
            there = min(part, balance)
        shares.append(Share(split, part, part - there))
    return RefundEffect(parts, shares)


def _until(line: Line | None, payment: Payment | None) -> datetime:
    """The last moment to ask: so many days after it took place or was paid, whichever is later."""
    moments = [payment.paid_at] if payment and payment.paid_at else []
    if line is not None:
        moments += [line.order.settled_at] if line.order.settled_at else []
        moments += list(Session.objects.filter(pk=line.subject_id).values_list("ends_at", flat=True))
    return max(moments, default=clock.now()) + timedelta(days=refund_terms.afresh().ask_days)


def _is_paid(line: Line | None, payment: Payment | None) -> bool:
    """Whether an order was paid, or money came without one; what was only set aside goes back when it is let go."""
    if line is not None:
        return line.order.state == Order.State.PAID
    return payment is not None and payment.order_id is None and payment.state == Payment.State.SUCCEEDED


def _is_to_come(line: Line, now: datetime) -> bool:
    """Whether it is booked and has not begun, so that cancelling it is the way."""
    live = Booking.objects.filter(line=line.pk).live()
    return live.filter(session__starts_at__gt=now, session__status=Session.Status.PLANNED).exists()
