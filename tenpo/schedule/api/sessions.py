"""Sessions: found, read, offered, changed, called off, completed; and who came."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, DayIn, InSchema, OutSchema, PageOut, PageQuery, TimeIn, problems
from tenpo.core.limits import COACHES_OF_A_SERVICE
from tenpo.core.models import TIME_ZONE_LENGTH
from tenpo.core.paging import keyset_page
from tenpo.orders.models import CancellationPolicy
from tenpo.orders.own_share import Shares
from tenpo.payments.queries import refund_terms
from tenpo.people.models import User
from tenpo.schedule.actions.attendance import mark_all_attended, mark_attendance
from tenpo.schedule.actions.cancellations import cancel_session as cancel
from tenpo.schedule.actions.misses import waive_no_show
from tenpo.schedule.actions.sessions import complete_session as complete
from tenpo.schedule.actions.sessions import create_session as create
from tenpo.schedule.actions.sessions import edit_session as edit
from tenpo.schedule.in_the_way import naming, sessions_in_the_way
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.policy_queries import misses_under, say_offered_policy
from tenpo.schedule.queries import (
    SessionFilter,
    cancellation_effect,
    find_sessions,
    in_days,
    my_bookings_in,
    roster,
    shares_of,
)
from tenpo.schedule.session_coach_queries import name_coaches

router = Router(tags=["Sessions"])

# How long texts may be; `Session` says the same.
Title = Annotated[str, Field(max_length=120)]
Description = Annotated[str, Field(max_length=4_000)]
Place = Annotated[str, Field(max_length=200)]
JoinLink = Annotated[str, Field(max_length=500)]
Zone = Annotated[str, Field(max_length=TIME_ZONE_LENGTH)]
# Who gives it with its coach.
Beside = Annotated[
    list[UUID], Field(max_length=COACHES_OF_A_SERVICE - 1, description="Coaches who give it with this one.")
]
AllBeside = Annotated[
    list[UUID] | None,
    Field(max_length=COACHES_OF_A_SERVICE - 1, description="All who are to give it with its coach; [] is nobody."),
]

Creator = Annotated[
    UUID | None,
    Field(description="Who made it, and earns of it also where somebody else gives it; null: whoever gives it."),
]
CreatorOut = Annotated[
    UUID | None, Field(description="Who was said to have made it; for them, who gives it, and admins.")
]


class CoachOut(OutSchema):
    """Who teaches."""

    id: UUID
    name: str


class SessionOut(OutSchema):
    """One meeting at one time. Amounts are minor units of `currency`; the shares are the caller's, before credits."""

    id: UUID
    title: str
    description: str
    coach: CoachOut
    coach_ids: Annotated[list[UUID], Field(description="All who give it together; `coach` leads, and comes first.")]
    creator_id: CreatorOut
    series_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    place: str
    join_link: Annotated[str | None, Field(description="Null for whoever has not booked.")]
    capacity: int
    seats_taken: int
    seats_kept: Annotated[int, Field(description="Of those: kept until there are enough for a party that waits.")]
    seats_left: int
    price: int
    currency: str
    company_share: int
    sponsor_share: int
    own_share: int
    cancellation_policy_id: UUID
    cancellation_terms: Annotated[str, Field(description="The policy in one sentence, in the caller's zone.")]
    status: Literal["planned", "cancelled", "completed"]
    cancel_reason: str
    version: Annotated[int, Field(description="Send it with a change, so that nobody's change is lost.")]
    my_booking_id: UUID | None
    my_booking_state: str | None


class SessionQuery(PageQuery):
    """What to look for; days are the caller's, both included."""

    q: Annotated[str, Field(description="Words; each counts from its beginning.", max_length=100)] = ""
    coach: Annotated[UUID | None, Field(description="Of this coach only.")] = None
    since: Annotated[DayIn | None, Field(description="From this day on.")] = None
    until: Annotated[DayIn | None, Field(description="Until this day.")] = None
    only_free: Annotated[bool, Field(description="With a free seat only.")] = False
    scope: Annotated[
        Literal["upcoming", "all"],
        Field(description="`upcoming`: what can still be booked. `all`: past and cancelled ones too."),
    ] = "upcoming"


