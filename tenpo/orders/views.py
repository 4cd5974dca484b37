from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.errors import RuleError
from tenpo.orders.actions.policies import (
    create_cancellation_policy,
    end_share_policy,
    retire_cancellation_policy,
    set_default_cancellation_policy,
)
from tenpo.orders.forms import CancellationPolicyForm
from tenpo.orders.models import CancellationPolicy, SharePolicy
from tenpo.orders.permissions import can_manage_policies
from tenpo.orders.policies import read_windows
from tenpo.orders.words import describe_policy, describe_share
from tenpo.people.models import User


@login_required
@require_safe
def share_policy_list(request: HttpRequest) -> HttpResponse:
    """What the company pays: in force, coming, past, for everybody and for single coaches."""
    user = cast(User, request.user)
    now = timezone.now()
    policies = SharePolicy.objects.visible_to(user).select_related("coach", "created_by")
    rows = [_share_row(policy, now) for policy in policies.order_by("-active_from", "-id")]
    context = {
        "in_force": [row for row in rows if row["state"] == "now"],
        "coming": [row for row in rows if row["state"] == "coming"][::-1],
        "past": [row for row in rows if row["state"] == "past"],
        "may_manage": can_manage_policies(user),
        "tab": "shares",
    }
    return render(request, "orders/share_policy_list.html", context)


@login_required
@require_POST
def share_policy_end(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """End a policy now, or withdraw one that has not begun."""
    user = _admin(request)
    policy = get_object_or_404(SharePolicy, pk=policy_id)
    was_coming = policy.active_from > timezone.now()
    try:
        end_share_policy(policy, by=user)
    except RuleError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The policy is withdrawn.") if was_coming else _("The policy has ended."))
    return redirect("orders:share-policy-list")


@login_required
@require_safe
def cancellation_policy_list(request: HttpRequest) -> HttpResponse:
    """What comes back to whoever cancels: the policies that sessions can have."""
    user = cast(User, request.user)
    policies = CancellationPolicy.objects.visible_to(user).order_by("-is_default", "name", "id")
    rows = [(policy, describe_policy(read_windows(policy.windows))) for policy in policies]
    context = {
        "current": [row for row in rows if row[0].retired_at is None],
        "retired": [row for row in rows if row[0].retired_at is not None],
        "may_manage": can_manage_policies(user),
        "tab": "cancellation",
    }
    return render(request, "orders/cancellation_policy_list.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def cancellation_policy_create(request: HttpRequest) -> HttpResponse:
    """A new cancellation policy; its sentence is shown before it is saved."""
    user = _admin(request)
    form = CancellationPolicyForm(request.POST or None)
    is_valid = form.is_bound and form.is_valid()
    if is_valid and "preview" not in request.POST:
        create_cancellation_policy(
            name=form.cleaned_data["name"],
            windows=form.cleaned_data["windows"],
            is_default=form.cleaned_data["is_default"],
            by=user,
        )
        messages.success(request, _("The policy is there. Sessions can be offered under it."))
        return redirect("orders:cancellation-policy-list")
    sentence = describe_policy(form.cleaned_data["windows"]) if is_valid else ""
    context = {"form": form, "sentence": sentence, "tab": "cancellation"}
    return render(
        request, "orders/cancellation_policy_form.html", context, status=422 if form.is_bound and not is_valid else 200
    )


@login_required
@require_POST
def cancellation_policy_default(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """Let new sessions start with a policy."""
    user = _admin(request)
    policy = get_object_or_404(CancellationPolicy, pk=policy_id)
    try:
        set_default_cancellation_policy(policy, by=user)
    except RuleError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("New sessions start with “%(name)s”.") % {"name": policy.name})
    return redirect("orders:cancellation-policy-list")


@login_required
@require_POST
def cancellation_policy_retire(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """Offer nothing new under a policy."""
    user = _admin(request)
    policy = get_object_or_404(CancellationPolicy, pk=policy_id)
    try:
        retire_cancellation_policy(policy, by=user)
    except RuleError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("“%(name)s” is retired. Bookings that have it keep it.") % {"name": policy.name})
    return redirect("orders:cancellation-policy-list")


def _admin(request: HttpRequest) -> User:
    user = cast(User, request.user)
    if not can_manage_policies(user):
        raise Http404
    return user


def _share_row(policy: SharePolicy, now: Any) -> dict[str, Any]:
    is_over = policy.active_until is not None and policy.active_until <= now
    is_withdrawn = policy.active_until is not None and policy.active_until == policy.active_from
    state = "past" if is_over or is_withdrawn else "coming" if policy.active_from > now else "now"
    return {"policy": policy, "state": state, "words": describe_share(policy), "is_withdrawn": is_withdrawn}
