from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from tenpo.core.errors import RuleError
from tenpo.schedule.actions.series import (
    Planned,
    cancel_following,
    create_series,
    digest_of,
    edit_following,
    plan_series,
)
from tenpo.schedule.forms import FollowingForm, ReasonForm, SeriesForm
from tenpo.schedule.queries import cancellation_effect
from tenpo.schedule.series_queries import Following, following_of
from tenpo.schedule.views.teaching import add_problems, managed_session, teacher


@login_required
@require_http_methods(["GET", "POST"])
def series_create(request: HttpRequest) -> HttpResponse:
    """Offer a weekly series: its dates are shown first, and made when they are confirmed."""
    user = teacher(request)
    form = SeriesForm(request.POST or None, viewer=user)
    planned: list[Planned] = []
    if request.method == "POST" and form.is_valid():
        coach, rule, agreed, beside = form.whose(), form.rule(), request.POST.get("agreed"), form.others()
        try:
            planned = plan_series(coach, rule, minutes=form.cleaned_data["minutes"], beside=beside)
            if agreed:
                series = create_series(coach, rule=rule, by=user, agreed=agreed, beside=beside, **form.terms())
                count = series.sessions.count()
                text = ngettext("%(n)s session is published.", "%(n)s sessions are published.", count)
                messages.success(request, text % {"n": count})
                return redirect("schedule:teaching-list")
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
    free = [one for one in planned if one.clash is None]
    context = {"form": form, "planned": planned, "free": len(free), "agreed": digest_of(planned) if free else ""}
    return render(request, "schedule/series_form.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def following_edit(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Change this session and the later ones of its series."""
    user = teacher(request)
    session = managed_session(user, session_id)
    later = following_of(user, session)
    form = FollowingForm(request.POST or None, viewer=user, session=session)
    if request.method == "POST" and form.is_valid():
        try:
            edit_following(session, by=user, beside=form.beside(), **form.changes())
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Saved."))
            say_what_others_give(request, later)
            return redirect("schedule:session-roster", session.pk)
    context = {
        "form": form,
        "session": session,
        "sessions": later.managed,
        "of_others": later.of_others,
        "people": cancellation_effect(later.managed).people,
    }
    return render(request, "schedule/following_edit.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def following_cancel(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Call off this session and the later ones, after the effect was shown in numbers."""
    user = teacher(request)
    session = managed_session(user, session_id)
    later = following_of(user, session)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cancelled = cancel_following(session, reason=form.cleaned_data["reason"], by=user)
        except RuleError as error:
            add_problems(form, error)
        else:
            text = ngettext("%(n)s session is cancelled.", "%(n)s sessions are cancelled.", len(cancelled))
            messages.success(request, text % {"n": len(cancelled)})
            say_what_others_give(request, later)
            return redirect("schedule:session-roster", session.pk)
    context = {
        "form": form,
        "session": session,
        "sessions": later.managed,
        "of_others": later.of_others,
        "effect": cancellation_effect(later.managed),
    }
    return render(request, "schedule/session_cancel.html", context, status=422 if form.errors else 200)


def say_what_others_give(request: HttpRequest, later: Following) -> None:
    """Say which dates of a series were left as they are, since whoever stands in gives them."""
    if later.of_others:
        words = ngettext(
            "%(n)s date is given by somebody else, and stays as it is.",
            "%(n)s dates are given by somebody else, and stay as they are.",
            len(later.of_others),
        )
        messages.warning(request, words % {"n": len(later.of_others)})
