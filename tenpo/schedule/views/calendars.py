from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.limits import hit
from tenpo.people.http import PageRequest, attempt, attempt_form, visit_of
from tenpo.people.models import User
from tenpo.schedule.actions.calendars import change_connection, connect_feed, disconnect_calendar, switch_connection
from tenpo.schedule.calendar_forms import CalendarForm, FeedForm
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendar_queries import coming_times, my_calendars
from tenpo.schedule.calendar_words import advice_for


@login_required
@require_safe
def calendar_list(request: PageRequest) -> HttpResponse:
    """The calendars that I keep elsewhere."""
    return render(request, "schedule/calendar_list.html", {"calendars": my_calendars(request.user)})


@login_required
@require_http_methods(["GET", "POST"])
def feed_connect(request: PageRequest) -> HttpResponse:
    """Connect a calendar by its address."""
    form = FeedForm(request.POST or None, initial={"blocks_time": True})
    if request.method == "POST" and form.is_valid():
        hit("calendar-user", request.user.pk)
        user, values = request.user, form.cleaned_data
        made = attempt_form(form, lambda: connect_feed(user, **values, by=user, visit=visit_of(request)))
        if made is not None:
            messages.success(request, _("Connected. It is read within a minute."))
            return redirect("schedule:calendar-detail", made.pk)
    return render(request, "schedule/feed_connect.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def calendar_detail(request: PageRequest, connection_id: str) -> HttpResponse:
    """One of them: how it is, what it is used for, and which times it takes."""
    connection = _mine(request, connection_id)
    used = {"label": connection.label, "blocks_time": connection.blocks_time}
    form = CalendarForm(request.POST or None, initial=used)
    if request.method == "POST" and form.is_valid():
        changed = attempt_form(form, lambda: change_connection(connection, by=request.user, **form.cleaned_data))
        if changed is not None:
            messages.success(request, _("Saved."))
            return redirect("schedule:calendar-detail", connection.pk)
    context = {
        "connection": connection,
        "advice": advice_for(connection.problem),
        "form": form,
        "times": coming_times(connection),
    }
    return render(request, "schedule/calendar_detail.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def calendar_on(request: PageRequest, connection_id: str) -> HttpResponse:
    """Follow it again, or ask it at once."""
    connection = _mine(request, connection_id)
    hit("calendar-user", request.user.pk)
    done = _("It is read within a minute.")
    attempt(request, lambda: switch_connection(connection, is_on=True, by=request.user), done=done)
    return redirect("schedule:calendar-detail", connection.pk)


@login_required
@require_POST
def calendar_off(request: PageRequest, connection_id: str) -> HttpResponse:
    """Follow it no more."""
    connection = _mine(request, connection_id)
    done = _("Switched off. It takes none of your time any more.")
    attempt(request, lambda: switch_connection(connection, is_on=False, by=request.user), done=done)
    return redirect("schedule:calendar-detail", connection.pk)


@login_required
@require_POST
def calendar_disconnect(request: PageRequest, connection_id: str) -> HttpResponse:
    """Let go of it."""
    connection = _mine(request, connection_id)
    done = _("“%(calendar)s” is disconnected, and its address forgotten.") % {"calendar": connection.label}
    attempt(request, lambda: disconnect_calendar(connection, by=request.user), done=done)
    return redirect("schedule:calendar-list")


def _mine(request: HttpRequest, connection_id: str) -> CalendarConnection:
    assert isinstance(request.user, User)
    return get_object_or_404(CalendarConnection.objects.visible_to(request.user), pk=connection_id)