SESSION_EXAMPLE: Any = {
    "title": "Breathing at work",
    "description": "Half an hour of calm.",
    "starts_at": "2027-03-02T17:00:00Z",
    "minutes": 60,
    "time_zone": "Europe/Berlin",
    "place": "Studio, 2nd floor",
    "capacity": 12,
    "price": 8000,
}


class SessionIn(InSchema):
    """A session to offer. Without `coach_id` it is the caller's own, without a policy the business's usual one."""

    model_config = {"json_schema_extra": {"example": SESSION_EXAMPLE}}

    coach_id: UUID | None = None
    beside_ids: Beside = []
    creator_id: Creator = None
    title: Title
    description: Description = ""
    starts_at: TimeIn
    minutes: Annotated[int, Field(ge=5, le=1440)]
    time_zone: Zone
    place: Place = ""
    join_link: JoinLink = ""
    capacity: Annotated[int, Field(ge=1, le=10_000)]
    price: Annotated[int, Field(ge=0, description="In minor units of the business's currency.")]
    cancellation_policy_id: UUID | None = None


class SessionPatch(InSchema):
    """What to change; what is left out stays."""

    model_config = {"json_schema_extra": {"example": {"version": 0, "place": "Studio, 3rd floor", "capacity": 14}}}

    version: Annotated[int | None, Field(description="The version that you saw; an older one is refused.")] = None
    beside_ids: AllBeside = None
    creator_id: Creator = None
    title: Title | None = None
    description: Description | None = None
    starts_at: TimeIn | None = None
    minutes: Annotated[int | None, Field(ge=5, le=1440)] = None
    time_zone: Zone | None = None
    place: Place | None = None
    join_link: JoinLink | None = None
    capacity: Annotated[int | None, Field(ge=1, le=10_000)] = None
    price: Annotated[int | None, Field(ge=0)] = None
    cancellation_policy_id: UUID | None = None


class ReasonIn(InSchema):
    """Why something is called off; those who booked read it."""

    model_config = {"json_schema_extra": {"example": {"reason": "Maya is ill."}}}

    reason: Annotated[str, Field(max_length=300)] = ""


class EffectOut(OutSchema):
    """What cancelling would do, in numbers (amounts in minor units)."""

    sessions: int
    people: int
    credit: int
    wallet: int
    method: int
    company: int
    sponsor: int
    currency: str


class MissOut(OutSchema):
    """A place given up late, or not taken: whether it cost something, and if somebody was let off, why."""

    kind: Literal["late", "no_show"]
    outcome: Annotated[
        Literal["charged", "grace", "waived"],
        Field(description="By the policy; free, as one of those that cost nothing; let off by the host."),
    ]
    percent: Annotated[int, Field(description="What came back.")]
    reason: str


class RosterRow(OutSchema):
    """One person's place in a session."""

    booking_id: UUID
    name: str
    email: Annotated[str, Field(description="Of whoever booked.")]
    booked_by: Annotated[str, Field(description="Who booked, by name: whoever takes part, or somebody for them.")]
    state: str
    held_until: datetime | None
    waitlisted_at: datetime | None
    party_id: Annotated[UUID | None, Field(description="Those who wait, or waited, together bear the same.")]
    miss: MissOut | None


class AttendanceIn(InSchema):
    """Whether somebody came; `confirmed` takes a mark back."""

    model_config = {"json_schema_extra": {"example": {"state": "attended"}}}

    state: Literal["attended", "no_show", "confirmed"]


class WaiverIn(InSchema):
    """Why you let somebody off; whoever booked reads it."""

    reason: Annotated[str, Field(max_length=300, examples=["The train did not go."])]


class MarkedOut(OutSchema):
    """How many were marked."""

    marked: int


