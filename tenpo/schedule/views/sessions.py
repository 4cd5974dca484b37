from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_safe

from tenpo.core.forms import FIRST_DAY, LAST_DAY
from tenpo.orders.queries import quote
from tenpo.people.http import page_of
from tenpo.people.models import User
from tenpo.schedule.forms import FindForm
from tenpo.schedule.guest_queries import with_guests
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session, can_see_payment
from tenpo.schedule.policy_queries import say_booked_policy, say_offered_policy
from tenpo.schedule.queries import (
    SessionFilter,
    booked_price,
    coach_rating,
    day_start,
    days_with_sessions,
    find_sessions,
    my_bookings_in,
    shares_of,
    waiting_with,
    waitlist_length,
    waitlist_position,
)
from tenpo.schedule.resource_models import SessionResource
from tenpo.schedule.series_queries import dates_following
from tenpo.schedule.session_coach_queries import coaches_beside_the_lead, name_coaches, who_stands_in
from tenpo.schedule.video_queries import has_video, is_placed

ORDER = ("starts_at", "id")
STRIP_DAYS = 14
MAX_EVENTS = 1_000
MAX_EVENT_DAYS = 45


@login_required
@require_safe
def session_list(request: HttpRequest) -> HttpResponse:
    """Find: what can be booked, as a list by day or as a calendar."""
    user = request.user
    assert isinstance(user, User)
    form = FindForm(request.GET)
    wanted = form.wanted()
    if request.GET.get("view") == "calendar":
        return render(request, "schedule/session_calendar.html", {"form": form, "events": _events_url(request)})
    page = page_of(request, find_sessions(user, wanted), order=ORDER)
    name_coaches(page.items)
    shares, mine = shares_of(page.items, user), my_bookings_in(user, page.items)
    rows = [
        {"session": session, "shares": shares[session.pk], "booking": mine.get(session.pk)} for session in page.items
    ]
    context = {"form": form, "rows": rows, "next": page.next_cursor, "days": _strip(user, wanted)}
    return render(request, "schedule/session_list.html", context)


@login_required
@require_safe
def session_events(request: HttpRequest) -> JsonResponse:
    """The sessions of the days that a calendar shows, as it wants them."""
    user = request.user
    assert isinstance(user, User)
    since, until = calendar_days(request)
    rows = find_sessions(user, FindForm(request.GET).wanted())
    found = list(rows.filter(starts_at__gte=since, starts_at__lt=until).order_by(*ORDER)[:MAX_EVENTS])
    mine = my_bookings_in(user, found)
    return JsonResponse([calendar_event(s, booking=mine.get(s.pk)) for s in found], safe=False)


@login_required
@require_safe
def session_detail(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """One session: when, where, who, what it costs whom, and what I can do."""
    user = request.user
    assert isinstance(user, User)
    rows = with_guests(Session.objects.visible_to(user).select_related("coach__coach_profile", "cancellation_policy"))
    session = get_object_or_404(rows, pk=session_id)
    booking = my_bookings_in(user, [session]).get(session.pk)
    is_open = session.is_planned and not session.has_started()
    # What was booked keeps its own price and policy.
    price = quote(price=session.price, currency=session.currency, coach_id=session.coach_id, buyer=user)
    policy = say_booked_policy(booking) if booking and booking.line_id else ""
    dates = dates_following(session, participants=[user.participant], by=user) if is_open else []
    context = {
        "session": session,
        "booking": booking,
        # Of a series: how many dates can be booked at once from here on.
        "free_dates": sum(date.is_free for date in dates),
        "paid": booked_price(booking) if booking and can_see_payment(user, booking) else None,
        "is_open": is_open,
        "is_mine": can_manage_session(user, session),
        "gives_it": session.is_given_by(user),
        "others": coaches_beside_the_lead(session),
        # Whoever booked did so with the one who is away; others just see who gives it.
        "stand_ins": who_stands_in(session) if can_manage_session(user, session) or is_placed(booking) else [],
        "line": waitlist_length(session) if is_open and session.is_full else 0,
        "position": waitlist_position(booking) if booking and booking.state == Booking.State.WAITLISTED else 0,
        "together": waiting_with(booking) if booking and booking.state == Booking.State.WAITLISTED else [],
        "policy": policy or say_offered_policy(session, user, to=price.back_to),
        "price": price,
        "resources": SessionResource.objects.visible_to(user).filter(session=session).order_by("id"),
        "can_join": has_video(session) and (session.is_given_by(user) or is_placed(booking)),
        "rating": coach_rating(session.coach),
    }
    return render(request, "schedule/session_detail.html", context)


def calendar_days(request: HttpRequest) -> tuple[datetime, datetime]:
    """From when until when a calendar asks (`start`, `end`); a week from today for what cannot be read."""
    since, until = (_moment(request.GET.get(name, "")) for name in ("start", "end"))
    since = since or day_start(timezone.localdate())
    until = until or since + timedelta(days=7)
    return since, min(until, since + timedelta(days=MAX_EVENT_DAYS))


def calendar_event(session: Session, *, booking: Booking | None = None, url: str = "") -> dict[str, Any]:
    """A session as the calendar shows it, on the reader's clock."""
    zone = timezone.get_current_timezone()
    kinds = []
    if booking:
        kinds.append("booked" if booking.confirmed_at else booking.state)
    elif session.is_full:
        kinds.append("full")
    if session.status == Session.Status.CANCELLED:
        kinds.append("cancelled")
    return {
        "id": str(session.pk),
        "title": session.title,
        # Local and without an offset: the calendar draws the reader's clock, whatever the browser's is.
        "start": session.starts_at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
        "end": session.ends_at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
        "url": url or reverse("schedule:session-detail", args=[session.pk]),
        "classNames": kinds,
    }


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
        if moment is None:
            day = parse_date(text)
            moment = day_start(day) if day else None
    except (ValueError, OverflowError):
        return None
    if moment is None or not FIRST_DAY < moment.date() < LAST_DAY:
        return None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _events_url(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("view", None)
    query.pop("cursor", None)
    return f"{reverse('schedule:session-events')}?{query.urlencode()}"


def _strip(user: User, wanted: SessionFilter) -> list[dict[str, Any]]:
    """Two weeks of days, those with sessions that fit marked."""
    today, chosen = timezone.localdate(), wanted.since
    start = chosen if chosen and chosen > today else today
    days = [start + timedelta(days=n) for n in range(STRIP_DAYS)]
    busy = days_with_sessions(user, replace(wanted, since=days[0], until=days[-1]))
    return [
        {"date": day, "is_active": day == chosen, "is_today": day == today, "has_sessions": day in busy} for day in days
    ]
