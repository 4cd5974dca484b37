"""Who earns what is sold: the rules, with the services that some of them are for."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.checkout.split_rule_forms import SplitRuleForm
from tenpo.core import clock
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import SplitRule
from tenpo.orders.permissions import can_manage_policies
from tenpo.orders.views import state_of
from tenpo.orders.words import describe_split
from tenpo.people.http import PageRequest, admins_only, attempt_form
from tenpo.people.models import User
from tenpo.schedule.models import Service


@login_required
@require_safe
def split_rule_list(request: HttpRequest) -> HttpResponse:
    """Who earns what: every rule for admins, a coach's own for themselves."""
    user = cast(User, request.user)
    if not (user.is_admin or user.is_coach):
        raise Http404
    now = clock.now()
    rules = SplitRule.objects.visible_to(user).select_related("coach").order_by("place", "-active_from", "-id")
    offered = {rule.offered_id for rule in rules if rule.offered_id}
    services = Service.objects.visible_to(user).filter(pk__in=offered)
    names: dict[UUID | None, str] = dict(services.values_list("pk", "name")) if offered else {}
    rows = [
        {"rule": rule, "words": describe_split(rule), "state": state_of(rule, now), "what": _say_what(rule, names)}
        for rule in rules
    ]
    order = ("now", "coming", "past")
    context = {
        "rows": sorted(rows, key=lambda row: order.index(str(row["state"]))),
        "may_manage": can_manage_policies(user),
        "tab": "splits",
    }
    return render(request, "checkout/split_rule_list.html", context)


@admins_only
@require_http_methods(["GET", "POST"])
def split_rule_create(request: PageRequest) -> HttpResponse:
    """Decide who earns what from a day on."""
    form = SplitRuleForm(request.POST or None)
    if form.is_valid() and attempt_form(form, lambda: create_split_rule(by=request.user, **form.wanted())):
        messages.success(request, _("The rule is decided."))
        return redirect("checkout:split-rule-list")
    return render(request, "checkout/split_rule_form.html", {"form": form}, status=422 if form.errors else 200)


def _say_what(rule: SplitRule, names: dict[UUID | None, str]) -> str:
    """What a rule is for, where it is not for anything; a service that its reader does not see has no name."""
    if rule.offered_id is None:
        return _("of sessions") if rule.kind else ""
    name = names.get(rule.offered_id)
    return _("of “%(name)s”") % {"name": name} if name else _("of one service")