def sessions_out(user: User, sessions: Sequence[Session]) -> list[dict[str, Any]]:
    """Sessions as the API shows them to `user`: three statements however many, a fourth where several give one."""
    name_coaches(sessions)
    shares, mine, back_to = shares_of(sessions, user), my_bookings_in(user, sessions), refund_terms().cancellation_to
    misses = misses_under([session.cancellation_policy.terms for session in sessions], [user.pk])
    words = {session.pk: say_offered_policy(session, user, to=back_to, misses=misses) for session in sessions}
    return [
        _session_out(user, session, shares[session.pk], mine.get(session.pk), words[session.pk]) for session in sessions
    ]


def _session_out(user: User, session: Session, shares: Shares, booking: Booking | None, policy: str) -> dict[str, Any]:
    plain = (
        "id", "title", "description", "series_id", "starts_at", "ends_at", "time_zone", "place", "capacity",
        "coach_ids", "seats_taken", "seats_kept", "seats_left", "price", "currency", "cancellation_policy_id", "status",
        "cancel_reason", "version",
    )  # fmt: skip
    is_host = can_manage_session(user, session)
    may_join = is_host or (booking is not None and booking.confirmed_at is not None)
    return {
        **{name: getattr(session, name) for name in plain},
        "coach": {"id": session.coach_id, "name": session.coach.name},
        "creator_id": session.creator_id if is_host or session.creator_id == user.pk else None,
        "join_link": session.join_link if may_join else None,
        "company_share": shares.company,
        "sponsor_share": shares.sponsor,
        "own_share": shares.own,
        "cancellation_terms": policy,
        "my_booking_id": booking.pk if booking else None,
        "my_booking_state": booking.state if booking else None,
    }


def visible_session(user: User, session_id: UUID) -> Session:
    """A session that `user` may see."""
    rows = Session.objects.visible_to(user).select_related("coach", "cancellation_policy")
    return get_object_or_404(rows, pk=session_id)


def one_out(user: User, session_id: UUID) -> dict[str, Any]:
    """One session as it stands now."""
    return sessions_out(user, [visible_session(user, session_id)])[0]


def chosen_policy(user: User, policy_id: UUID) -> CancellationPolicy:
    """A policy that can be chosen for a session."""
    return get_object_or_404(CancellationPolicy.objects.visible_to(user).filter(retired_at=None), pk=policy_id)


def chosen_coach(user: User, coach_id: UUID | None) -> User:
    """For whom a session is made: the caller, or the coach that they name."""
    return get_object_or_404(User.objects.visible_to(user), pk=coach_id) if coach_id else user


def coaches_named(user: User, ids: Sequence[UUID]) -> list[User]:
    """The people of these ids, as `user` sees them, in their order; Http404 for one who is not there."""
    there = User.objects.visible_to(user).in_bulk(ids) if ids else {}
    if len(there) < len(set(ids)):
        raise Http404
    return [there[pk] for pk in ids]


def all_beside(user: User, ids: Sequence[UUID] | None) -> list[User] | None:
    """Who is to give a session with its coach; None where nothing was said."""
    return None if ids is None else coaches_named(user, ids)


def creator_in(user: User, values: dict[str, Any]) -> dict[str, User | None]:
    """Who made it, taken out of what a body says; null is said as well, and Http404 is for who is not there."""
    if "creator_id" not in values:
        return {}
    creator_id = values.pop("creator_id")
    return {"creator": get_object_or_404(User.objects.visible_to(user), pk=creator_id) if creator_id else None}


def changes_in(user: User, body: InSchema, *, leave: set[str]) -> dict[str, Any]:
    """What a body says about a session, as the actions take it; null says nothing but of who made it."""
    values = body.model_dump(exclude_unset=True, exclude=leave)
    creator = creator_in(user, values)
    values = {name: value for name, value in values.items() if value is not None} | creator
    if policy_id := values.pop("cancellation_policy_id", None):
        values["cancellation_policy"] = chosen_policy(user, policy_id)
    return values


