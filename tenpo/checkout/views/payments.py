from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenpo.checkout.actions.settling import settle_from_provider
from tenpo.checkout.queries.bookings import booking_of_payment
from tenpo.core.limits import hit
from tenpo.payments.models import Payment
from tenpo.people.http import PageRequest


@login_required
@never_cache
@require_safe
def leave(request: PageRequest, payment_id: UUID) -> HttpResponse:
    """On to the provider's own page. A form of ours may not lead to another site; a page may."""
    payment = get_object_or_404(Payment.objects.filter(payer=request.user), pk=payment_id)
    if payment.state != Payment.State.NEEDS_ACTION or not payment.action_url:
        return redirect(address_after(payment))
    return render(request, "payments/leave.html", {"to": payment.action_url, "back": address_after(payment)})


@login_required
@never_cache
@require_safe
def back(request: PageRequest, payment_id: UUID) -> HttpResponse:
    """Where the provider's page sends a payer: what became of the payment is asked at once."""
    payment = get_object_or_404(Payment.objects.filter(payer=request.user), pk=payment_id)
    if payment.state == Payment.State.NEEDS_ACTION:
        hit("pay-user", request.user.pk)
        settle_from_provider(payment)
    return redirect(address_after(payment))


def address_after(payment: Payment) -> str:
    """The page that says what became of a payment."""
    if payment.purpose == Payment.Purpose.TOP_UP:
        return reverse("checkout:top-up-result", args=[payment.pk])
    booking_id = booking_of_payment(payment)
    return reverse("checkout:booking-result", args=[booking_id]) if booking_id else reverse("checkout:my-money")
