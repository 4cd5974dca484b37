from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.core.limits import hit
from tenpo.payments.actions.connect import open_stripe_account, settle_stripe_account
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers import offered_providers
from tenpo.people.http import PageRequest, attempt, is_fresh, show_again, visit_of


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def stripe_account(request: PageRequest) -> HttpResponse:
    """My account at Stripe, to which earnings can be sent: how it stands, and on to completing it."""
    _check_offered()
    if request.method == "POST":
        # Where money goes is not for whoever only sits at an open browser.
        if not is_fresh(request):
            return show_again(request)
        hit("pay-user", request.user.pk)
        url = attempt(request, lambda: open_stripe_account(request.user, by=request.user, visit=visit_of(request)))
        if url is None:
            return redirect("payments:stripe-account")
        context = {"to": cast(str, url), "back": reverse("payments:stripe-account"), "is_account": True}
        return render(request, "payments/leave.html", context)
    account = StripeAccount.objects.filter(user=request.user).first()
    return render(request, "payments/stripe_account.html", {"account": account})


@login_required
@never_cache
@require_safe
def stripe_account_back(request: PageRequest) -> HttpResponse:
    """Where Stripe sends whoever completed their account: how it stands is asked at once."""
    _check_offered()
    if account := StripeAccount.objects.filter(user=request.user).first():
        hit("pay-user", request.user.pk)
        settle_stripe_account(account)
    return redirect("payments:stripe-account")


def _check_offered() -> None:
    if "stripe" not in offered_providers():
        raise Http404
