"""How a payment is carried out by whoever owes it, by API."""

from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Router

from tenpo.checkout.queries.bookings import slip_of_payment
from tenpo.core.api import ApiRequest, problems
from tenpo.payments.api import SlipOut
from tenpo.payments.models import Payment
from tenpo.payments.slips import Slip

router = Router(tags=["Booking and paying"])


@router.get(
    "/payments/{uuid:payment_id}/transfer",
    response={200: SlipOut, **problems(404)},
    summary="How to pay by bank transfer",
)
def get_payment_transfer(request: ApiRequest, payment_id: UUID) -> Slip:
    """Where to, how much, and which reference, while a payment of `transfer` waits for its money; 404 otherwise."""
    payment = get_object_or_404(Payment.objects.visible_to(request.user), pk=payment_id)
    slip = slip_of_payment(payment)
    if slip is None:
        raise Http404
    return slip
