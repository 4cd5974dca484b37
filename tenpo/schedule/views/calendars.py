import hmac
from dataclasses import asdict

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core import clock
from tenpo.core.limits import hit
from tenpo.people.http import PageRequest, attempt, attempt_form, is_fresh, show_again, typed_before, visit_of
from tenpo.people.models import User
from tenpo.schedule.actions.calendar_conflicts import keep_ours, take_theirs
from tenpo.schedule.actions.calendars import (
    change_connection,
    connect_caldav,
    connect_feed,
    connect_google,
    disconnect_calendar,
    find_account,
    switch_connection,
)
from tenpo.schedule.calendar_forms import CalDavForm, CalendarForm, ChosenCalendarForm, FeedForm
from tenpo.schedule.calendar_models import CalendarConnection, WrittenEvent
from tenpo.schedule.calendar_queries import (
    coming_times,
    conflicts_of,
    my_calendars,
    ours_now,
    takes_place,
    taught_while_elsewhere,
)
from tenpo.schedule.calendar_words import advice_for
from tenpo.schedule.calendars import offers_google
from tenpo.schedule.calendars.base import Said
from tenpo.schedule.calendars.caldav import FoundCalendar
from tenpo.schedule.calendars.google import begin_journey

Problem = CalendarConnection.Problem


@login_required
@require_safe
def calendar_list(request: PageRequest) -> HttpResponse:
    """The calendars that I keep elsewhere."""
    context = {
        "calendars": my_calendars(request.user),
        "now": clock.now(),
        "conflicts": conflicts_of(request.user),
        "elsewhere": taught_while_elsewhere(request.user),
        "offers_google": offers_google(),
    }
    return render(request, "schedule/calendar_list.html", context)


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
            messages.success(request, _("We are reading it for the first time."))
            return redirect("schedule:calendar-detail", made.pk)
    return render(request, "schedule/feed_connect.html", {"form": form}, status=422 if form.errors else 200)


# In a visit, which is sealed: an account whose calendars were found, until one of them is chosen.
FOUND = "caldav_found"


