"""What becomes of a payment, by API: how it is made by transfer, marked as paid; providers' webhooks land here."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.settling import mark_paid, receive_event
from tenpo.checkout.queries.bookings import slip_of_payment
from tenpo.core.api import ApiRequest, problem, problems
from tenpo.payments.api import PaymentOut, SlipOut
from tenpo.payments.models import Payment
from tenpo.payments.providers import PROVIDERS
from tenpo.payments.providers.base import BadSignature, ProviderTimeout
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


@router.post(
    "/payments/{uuid:payment_id}/confirmation",
    response={200: PaymentOut, **problems(403, 404, 409)},
    summary="Mark a payment as paid",
)
@once(PaymentOut, is_whole=True)
def confirm_payment(request: ApiRequest, payment_id: UUID) -> Payment:
    """An admin saw the money of a payroll or bank transfer payment. Marking twice changes nothing.

    When the seat was let go meanwhile, the money becomes credit. Nobody marks their own.

    Refusals: `not_manual`, `own_payment`.
    """
    payment = get_object_or_404(Payment.objects.visible_to(request.user), pk=payment_id)
    return mark_paid(payment, by=request.user)


@router.post(
    "/webhooks/{provider}", auth=None, response={200: None, **problems(400, 404, 503)}, summary="Receive an event"
)
def receive_webhook(request: HttpRequest, provider: str) -> HttpResponse:
    """Where a payment provider tells us what became of a payment. Its signature says who it is; repeats do nothing.

    503 `not_answered`: the provider could not be asked what became of it, and tells us again.
    """
    if provider not in PROVIDERS:
        raise Http404
    try:
        receive_event(provider, request.headers, request.body)
    except BadSignature:
        return problem(400, "bad_signature", _("This event is not signed by the provider."))
    except ProviderTimeout:
        return problem(503, "not_answered", _("The provider does not answer. Please tell this again later."))
    return HttpResponse(status=200)
