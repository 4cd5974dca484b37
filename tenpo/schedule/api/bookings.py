"""Bookings: read, and taken into a calendar. They are made, paid and cancelled in checkout."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, file_answer, problems
from tenpo.core.paging import keyset_page
from tenpo.people.models import User
from tenpo.schedule.actions.rescheduling import move_of, reschedule_booking
from tenpo.schedule.api.sessions import MissOut
from tenpo.schedule.ical import dates_file
from tenpo.schedule.in_the_way import naming_places
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_see_payment
from tenpo.schedule.policy_queries import (
    Misses,
    comes_back,
    misses_under,
    say_booked_policy,
    sessions_to_move_to,
)
from tenpo.schedule.queries import dates_ordered_with, my_bookings, own_booking, waitlist_position
from tenpo.schedule.session_coach_queries import name_coaches

router = Router(tags=["Bookings"])

MOVES_SHOWN = 50


class BookedSession(OutSchema):
    """The session of a booking; the link only when the booking is confirmed."""

    id: UUID
    title: str
    coach_name: Annotated[str, Field(description="Who gives it; all of them, where several do.")]
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    place: str
    join_link: str | None
    status: str


class BookingOut(OutSchema):
    """One place in one session. Amounts are minor units, frozen when it was booked; null while one only waits.

    Whoever takes part by what somebody else booked reads no amounts.
    """

    id: UUID
    session: BookedSession
    participant_id: UUID
    state: str
    ending: str
    order_id: UUID | None
    price: int | None
    company_share: int | None
    sponsor_share: int | None
    credit_spent: int | None
    wallet_spent: int | None
    own_share: int | None
    currency: str | None
    held_until: datetime | None
    waitlisted_at: datetime | None
    party_id: Annotated[UUID | None, Field(description="Those who wait, or waited, together bear the same.")]
    confirmed_at: datetime | None
    cancelled_at: datetime | None
    cancellation_terms: Annotated[str, Field(description="The policy as it held at the booking, in one sentence.")]
    miss: Annotated[MissOut | None, Field(description="What became of it where it was given up late, or not taken.")]
    percent_back_now: Annotated[int, Field(description="What a cancellation at this moment would give back.")]


class BookingDetailOut(BookingOut):
    """A booking, and where it stands in line."""

    waitlist_position: int | None


class SessionMoveOut(OutSchema):
    """Whether a booking may be moved now, to a session of the same coach at the same price; it costs nothing."""

    is_allowed: bool
    refusal: Annotated[str, Field(description="Why not: `not_movable`, `moved_too_often`, `too_late`; else empty.")]
    until: datetime
    left: Annotated[int, Field(description="How often still.")]
    most: Annotated[int, Field(description="At most so many percent come back of it once it was moved.")]
    session_ids: Annotated[list[UUID], Field(description="Where to: the next ones.")]


class SessionMoveIn(InSchema):
    """Where a booking goes."""

    session_id: UUID


class BookingQuery(PageQuery):
    """Which of the caller's bookings."""

    when: Annotated[
        Literal["coming", "waiting", "past"], Field(description="To come, in line, or over and cancelled.")
    ] = "coming"


def booking_out(booking: Booking, misses: Misses, *, viewer: User) -> dict[str, Any]:
    """A booking as the API shows it to whoever made it, who had these `misses`, or takes part by it."""
    session, is_theirs = booking.session, can_see_payment(viewer, booking)
    line = booking.line if is_theirs else None
    plain = ("id", "participant_id", "state", "ending", "held_until", "waitlisted_at", "confirmed_at", "cancelled_at")
    may_join = booking.confirmed_at is not None and booking.state != Booking.State.CANCELLED
    return {
        **{name: getattr(booking, name) for name in plain},
        "session": {
            **{n: getattr(session, n) for n in ("id", "title", "starts_at", "ends_at", "time_zone", "place", "status")},
            "coach_name": session.coach_names,
            "join_link": session.join_link if may_join else None,
        },
        "party_id": booking.party,
        "order_id": line.order_id if line else None,
        **{
            n: getattr(line, n) if line else None
            for n in ("price", "company_share", "sponsor_share", "credit_spent", "wallet_spent", "own_share")
        },
        "currency": line.order.currency if line else None,
        "cancellation_terms": say_booked_policy(booking, misses=misses),
        "miss": getattr(booking, "miss", None) if is_theirs else None,
        "percent_back_now": comes_back(booking, misses=misses).percent,
    }