@router.get("/sessions", response=PageOut[SessionOut], summary="Find sessions")
def list_sessions(request: ApiRequest, query: Query[SessionQuery]) -> dict[str, Any]:
    """Sessions by their start, the next one first, with what each would cost the caller."""
    wanted = SessionFilter(query.q, query.coach, query.since, query.until, query.only_free)
    if query.scope == "upcoming":
        rows = find_sessions(request.user, wanted)
    else:
        rows = in_days(Session.objects.visible_to(request.user).matching(query.q), query.since, query.until)
        rows = rows.filter(coaches__coach=query.coach) if query.coach else rows
    rows = rows.select_related("coach", "cancellation_policy")
    page = keyset_page(rows, order=("starts_at", "id"), cursor=query.cursor, limit=query.limit)
    return {"items": sessions_out(request.user, page.items), "next_cursor": page.next_cursor}


@router.post("/sessions", response={201: SessionOut, **problems(403, 404, 409)}, summary="Offer a session")
def create_session(request: ApiRequest, body: SessionIn) -> tuple[int, dict[str, Any]]:
    """Coaches offer their own sessions, admins any coach's. That somebody else made it is for admins to say.

    409 `overlap` when the coach teaches at that time, `coach_taken` when one of the others does; `in_the_way` names
    what of it the caller sees.
    """
    coach = chosen_coach(request.user, body.coach_id)
    values = changes_in(request.user, body, leave={"coach_id", "beside_ids"})
    beside = coaches_named(request.user, body.beside_ids)
    coach_ids = [coach.pk, *(one.pk for one in beside)]
    until = body.starts_at + timedelta(minutes=body.minutes)
    with naming(lambda _refusal: sessions_in_the_way(request.user, coach_ids, since=body.starts_at, until=until)):
        session = create(coach, by=request.user, beside=beside, **values)
    return 201, one_out(request.user, session.pk)


@router.get("/sessions/{uuid:session_id}", response={200: SessionOut, **problems(404)}, summary="Read a session")
def get_session(request: ApiRequest, session_id: UUID) -> dict[str, Any]:
    """One session, with what it would cost the caller and what they have in it already."""
    return one_out(request.user, session_id)


@router.patch(
    "/sessions/{uuid:session_id}", response={200: SessionOut, **problems(403, 404, 409)}, summary="Change a session"
)
def edit_session(request: ApiRequest, session_id: UUID, body: SessionPatch) -> dict[str, Any]:
    """Another time, place or link is told to those who booked; another price holds for new bookings only. Another
    creator earns of all that nobody has earned yet.

    Its coach says who gives it with them until it begins, admins until it is completed. 409 `private_session` for
    another price, policy or number of seats of what was booked as a time, `overlap` or `coach_taken` when somebody who
    is to give it teaches then (`in_the_way` names what of it the caller sees), `takes_part` when they come to it.
    """
    session = visible_session(request.user, session_id)
    beside = all_beside(request.user, body.beside_ids)
    changes = changes_in(request.user, body, leave={"version", "beside_ids"})
    since = changes.get("starts_at", session.starts_at)
    until = since + timedelta(minutes=changes.get("minutes", session.minutes))
    coach_ids = [*session.coach_ids, *(one.pk for one in beside or ())]
    with naming(lambda _refusal: sessions_in_the_way(request.user, coach_ids, since=since, until=until, but=session)):
        edit(session, by=request.user, version=body.version, beside=beside, **changes)
    return one_out(request.user, session_id)


@router.get(
    "/sessions/{uuid:session_id}/cancellation",
    response={200: EffectOut, **problems(403, 404)},
    summary="See what cancelling would do",
)
def get_session_cancellation(request: ApiRequest, session_id: UUID) -> Any:
    """How many people would be told and how much would go back. Nothing changes."""
    return cancellation_effect([managed(request.user, session_id)])


