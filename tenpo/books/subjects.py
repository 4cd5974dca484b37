"""What causes transfers: the models whose ids stand in them as their subject, and the page of each that has one.

A new kind of cause is a line in `SUBJECTS`; nothing else here or in the pages changes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tenpo.ledger.models import Transfer
from tenpo.orders.models import Line, Split
from tenpo.orders.sponsor_models import SponsorPayment
from tenpo.payments.models import Dispute, Grant, Payment, Payout, Refund


@dataclass(frozen=True)
class Subject:
    """What caused a transfer: what kind of thing, its id, how accountants find it again, and its page, if any."""

    kind: str
    label: str
    id: UUID
    reference: str
    url: str


@dataclass(frozen=True)
class _Source:
    """One kind of cause: its rows, a name for the API, words, and what is said of a row."""

    rows: Callable[[], Any]
    kind: str
    label: Any
    reference: Callable[[Any], str]
    url: Callable[[Any], str]


SUBJECTS = (
    _Source(
        lambda: Line.objects.select_related("order"), "order_line", _("Order"), lambda line: line.order.number,
        lambda line: reverse("checkout:receipt", args=[line.order_id]),
    ),
    _Source(
        lambda: Payment.objects.all(), "payment", _("Payment"), lambda payment: payment.reference or "",
        lambda payment: reverse("checkout:payment-detail", args=[payment.pk]),
    ),
    _Source(
        lambda: Split.objects.select_related("line__order"), "split", _("Share"),
        lambda split: split.line.order.number, lambda split: reverse("checkout:receipt", args=[split.line.order_id]),
    ),
    _Source(
        lambda: Grant.objects.all(), "grant", _("Money given"), lambda grant: grant.reason,
        lambda grant: reverse("checkout:wallet-detail", args=[grant.owner_id]),
    ),
    _Source(
        lambda: Payout.objects.all(), "payout", _("Payout"), lambda payout: payout.reference or "",
        lambda payout: reverse("payments:payout-review", args=[payout.pk]),
    ),
    _Source(
        lambda: Refund.objects.all(), "refund", _("Refund"), lambda refund: refund.reference or "",
        lambda refund: reverse("checkout:refund-review", args=[refund.pk]),
    ),
    _Source(
        lambda: Dispute.objects.all(), "dispute", _("Dispute"), lambda dispute: dispute.reference,
        lambda dispute: reverse("checkout:payment-detail", args=[dispute.payment_id]),
    ),
    _Source(
        lambda: SponsorPayment.objects.all(), "sponsor_payment", _("Paid by a sponsor"),
        lambda payment: payment.reference,
        lambda payment: reverse("orders:sponsorship-detail", args=[payment.sponsorship_id]),
    ),
)  # fmt: skip


def subjects_of(transfers: Iterable[Transfer]) -> dict[UUID, Subject]:
    """What caused each transfer, by the subject's id; one statement for each kind of cause, however many transfers."""
    wanted = {transfer.subject_id for transfer in transfers}
    found: dict[UUID, Subject] = {}
    for source in SUBJECTS:
        for row in source.rows().filter(pk__in=wanted - found.keys()):
            found[row.pk] = Subject(source.kind, str(source.label), row.pk, source.reference(row), source.url(row))
    return found
