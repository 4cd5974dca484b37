from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenpo.checkout.actions.settling import decide_sandbox_charge
from tenpo.checkout.views.payments import address_after
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.people.models import User


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def bank(request: HttpRequest, charge_id: UUID) -> HttpResponse:
    """The sandbox's bank: the payer says yes or no to a charge of theirs."""
    payments = Payment.objects.filter(payer=cast(User, request.user), provider="sandbox")
    payment = get_object_or_404(payments, reference=str(charge_id))
    charge = get_object_or_404(SandboxCharge, pk=charge_id)
    if request.method == "POST":
        decide_sandbox_charge(charge.pk, succeeds=request.POST.get("answer") == "approve")
        return redirect(address_after(payment))
    context = {
        "charge": charge,
        "payment": payment,
        "address_after": address_after(payment),
        "is_waiting": charge.state == "needs_action",
    }
    return render(request, "checkout/sandbox_bank.html", context)
