from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenpo.checkout.queries.policies import share_effect
from tenpo.core.errors import RuleError
from tenpo.orders.actions.policies import create_share_policy
from tenpo.orders.forms import SharePolicyForm
from tenpo.orders.words import describe_share
from tenpo.people.http import PageRequest, admins_only


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def share_policy_create(request: PageRequest) -> HttpResponse:
    """A new version of what the company pays; first what it would do to the coming sessions, then saved."""
    form = SharePolicyForm(request.POST or None)
    refusal = effect = proposed = None
    if form.is_bound and form.is_valid():
        wanted = form.cleaned_data
        proposed = form.proposed()
        effect = share_effect(proposed)
        if "preview" not in request.POST:
            try:
                create_share_policy(
                    name=wanted["name"],
                    terms=wanted["terms"],
                    coach=wanted["coach"],
                    active_from=wanted["active_from"],
                    active_until=wanted["active_until"],
                    by=request.user,
                )
            except RuleError as error:
                refusal = error
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, _("The policy is decided."))
                return redirect("orders:share-policy-list")
    context = {
        "form": form,
        "refusal": refusal,
        "effect": effect,
        "words": describe_share(proposed) if proposed else "",
        "tab": "shares",
    }
    status = 409 if refusal else 422 if form.is_bound and form.errors else 200
    return render(request, "checkout/share_policy_form.html", context, status=status)
