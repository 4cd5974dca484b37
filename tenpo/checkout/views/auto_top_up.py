"""How a member's wallet is filled by itself, and below what they are told."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenpo.checkout.forms import AutoTopUpForm
from tenpo.checkout.queries.money import auto_top_up_context
from tenpo.core.business import current_business
from tenpo.core.limits import hit
from tenpo.payments.actions.auto_top_ups import TopUpWish, asks_for_more, set_auto_top_up
from tenpo.payments.queries import auto_top_up_of, ready_methods
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.http import PageRequest, attempt_form, is_fresh, show_again, typed_before, visit_of


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def auto_top_up(request: PageRequest) -> HttpResponse:
    """When it is filled, by how much, and by what; and when its owner is told that little is left."""
    settings, business = auto_top_up_of(request.user), current_business()
    saved = ready_methods(request.user)
    form = AutoTopUpForm(request.POST or None, settings=settings, saved=saved, typed=typed_before(request))
    if request.method == "POST" and form.is_valid():
        hit("pay-user", request.user.pk)
        wish = form.wish
        # What a card is charged by itself goes on when the browser is left: not for whoever only sits at an open one.
        is_more = asks_for_more(settings, wish)
        if is_more and not is_fresh(request):
            return show_again(request, typed=form.cleaned_data)
        if attempt_form(form, lambda: _set(request, wish, may_ask_more=is_more)):
            messages.success(request, _("Saved."))
            return redirect("checkout:my-wallet")
    context = {
        **auto_top_up_context(request.user),
        "form": form,
        "can_be_on": bool(saved),
        "currency": business.currency,
    }
    return render(request, "checkout/auto_top_up.html", context, status=422 if form.errors else 200)


def _set(request: PageRequest, wish: TopUpWish, *, may_ask_more: bool) -> AutoTopUp:
    visit = visit_of(request)
    return set_auto_top_up(request.user, wish, may_ask_more=may_ask_more, by=request.user, visit=visit)
