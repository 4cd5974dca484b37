"""What the pages have in common on which something is booked and paid."""

from django import forms
from django.http import HttpRequest
from django.urls import reverse

from tenpo.checkout.actions.paying import Pays
from tenpo.checkout.forms import PaymentForm
from tenpo.checkout.queries.bookings import action_address, last_payment
from tenpo.core.errors import RuleError
from tenpo.payments.models import Payment
from tenpo.schedule.models import Booking

# A page that refuses by a rule is shown again with what was typed.
REFUSED, INVALID = 409, 422


def uses_wallet(request: HttpRequest) -> bool:
    """Whether the wallet is asked to pay: yes, unless the page was opened, or its form sent, without it."""
    return not (request.POST.get("keep_wallet") or request.GET.get("wallet") == "no")


def how_paid(request: HttpRequest, form: PaymentForm) -> Pays:
    """How somebody pays by a form that is filled in, as the actions of booking take it."""
    return {
        "provider": form.provider_name, "source": form.source, "agreed": form.cleaned_data["agreed"],
        "use_wallet": uses_wallet(request), "keep": form.wants_to_keep,
    }  # fmt: skip


def next_address(booking: Booking) -> str:
    """Where whoever has just booked goes: to their bank where it asks for them, otherwise to what became of it."""
    if booking.state == Booking.State.HELD:
        payment = last_payment(booking)
        if payment and payment.state == Payment.State.NEEDS_ACTION:
            return action_address(payment)
    return reverse("checkout:booking-result", args=[booking.pk])


def status_of(refusal: RuleError | None, *filled_in: forms.Form) -> int:
    """How a page answers with the form that was sent to it, or the one to send."""
    if refusal:
        return REFUSED
    return INVALID if any(form.is_bound and not form.is_valid() for form in filled_in) else 200