@router.post(
    "/sessions/{uuid:session_id}/cancellation",
    response={200: SessionOut, **problems(403, 404, 409)},
    summary="Cancel a session",
)
def cancel_session(request: ApiRequest, session_id: UUID, body: ReasonIn) -> dict[str, Any]:
    """Every booking is let go and every payer gets all they paid back. Again changes nothing.

    Refusals: `completed`; `over`, once it is over, but for admins.
    """
    cancel(visible_session(request.user, session_id), reason=body.reason, by=request.user)
    return one_out(request.user, session_id)


@router.post(
    "/sessions/{uuid:session_id}/completion",
    response={200: SessionOut, **problems(403, 404, 409)},
    summary="Complete a session",
)
def complete_session(request: ApiRequest, session_id: UUID) -> dict[str, Any]:
    """Say that it took place, once it is over.

    409 `not_over`, `not_planned` for one that was cancelled, `changed_meanwhile` while somebody notes who came.
    """
    complete(visible_session(request.user, session_id), by=request.user)
    return one_out(request.user, session_id)


@router.get(
    "/sessions/{uuid:session_id}/roster", response={200: list[RosterRow], **problems(403, 404)}, summary="See who comes"
)
def get_session_roster(request: ApiRequest, session_id: UUID) -> list[dict[str, Any]]:
    """Who has a place, then who waits in line, in that order. For the session's coach and admins."""
    return [roster_row(booking) for booking in roster(managed(request.user, session_id))]


@router.post(
    "/sessions/{uuid:session_id}/attendance",
    response={200: MarkedOut, **problems(403, 404, 409)},
    summary="Everybody came",
)
def mark_session_attended(request: ApiRequest, session_id: UUID) -> dict[str, int]:
    """Mark everybody whom nobody has marked yet as attended."""
    return {"marked": mark_all_attended(visible_session(request.user, session_id), by=request.user)}


@router.put(
    "/bookings/{uuid:booking_id}/attendance",
    response={200: RosterRow, **problems(403, 404, 409)},
    summary="Mark whether somebody came",
)
def mark_booking_attendance(request: ApiRequest, booking_id: UUID, body: AttendanceIn) -> dict[str, Any]:
    """From the start of the session on, until a week after its end.

    Who did not come gets back what their policy says of it, once the session is completed. Refusal: `settled`.
    """
    booking = get_object_or_404(Booking.objects.visible_to(request.user), pk=booking_id)
    mark_attendance(booking, state=Booking.State(body.state), by=request.user)
    return roster_row(Booking.objects.select_related("participant", "booked_by", "miss").get(pk=booking_id))


@router.put(
    "/bookings/{uuid:booking_id}/waiver",
    response={200: RosterRow, **problems(403, 404, 409)},
    summary="Let somebody off who did not come",
)
def put_booking_waiver(request: ApiRequest, booking_id: UUID, body: WaiverIn) -> dict[str, Any]:
    """All that is left of what was paid goes back, and it does not count. Until a day after the session, by its host.

    Refusals: `no_show_only`, `too_late`, `own_sponsorship`.
    """
    booking = get_object_or_404(Booking.objects.visible_to(request.user), pk=booking_id)
    waive_no_show(booking, reason=body.reason, by=request.user)
    return roster_row(Booking.objects.select_related("participant", "booked_by", "miss").get(pk=booking_id))


def roster_row(booking: Booking) -> dict[str, Any]:
    """One row of a roster; nothing about money."""
    return {
        "booking_id": booking.pk,
        "name": booking.participant.name,
        "email": booking.booked_by.email,
        "booked_by": str(booking.booked_by),
        "state": booking.state,
        "held_until": booking.held_until,
        "waitlisted_at": booking.waitlisted_at,
        "party_id": booking.party,
        "miss": getattr(booking, "miss", None),
    }


def managed(user: User, session_id: UUID) -> Session:
    """A session that `user` manages. Others see it too, so they are told that they may not (403)."""
    session = visible_session(user, session_id)
    if not can_manage_session(user, session):
        raise PermissionDenied
    return session
