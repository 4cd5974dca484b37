"""Payments that nobody waits for any more."""

from django.db.models import QuerySet

from tenpo.audit.actions import record_all
from tenpo.payments.models import Payment
from tenpo.people.models import User


def cancel_payments(payments: QuerySet[Payment], *, by: User | None = None) -> list[Payment]:
    """Give up payments that are only ours to give up, and return them; whoever locked their booking says which."""
    given_up = list(payments.select_for_update(no_key=True).order_by("id"))
    if not given_up:
        return []
    before = {payment.pk: payment.state for payment in given_up}
    for payment in given_up:
        payment.state = Payment.State.CANCELLED
    Payment.objects.filter(pk__in=list(before)).update(state=Payment.State.CANCELLED)
    after = {"state": Payment.State.CANCELLED}
    record_all([("payment.state_changed", each, {"state": before[each.pk]}, after) for each in given_up], by=by)
    return given_up