def _misses_in(bookings: Sequence[Booking]) -> Misses:
    return misses_under([booking.terms for booking in bookings], {booking.booked_by_id for booking in bookings})


@router.get("/bookings", response=PageOut[BookingOut], summary="My bookings")
def list_bookings(request: ApiRequest, query: Query[BookingQuery]) -> dict[str, Any]:
    """The caller's bookings by the start of their sessions; past ones with the latest first."""
    order = ("-session__starts_at", "-id") if query.when == "past" else ("session__starts_at", "id")
    page = keyset_page(my_bookings(request.user, when=query.when), order=order, cursor=query.cursor, limit=query.limit)
    misses = _misses_in(page.items)
    name_coaches(booking.session for booking in page.items)
    items = [booking_out(booking, misses, viewer=request.user) for booking in page.items]
    return {"items": items, "next_cursor": page.next_cursor}


@router.get("/bookings/{uuid:booking_id}", response={200: BookingDetailOut, **problems(404)}, summary="Read a booking")
def get_booking(request: ApiRequest, booking_id: UUID) -> dict[str, Any]:
    """One booking of the caller's, with what a cancellation would give back now."""
    booking = own_booking(request.user, booking_id)
    waits = booking.state == Booking.State.WAITLISTED
    return {
        **booking_out(booking, _misses_in([booking]), viewer=request.user),
        "waitlist_position": waitlist_position(booking) if waits else None,
    }


@router.get(
    "/bookings/{uuid:booking_id}/session", response={200: SessionMoveOut, **problems(404)}, summary="Where it can move"
)
def get_booking_move(request: ApiRequest, booking_id: UUID) -> dict[str, Any]:
    """What moving a booking of the caller's would do, and to which sessions it can go. Nothing changes."""
    booking = _own(request, booking_id)
    move = move_of(booking)
    found = sessions_to_move_to(booking, request.user)[:MOVES_SHOWN] if move.is_allowed else []
    told = {name: getattr(move, name) for name in ("is_allowed", "refusal", "until", "left", "most")}
    return {**told, "session_ids": [session.pk for session in found]}


@router.put(
    "/bookings/{uuid:booking_id}/session",
    response={200: BookingDetailOut, **problems(403, 404, 409)},
    summary="Move a booking",
)
def put_booking_session(request: ApiRequest, booking_id: UUID, body: SessionMoveIn) -> dict[str, Any]:
    """Move one's booking to another session of the same coach at the same price; line, money and policy stay.

    To where it is changes nothing. Refusals: `not_confirmed`, `started`, `not_planned`, `full`, `other_coach`,
    `other_price`, `private_session`, `already_booked`, `participant_elsewhere`, `moved_meanwhile`, `not_movable`,
    `moved_too_often`, `too_late`.
    """
    to = get_object_or_404(Session.objects.visible_to(request.user), pk=body.session_id)
    booking = _own(request, booking_id)
    with naming_places(request.user, [booking.participant], to.pk, but=booking):
        reschedule_booking(booking, to=to, by=request.user)
    return get_booking(request, booking_id)


def _own(request: ApiRequest, booking_id: UUID) -> Booking:
    rows = Booking.objects.of(request.user).select_related("session", "participant", "line__order")
    return get_object_or_404(rows.filter(line__isnull=False), pk=booking_id)


@router.get(
    "/bookings/{uuid:booking_id}/calendar-file",
    response={200: str, **problems(404)},
    summary="A booking as .ics file",
    openapi_extra=file_answer("text/calendar"),
)
def get_booking_calendar_file(request: ApiRequest, booking_id: UUID, all_dates: bool = False) -> HttpResponse:
    """The booking as `text/calendar`, for a calendar program; with `all_dates` whatever was ordered with it."""
    booking = own_booking(request.user, booking_id)
    places = dates_ordered_with(booking, request.user) if all_dates else [booking]
    return HttpResponse(dates_file(places), content_type="text/calendar")
