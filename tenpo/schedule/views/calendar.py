import hashlib
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tenpo.core.networks import hit_from
from tenpo.people.http import PageRequest, is_fresh, show_again, visit_of
from tenpo.people.models import User
from tenpo.schedule.actions.feeds import end_feed, new_feed_address, open_feed
from tenpo.schedule.guest_queries import say_guests
from tenpo.schedule.ical import feed_file
from tenpo.schedule.models import CalendarFeed
from tenpo.schedule.queries import calendar_of, day_start, feed_bookings, feed_taught
from tenpo.schedule.views.sessions import calendar_days, calendar_event

LIST_DAYS = 60


@login_required
@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """What I booked and what I teach, and how to see it in a calendar program."""
    return render(request, "schedule/calendar.html", _context(request))


@login_required
@require_safe
def calendar_events(request: HttpRequest) -> JsonResponse:
    """The same days as the calendar shows them."""
    user = request.user
    assert isinstance(user, User)
    bookings, taught = calendar_of(user, *calendar_days(request))
    events = [
        calendar_event(booking.session, booking=booking, url=reverse("schedule:booking-detail", args=[booking.pk]))
        for booking in bookings
    ]
    for session in taught:
        event = calendar_event(session, url=reverse("schedule:session-roster", args=[session.pk]))
        if who := say_guests(session):
            event["title"] = f"{session.title} · {who}"
        events.append({**event, "classNames": [*event["classNames"], "taught"]})
    return JsonResponse(events, safe=False)


@login_required
@require_POST
def feed_renew(request: PageRequest) -> HttpResponse:
    """Make a private address and show it this once; an older one ends."""
    # It outlives the sign-in, and tells where somebody is and when.
    if not is_fresh(request):
        return show_again(request, back=reverse("schedule:calendar"))
    user = request.user
    token = new_feed_address(user, by=user, visit=visit_of(request))
    context = _context(request)
    context["address"] = feed_address(token)
    return render(request, "schedule/calendar.html", context)


@login_required
@require_POST
def feed_end(request: HttpRequest) -> HttpResponse:
    """End the private address."""
    user = request.user
    assert isinstance(user, User)
    end_feed(user, by=user)
    messages.success(request, _("The address is ended. Calendar programs no longer see your sessions."))
    return redirect("schedule:calendar")


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """The feed itself: whoever has the address may read. The same content answers 304 to whoever has it already."""
    hit_from(request, "feed-address")
    user = open_feed(token)
    if user is None:
        raise Http404
    content = feed_file(feed_bookings(user), feed_taught(user))
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if tag in [part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")]:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(content, content_type="text/calendar; charset=utf-8; method=PUBLISH")
        response["Content-Disposition"] = 'inline; filename="tenpo.ics"'
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def feed_address(token: str) -> str:
    """The whole address, as a calendar program wants it."""
    path = reverse("schedule:feed", args=[token])
    return f"{settings.PUBLIC_URL}{path}"


def _context(request: HttpRequest) -> dict[str, Any]:
    user = request.user
    assert isinstance(user, User)
    since = day_start(timezone.localdate())
    bookings, taught = calendar_of(user, since, since + timedelta(days=LIST_DAYS))
    entries: list[dict[str, Any]] = [
        {"session": b.session, "booking": b, "url": reverse("schedule:booking-detail", args=[b.pk])} for b in bookings
    ]
    entries += [{"session": s, "booking": None, "url": reverse("schedule:session-roster", args=[s.pk])} for s in taught]
    entries.sort(key=lambda entry: entry["session"].starts_at)
    return {"entries": entries, "feed": CalendarFeed.objects.visible_to(user).first(), "address": ""}
