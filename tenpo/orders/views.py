from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core import clock
from tenpo.orders.actions.policies import (
    create_cancellation_policy,
    end_share_policy,
    retire_cancellation_policy,
    set_default_cancellation_policy,
)
from tenpo.orders.actions.splits import end_split_rule
from tenpo.orders.forms import CancellationPolicyForm
from tenpo.orders.models import CancellationPolicy, SharePolicy, SplitRule
from tenpo.orders.permissions import can_manage_policies
from tenpo.orders.policy_words import describe_policy
from tenpo.orders.words import describe_share
from tenpo.people.http import PageRequest, admins_only, attempt, attempt_form
from tenpo.people.models import User


@login_required
@require_safe
def share_policy_list(request: HttpRequest) -> HttpResponse:
    """What the company pays: in force, coming, past, for everybody and for single coaches."""
    user = cast(User, request.user)
    now = clock.now()
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


@admins_only
@require_POST
def share_policy_end(request: PageRequest, policy_id: UUID) -> HttpResponse:
    """End a policy now, or withdraw one that has not begun."""
    policy = get_object_or_404(SharePolicy, pk=policy_id)
    done = _("The policy is withdrawn.") if policy.active_from > clock.now() else _("The policy has ended.")
    attempt(request, lambda: end_share_policy(policy, by=request.user), done=done)
    return redirect("orders:share-policy-list")


@admins_only
@require_POST
def split_rule_end(request: PageRequest, rule_id: UUID) -> HttpResponse:
    """End a rule now, or withdraw one that has not begun."""
    rule = get_object_or_404(SplitRule, pk=rule_id)
    attempt(request, lambda: end_split_rule(rule, by=request.user), done=_("The rule has ended."))
    return redirect("checkout:split-rule-list")


@login_required
@require_safe
def cancellation_policy_list(request: HttpRequest) -> HttpResponse:
    """What comes back to whoever cancels: the policies that sessions can have."""
    user = cast(User, request.user)
    policies = CancellationPolicy.objects.visible_to(user).order_by("-is_default", "name", "id")
    rows = [(policy, describe_policy(policy.terms)) for policy in policies]
    context = {
        "current": [row for row in rows if row[0].retired_at is None],
        "retired": [row for row in rows if row[0].retired_at is not None],
        "may_manage": can_manage_policies(user),
        "tab": "cancellation",
    }
    return render(request, "orders/cancellation_policy_list.html", context)


@admins_only
@require_http_methods(["GET", "POST"])
def cancellation_policy_create(request: PageRequest) -> HttpResponse:
    """A new cancellation policy; its sentence is shown before it is saved."""
    form = CancellationPolicyForm(request.POST or None)
    sentence = ""
    if form.is_valid():
        sentence = describe_policy(form.cleaned_data["policy"])
        wanted = {name: form.cleaned_data[name] for name in ("name", "policy", "is_default")}
        if "preview" not in request.POST and attempt_form(
            form, lambda: create_cancellation_policy(by=request.user, **wanted)
        ):
            messages.success(request, _("The policy is there. Sessions can be offered under it."))
            return redirect("orders:cancellation-policy-list")
    context = {"form": form, "sentence": sentence, "tab": "cancellation"}
    return render(request, "orders/cancellation_policy_form.html", context, status=422 if form.errors else 200)


@admins_only
@require_POST
def cancellation_policy_default(request: PageRequest, policy_id: UUID) -> HttpResponse:
    """Let new sessions start with a policy."""
    policy = get_object_or_404(CancellationPolicy, pk=policy_id)
    done = _("New sessions start with “%(name)s”.") % {"name": policy.name}
    attempt(request, lambda: set_default_cancellation_policy(policy, by=request.user), done=done)
    return redirect("orders:cancellation-policy-list")


@admins_only
@require_POST
def cancellation_policy_retire(request: PageRequest, policy_id: UUID) -> HttpResponse:
    """Offer nothing new under a policy."""
    policy = get_object_or_404(CancellationPolicy, pk=policy_id)
    done = _("“%(name)s” is retired. Bookings that have it keep it.") % {"name": policy.name}
    attempt(request, lambda: retire_cancellation_policy(policy, by=request.user), done=done)
    return redirect("orders:cancellation-policy-list")


def state_of(rule: SharePolicy | SplitRule, now: Any) -> str:
    """Whether a rule is past, coming, or holds now."""
    if rule.active_until is not None and rule.active_until <= max(now, rule.active_from):
        return "past"
    return "coming" if rule.active_from > now else "now"


def _share_row(policy: SharePolicy, now: Any) -> dict[str, Any]:
    is_withdrawn = policy.active_until is not None and policy.active_until == policy.active_from
    state = state_of(policy, now)
    return {"policy": policy, "state": state, "words": describe_share(policy), "is_withdrawn": is_withdrawn}
