from uuid import UUID

from django.db.models import QuerySet

from tenpo.payments.models import Payment
from tenpo.payments.providers import PROVIDERS


def manual_providers() -> list[str]:
    """The providers whose money an admin marks as paid."""
    return [name for name, provider in PROVIDERS.items() if provider.is_marked_by_hand]


def unmarked(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Those of `payments` that wait for an admin to see the money."""
    return payments.filter(state=Payment.State.PENDING, provider__in=manual_providers())


def live_payment(order_id: UUID) -> Payment | None:
    """The one payment of an order that is under way or succeeded."""
    return Payment.objects.filter(order_id=order_id, state__in=[*Payment.OPEN, Payment.State.SUCCEEDED]).first()
