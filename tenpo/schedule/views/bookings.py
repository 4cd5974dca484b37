from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenpo.core import clock
from tenpo.orders.policies import GivenBack, parts_back
from tenpo.people.http import page_of
from tenpo.people.models import User
from tenpo.schedule.actions.rescheduling import move_of
from tenpo.schedule.booked_party import others_booked
from tenpo.schedule.ical import dates_file
from tenpo.schedule.models import Booking, Intro
from tenpo.schedule.permissions import can_review, can_see_payment
from tenpo.schedule.policy_queries import comes_back, misses_under, say_booked_policy
from tenpo.schedule.queries import (
    BookedPrice,
    booked_price,
    by_session,
    dates_ordered_with,
    first_of_each_session,
    has_following,
    my_bookings,
    own_booking,
    waiting_with,
    waitlist_position,
)
from tenpo.schedule.resource_models import SessionResource
from tenpo.schedule.session_coach_queries import name_coaches, who_stands_in
from tenpo.schedule.video_queries import has_video, is_placed

TABS = ("coming", "waiting", "past")
OWN_INTROS = 20


@login_required
@require_safe
def booking_list(request: HttpRequest) -> HttpResponse:
    """My bookings: coming, waiting, past; a row for each session, with everybody who comes to it."""
    user = request.user
    assert isinstance(user, User)
    when = request.GET.get("when", "")
    when = when if when in TABS else "coming"
    order = ("-session__starts_at", "-id") if when == "past" else ("session__starts_at", "id")
    rows = my_bookings(user, when=when)
    page = page_of(request, first_of_each_session(rows), order=order)
    groups = by_session(rows, page.items)
    name_coaches(group.first.session for group in groups)
    context = {"groups": groups, "next": page.next_cursor, "when": when, "intros": _own_intros(user, when)}
    return render(request, "schedule/booking_list.html", context)


def _own_intros(user: User, when: str) -> list[Intro]:
    """What they booked as a visitor, with an address that is their own: there are few."""
    if when == "waiting":
        return []
    placed = Intro.objects.of(user).filter(link__isnull=False).select_related("session__coach", "participant")
    now = clock.now()
    coming = placed.filter(state=Intro.State.CONFIRMED, session__ends_at__gt=now)
    rows = coming if when == "coming" else placed.exclude(pk__in=coming.values("pk"))
    return list(rows.order_by("-session__starts_at", "-id")[:OWN_INTROS])


@login_required
@require_safe
def booking_detail(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """One booking: its state, when and where, what it cost whom, and what a cancellation would give now."""
    user = request.user
    assert isinstance(user, User)
    booking = own_booking(user, booking_id)
    session = booking.session
    line = booking.line if can_see_payment(user, booking) else None
    price = booked_price(booking) if line else None
    now = clock.now()
    misses = misses_under([booking.terms], [booking.booked_by_id])
    rule = comes_back(booking, now=now, misses=misses)
    is_open = session.is_planned and not session.has_started(now)
    context: dict[str, Any] = {
        "booking": booking,
        "session": session,
        "line": line,
        "is_open": is_open,
        "is_mine": booking.booked_by_id == user.pk,
        "is_for_me": booking.participant.user_id == user.pk,
        "price": price,
        "together": _together(booking, price),
        "others": others_booked(booking) if booking.booked_by_id == user.pk else [],
        "stand_ins": who_stands_in(session) if is_placed(booking) else [],
        "resources": SessionResource.objects.visible_to(user).filter(session=session).order_by("id"),
        "can_join": has_video(session) and is_placed(booking),
        "can_review": booking.state == Booking.State.ATTENDED
        and session.has_ended(now)
        and can_review(user, booking, is_coach=False),
        "can_cancel": is_open and booking.state in ("confirmed", "held", "offered", "waitlisted"),
        "position": waitlist_position(booking) if booking.state == Booking.State.WAITLISTED else 0,
        "policy": say_booked_policy(booking, misses=misses),
        "back": GivenBack.of(parts_back(line, rule.percent), rule.to) if line else None,
        "rule": rule,
        "has_following": has_following(booking),
        "can_move": booking.state == Booking.State.CONFIRMED
        and move_of(booking).is_allowed
        # What its coach said yes to is not moved by whoever asked.
        and not (session.service is not None and session.service.needs_approval),
    }
    return render(request, "schedule/booking_detail.html", context)


def _together(booking: Booking, price: BookedPrice | None) -> Sequence[Booking]:
    """The others of a party that waits, is offered or is held as one, with this one among them."""
    if booking.state in (Booking.State.WAITLISTED, Booking.State.OFFERED):
        return waiting_with(booking)
    return price.held if price else []


@login_required
@require_safe
def booking_ics(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """One booking as a file for a calendar program; by `?dates` with all the dates that were ordered with it."""
    user = request.user
    assert isinstance(user, User)
    booking = own_booking(user, booking_id)
    places = dates_ordered_with(booking, user) if "dates" in request.GET else [booking]
    name = f"{'dates' if len(places) > 1 else 'booking'}-{places[0].session.starts_at:%Y-%m-%d}.ics"
    response = HttpResponse(dates_file(places), content_type="text/calendar; charset=utf-8; method=PUBLISH")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
