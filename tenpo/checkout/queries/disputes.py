"""What a bank took of a payment, and who bore it."""

from dataclasses import dataclass

from django.db.models import Q, Sum

from tenpo.ledger.models import Account, Transfer
from tenpo.payments.dispute_models import RELIEF
from tenpo.payments.models import Dispute, Payment


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
