from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core import clock
from tenpo.core.limits import hit
from tenpo.payments.actions.methods import (
    add_payment_method,
    remove_payment_method,
    set_default_method,
    settle_method,
)
from tenpo.payments.forms import MethodForm
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.words import say_method_failure
from tenpo.people.http import PageRequest, attempt, attempt_form, page_of


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def method_list(request: PageRequest) -> HttpResponse:
    """What I pay with: the cards that I keep, and a new one."""
    form = MethodForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        hit("pay-user", request.user.pk)
        provider, source = form.cleaned_data["provider"], form.source
        method = attempt_form(
            form, lambda: add_payment_method(request.user, provider=provider, source=source, by=request.user)
        )
        if method is not None:
            return _after_adding(request, method)
    page = page_of(request, PaymentMethod.objects.kept().filter(user=request.user), order=("-id",))
    now = clock.now()
    context = {
        "methods": [(method, method.is_expired(now)) for method in page.items],
        "page": page,
        "form": form,
        "can_add": bool(form.fields["provider"].choices),  # type: ignore[attr-defined]
    }
    return render(request, "payments/method_list.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def method_default(request: PageRequest, method_id: UUID) -> HttpResponse:
    """Choose what is paid with when nothing else is chosen."""
    method = _own(request, method_id)
    done = _("%(method)s is offered first from now on.") % {"method": method}
    attempt(request, lambda: set_default_method(method, by=request.user), done=done)
    return redirect("payments:method-list")


@login_required
@require_POST
def method_remove(request: PageRequest, method_id: UUID) -> HttpResponse:
    """Keep a card no longer."""
    method = _own(request, method_id)
    done = _("%(method)s is removed.") % {"method": method}
    attempt(request, lambda: remove_payment_method(method, by=request.user), done=done)
    return redirect("payments:method-list")


@login_required
@never_cache
@require_safe
def method_leave(request: PageRequest, method_id: UUID) -> HttpResponse:
    """On to the provider's own page, where a card is entered."""
    method = _own(request, method_id)
    if method.state != PaymentMethod.State.ADDING or not method.action_url:
        return redirect("payments:method-list")
    context = {"to": method.action_url, "back": reverse("payments:method-list")}
    return render(request, "payments/leave.html", context)


@login_required
@never_cache
@require_safe
def method_back(request: PageRequest, method_id: UUID) -> HttpResponse:
    """Where the provider's page sends whoever entered a card: what became of it is asked at once."""
    method = _own(request, method_id)
    if method.state == PaymentMethod.State.ADDING:
        hit("pay-user", request.user.pk)
    return _after_adding(request, settle_method(method))


def _after_adding(request: PageRequest, method: PaymentMethod) -> HttpResponse:
    if method.state == PaymentMethod.State.ADDING and method.action_url and request.method == "POST":
        return redirect("payments:method-leave", method.pk)
    if method.state == PaymentMethod.State.READY:
        messages.success(request, _("%(method)s is kept to pay with.") % {"method": method})
    elif method.state == PaymentMethod.State.FAILED:
        messages.error(request, say_method_failure(method.failure_code))
    return redirect("payments:method-list")


def _own(request: PageRequest, method_id: UUID) -> PaymentMethod:
    return get_object_or_404(PaymentMethod.objects.visible_to(request.user).select_related("user"), pk=method_id)