@login_required
@require_http_methods(["GET", "POST"])
def caldav_connect(request: PageRequest) -> HttpResponse:
    """Find the calendars of an account at a CalDAV server."""
    form = CalDavForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        hit("calendar-user", request.user.pk)
        address, username, password = (form.cleaned_data[name] for name in ("address", "username", "password"))
        found = attempt_form(form, lambda: find_account(address, username, password))
        if found is not None:
            calendars = [asdict(one) for one in found]
            request.session[FOUND] = {"username": username, "password": password, "calendars": calendars}
            return redirect("schedule:caldav-choose")
    if form.errors:
        form.ask_again()
    return render(request, "schedule/caldav_connect.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def caldav_choose(request: PageRequest) -> HttpResponse:
    """Connect one of the calendars that were found."""
    known = request.session.get(FOUND)
    if known is None:
        return redirect("schedule:caldav-connect")
    calendars = [FoundCalendar(**one) for one in known["calendars"]]
    form = ChosenCalendarForm(request.POST or None, calendars=calendars, initial={"calendar": "0", "blocks_time": True})
    if request.method == "POST" and form.is_valid():
        user, blocks_time = request.user, form.cleaned_data["blocks_time"]
        login = {"username": known["username"], "password": known["password"]}
        made = attempt_form(
            form,
            lambda: connect_caldav(
                user, calendar=form.chosen(), **login, blocks_time=blocks_time, by=user, visit=visit_of(request)
            ),
        )
        if made is not None:
            del request.session[FOUND]
            messages.success(request, _("We are reading it for the first time."))
            return redirect("schedule:calendar-detail", made.pk)
    return render(request, "schedule/caldav_choose.html", {"form": form}, status=422 if form.errors else 200)


# In a visit: who was sent to Google, until they are back.
JOURNEY = "google_journey"


@login_required
@require_safe
def google_connect(request: PageRequest) -> HttpResponse:
    """On to Google, where somebody lets us into their calendar; a link, as no form of ours may lead to another site."""
    if not offers_google():
        raise Http404
    hit("calendar-user", request.user.pk)
    journey = begin_journey(_back_from_google())
    request.session[JOURNEY] = {"state": journey.state, "verifier": journey.verifier}
    return redirect(journey.url)


@login_required
@require_safe
def google_back(request: PageRequest) -> HttpResponse:
    """Back from Google, by whoever was sent there in this visit, once."""
    if not offers_google():
        raise Http404
    journey = request.session.pop(JOURNEY, None)
    state, code = request.GET.get("state", ""), request.GET.get("code", "")
    if journey is None or not code or not hmac.compare_digest(journey["state"].encode(), state.encode()):
        messages.error(request, _("Google did not let us into your calendar. Please try again."))
        return redirect("schedule:calendar-list")
    hit("calendar-user", request.user.pk)
    user, back = request.user, _back_from_google()
    made = attempt(
        request,
        lambda: connect_google(
            user, code=code, verifier=journey["verifier"], back=back, by=user, visit=visit_of(request)
        ),
        done=_("We are reading it for the first time."),
    )
    return redirect("schedule:calendar-detail", made.pk) if made else redirect("schedule:calendar-list")


def _back_from_google() -> str:
    return f"{settings.PUBLIC_URL}{reverse('schedule:google-back')}"


@login_required
@require_http_methods(["GET", "POST"])
def calendar_detail(request: PageRequest, connection_id: str) -> HttpResponse:
    """One of them: how it is, what it is used for, and which times it takes."""
    connection = _mine(request, connection_id)
    used = {name: getattr(connection, name) for name in ("label", "blocks_time", "writes_sessions")}
    form = CalendarForm(request.POST or None, connection=connection, initial=used | typed_before(request))
    if request.method == "POST" and form.is_valid():
        # From then on it tells where somebody is and when, whoever is signed in.
        if form.cleaned_data.get("writes_sessions") and not connection.writes_sessions and not is_fresh(request):
            return show_again(request, typed=form.cleaned_data)
        if form.cleaned_data.get("writes_sessions", connection.writes_sessions) != connection.writes_sessions:
            hit("calendar-user", request.user.pk)
        changed = attempt_form(
            form,
            lambda: change_connection(connection, by=request.user, visit=visit_of(request), **form.cleaned_data),
        )
        if changed is not None:
            messages.success(request, _("Saved."))
            return redirect("schedule:calendar-detail", connection.pk)
    context = {
        "connection": connection,
        "advice": advice_for(connection.problem or (Problem.NO_ANSWER if connection.is_silent else "")),
        "is_asked": connection.is_asked(clock.now()),
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
    done = _("We are asking it.")
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
    """Let go of it, with what we wrote there (`removes`) or without."""
    connection = _mine(request, connection_id)
    removes = request.POST.get("removes") == "yes"
    done = _("“%(calendar)s” is disconnected, and its address forgotten.") % {"calendar": connection.label}
    if removes and connection.written.exists():
        done = _("What we wrote to “%(calendar)s” is taken away, and then it is forgotten.") % {
            "calendar": connection.label
        }
    attempt(request, lambda: disconnect_calendar(connection, by=request.user, removes=removes), done=done)
    return redirect("schedule:calendar-list")


@login_required
@require_safe
def conflict_detail(request: PageRequest, written_id: str) -> HttpResponse:
    """What we say and what my calendar says, side by side."""
    event = _my_event(request, written_id)
    context = {
        "event": event,
        "ours": ours_now(event),
        "theirs": Said.of(event.theirs) if event.theirs else None,
        "is_off": not takes_place(event),
        "is_mine": event.booking_id is None,
    }
    return render(request, "schedule/conflict_detail.html", context)


@login_required
@require_POST
def conflict_ours(request: PageRequest, written_id: str) -> HttpResponse:
    """What stands here holds."""
    event = _my_event(request, written_id)
    attempt(request, lambda: keep_ours(event, by=request.user), done=_("It is written to your calendar in a moment."))
    return redirect("schedule:calendar-list")


@login_required
@require_POST
def conflict_theirs(request: PageRequest, written_id: str) -> HttpResponse:
    """What stands there holds."""
    event = _my_event(request, written_id)
    version = request.GET.get("version", "")
    seen = int(version) if version.isdecimal() and len(version) < 10 else None
    try:
        done = attempt(request, lambda: take_theirs(event, by=request.user, version=seen), done=_("Done."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        done = None
    return redirect("schedule:calendar-list") if done else redirect("schedule:conflict-detail", event.pk)


def _my_event(request: PageRequest, written_id: str) -> WrittenEvent:
    return get_object_or_404(conflicts_of(request.user), pk=written_id)


def _mine(request: HttpRequest, connection_id: str) -> CalendarConnection:
    assert isinstance(request.user, User)
    return get_object_or_404(CalendarConnection.objects.visible_to(request.user), pk=connection_id)
