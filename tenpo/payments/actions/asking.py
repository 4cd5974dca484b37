"""Whom a job asks next, where many wait and some may wait for ever."""

from collections.abc import Callable

from django.db.models import F, QuerySet

from tenpo.core import clock
from tenpo.core.jobs import each_by_itself
from tenpo.payments.models import Payment, Payout, Refund
from tenpo.payments.provider_models import PaymentMethod, StripeAccount


def ask_in_turn[M: (Payment, Payout, Refund, PaymentMethod, StripeAccount)](
    waiting: QuerySet[M], ask: Callable[[M], object], *, limit: int
) -> int:
    """Ask about the rows that were asked about longest ago, outside of any transaction; how many were answered for.

    So the oldest, which may never be answered, keep no others waiting; neither does one that breaks.
    """
    rows = list(waiting.order_by(F("asked_at").asc(nulls_first=True), "id")[:limit])
    waiting.model._default_manager.filter(pk__in=[row.pk for row in rows]).update(asked_at=clock.now())
    return sum(map(bool, each_by_itself(rows, ask, failure=f"{waiting.model._meta.model_name}_not_settled")))
