from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tenpo.core.business import current_business, forget_business
from tenpo.orders.actions.business import GUARDED_FIELDS, find_changes, is_currency_fixed, update_business
from tenpo.people.http import (
    PageRequest,
    admins_only,
    attempt_form,
    is_fresh,
    show_again,
    typed_before,
    visit_of,
)
from tenpo.web.forms import BusinessForm


@admins_only
@require_http_methods(["GET", "POST"])
def settings(request: PageRequest) -> HttpResponse:
    """What the owner decides, and the way to policies, deliveries and audit."""
    # What another process changed a second ago must not be written back.
    forget_business()
    form = BusinessForm(
        request.POST or None,
        business=current_business(),
        is_currency_fixed=is_currency_fixed(),
        typed=typed_before(request),
    )
    if form.is_valid():
        changes = find_changes(form.cleaned_data)
        # Whoever only sits at an open browser does not make it stay open by a password alone, nor has money sent
        # elsewhere.
        if GUARDED_FIELDS & changes.keys() and not is_fresh(request):
            return show_again(request, typed=form.cleaned_data)
        if attempt_form(form, lambda: update_business(by=request.user, visit=visit_of(request), **changes)):
            messages.success(request, _("Saved."))
            return redirect("web:settings")
    return render(request, "web/settings.html", {"form": form}, status=422 if form.errors else 200)
