"""What went back of a line for which cause, as the ledger has it: a line itself counts all of it together."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Sum

from tenpo.ledger.models import Transfer
from tenpo.orders.models import Line
from tenpo.orders.policies import GivenBack

# Where the buyer's part of a cancellation goes.
_TO = {
    Transfer.Kind.CREDIT_RESTORE: "credit",
    Transfer.Kind.CREDIT_ISSUE: "credit",
    Transfer.Kind.WALLET_RESTORE: "wallet",
    Transfer.Kind.WALLET_REFUND: "wallet",
    Transfer.Kind.REFUND_HOLD: "method",
}


def given_by_cancelling(lines: Iterable[Line]) -> dict[UUID, GivenBack]:
    """What the cancellation of each line gave back to its buyer, by line, without what was refunded of it: one
    statement.
    """
    rows = Transfer.objects.filter(subject_id__in=[line.pk for line in lines], kind__in=_TO)
    # A refund's transfers bear its id in their keys (`giving_back.Return`).
    sums = rows.exclude(key__contains=":refund:").values_list("subject_id", "kind").annotate(amount=Sum("amount"))
    found: dict[UUID, dict[str, int]] = {}
    for line_id, kind, amount in sums.order_by():
        parts = found.setdefault(line_id, {})
        to = _TO[Transfer.Kind(kind)]
        parts[to] = parts.get(to, 0) + amount
    return {line_id: GivenBack(**parts) for line_id, parts in found.items()}
