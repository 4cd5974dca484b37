"""What a bank took of a payment, and who bore it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Prefetch, Q, Sum, prefetch_related_objects

from tenpo.core.money import apportion
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.models import Line, Split
from tenpo.orders.policies import parts_left
from tenpo.payments.dispute_models import RELIEF
from tenpo.payments.models import Dispute, Payment
from tenpo.payments.queries import DisputedEarning
from tenpo.people.models import User


@dataclass(frozen=True)
class DisputeEffect:
    """One dispute, and who bore what was lost of it, in minor units."""

    dispute: Dispute
    by_refunds: int
    from_payer: int
    borne: int
    came_back: int


def disputes_of(payment: Payment) -> list[DisputeEffect]:
    """What a bank wants back of a payment, or wanted, the oldest first; two statements, or none."""
    if payment.disputed_at is None:
        return []
    disputes = list(payment.disputes.order_by("id"))
    is_refund = Q(kind=Transfer.Kind.REFUND, credit__kind=Account.Kind.DISPUTES)
    subjects = [dispute.pk for dispute in disputes]
    of_them = Q(subject_id__in=subjects) | (is_refund & Q(subject_id__in=payment.refunds.values("pk")))
    rows = Transfer.objects.filter(of_them).values_list("kind", "debit__kind", "subject_id", "key")
    moved = list(rows.annotate(sum=Sum("amount")))
    return [_effect(dispute, moved) for dispute in disputes]


def disputed_earnings(payee: User, currency: str) -> list[DisputedEarning]:
    """What somebody would give back of their earnings if banks kept what they want, the oldest dispute first.

    Four statements, or one where no bank wants anything of theirs.
    """
    wanted = Payment.objects.in_dispute().filter(currency=currency)
    theirs = Split.objects.filter(recipient=payee, earned_at__isnull=False, amount__gt=F("reversed"))
    orders = theirs.filter(line__order__in=wanted.values("order_id")).values("line__order")
    payments = list(wanted.filter(order_id__in=orders).select_related("payer").order_by("disputed_at", "id"))
    if not payments:
        return []
    prefetch_related_objects(payments, "disputes")
    splits = Prefetch("splits", Split.objects.order_by("id"))
    lines: dict[UUID, list[Line]] = {}
    of_them = Line.objects.filter(order_id__in=[payment.order_id for payment in payments])
    for line in of_them.prefetch_related(splits).order_by("id"):
        lines.setdefault(line.order_id, []).append(line)
    found = []
    for payment in payments:
        assert payment.order_id is not None
        of_it = lines[payment.order_id]
        earned = sum(_earned_of(line, own, payee) for line, own in own_parts(of_it, _wanted_of(payment)))
        found.append(DisputedEarning(payment, earned))
    return [each for each in found if each.earned]


def own_parts(lines: Sequence[Line], most: int) -> list[tuple[Line, int]]:
    """What the buyer paid of each line and has not got back, in proportion, up to `most` in all (minor units)."""
    left = [parts_left(line).own for line in lines]
    return list(zip(lines, apportion(min(most, sum(left)), left), strict=True))


def _wanted_of(payment: Payment) -> int:
    """How much of a payment a bank wants back and nobody has decided on; all of it before its provider says so."""
    disputes = list(payment.disputes.all())
    still = [one.amount - one.lost for one in disputes if one.state == Dispute.State.OPEN]
    return max(0, sum(still)) if disputes else payment.left


def _earned_of(line: Line, own: int, payee: User) -> int:
    """What of `own` somebody earned: a refund of as much would take it from them."""
    splits = list(line.splits.all())
    if not splits:
        return 0
    parts = zip(splits, apportion(own, [split.left for split in splits]), strict=True)
    return sum(part for split, part in parts if split.recipient_id == payee.pk and split.earned_at is not None)


def _effect(dispute: Dispute, moved: list[tuple[str, str, object, str, int]]) -> DisputeEffect:
    refunds = from_payer = borne = came_back = 0
    for kind, debit, subject_id, key, amount in moved:
        if kind == Transfer.Kind.REFUND and key.endswith(f":dispute:{dispute.pk}"):
            refunds += amount
        elif subject_id != dispute.pk:
            continue
        elif kind == Transfer.Kind.DISPUTE_LOSS and debit == Account.Kind.SALES:
            borne += amount
        elif kind == Transfer.Kind.DISPUTE_LOSS:
            from_payer += amount
        elif kind == Transfer.Kind.DISPUTE_GAIN and f":{RELIEF}:" in key:
            borne -= amount
        elif kind == Transfer.Kind.DISPUTE_GAIN:
            came_back += amount
    return DisputeEffect(dispute, refunds, from_payer, borne, came_back)
