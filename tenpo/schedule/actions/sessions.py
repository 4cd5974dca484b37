"""What coaches offer: sessions created, edited and completed. Cancelling stands in `cancellations`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NotRequired, TypedDict, Unpack
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import CHECK, EXCLUSION, UNIQUE, RuleError, refuse_on
from tenpo.core.jobs import each_by_itself
from tenpo.core.outbox import publish
from tenpo.core.zones import is_zone
from tenpo.ledger.actions import posted_together
from tenpo.orders.actions.default_policy import default_cancellation_policy
from tenpo.orders.actions.splits import earn_splits
from tenpo.orders.actions.sponsor_shares import returned_together
from tenpo.orders.models import CancellationPolicy, Line
from tenpo.people.models import User
from tenpo.schedule.actions.coach_time import lock_coaches
from tenpo.schedule.actions.made_by import check_creator, with_creator
from tenpo.schedule.actions.misses import lock_absent, settle_no_shows
from tenpo.schedule.actions.offers import let_go_all, offer_free_seats
from tenpo.schedule.actions.reminders import REMINDED_BEFORE
from tenpo.schedule.actions.seats import hold_time, lock_session
from tenpo.schedule.actions.session_coaches import (
    added_to,
    check_free,
    checked_beside,
    coaches_with,
    divide_anew,
    handed_over,
    name_other_coaches,
    tell_of_others,
    who_did_it,
    who_gave,
    write_sessions,
)
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import MAX_SESSION_MINUTES, Booking, Intro, Room, Series, Session
from tenpo.schedule.permissions import can_choose_coaches, can_create_session, can_manage_session
from tenpo.schedule.session_coach_models import name_who_gives

MIN_SESSION_MINUTES = 5
COMPLETED_AFTER = timedelta(days=1)
# How often it is tried to complete a session, because somebody was marked as absent at that moment.
MARKING_RACES = 4
CHECKED = {"title", "description", "starts_at", "time_zone", "place", "join_link", "capacity", "price"}
# Of what was booked as a slot these stay: whoever asked for it, or holds it, did so at this price and by this policy.
AS_BOOKED = {"price", "capacity", "cancellation_policy"}
MOVED = {"starts_at", "ends_at"}
# Whoever books is told of a change of these.
TOLD = ("starts_at", "ends_at", "place", "join_link")


class SessionChanges(TypedDict, total=False):
    """What an edit may change. `price` in minor units of the business's currency, `minutes` the length."""

    title: str
    description: str
    starts_at: datetime
    minutes: int
    time_zone: str
    place: str
    join_link: str
    capacity: int
    price: int
    cancellation_policy: CancellationPolicy
    creator: User | None


class SessionTerms(TypedDict):
    """What a session is; without a policy the business's default one holds."""

    title: str
    starts_at: datetime
    minutes: int
    time_zone: str
    capacity: int
    price: int
    description: NotRequired[str]
    place: NotRequired[str]
    join_link: NotRequired[str]
    cancellation_policy: NotRequired[CancellationPolicy]
    creator: NotRequired[User | None]


def overlapping() -> RuleError:
    """The refusal behind the constraint that a coach teaches one session at a time."""
    return RuleError("overlap", _("A coach teaches one session at a time, and there is another one at this time."))


def room_is_taken() -> RuleError:
    """The refusal behind the constraint that a room holds one session at a time."""
    return RuleError("room_taken", _("Another session is in this room at this time."))


def below_taken() -> RuleError:
    """The refusal behind the constraint that nobody loses a seat because a session shrinks."""
    return RuleError("capacity_below_taken", _("More seats are taken than that. Nobody loses a seat by an edit."))


def already_imported() -> RuleError:
    """The refusal behind the constraint that one event of a calendar file makes one session."""
    return RuleError("already_imported", _("This event of the file is a session here already."))


@refuse_on(EXCLUSION, "session_coach_never_in_two", overlapping)
@refuse_on(UNIQUE, "session_imported_once", already_imported)
@transaction.atomic
def create_session(
    coach: User,
    *,
    by: User | None,
    source_uid: str = "",
    beside: Sequence[User] = (),
    is_among_several: bool = False,
    **terms: Unpack[SessionTerms],
) -> Session:
    """Put a session on offer; `source_uid` names the event of a calendar file that it comes from.

    Who gives it with its lead stands `beside` them, and is told: where it `is_among_several` at the end of all. Its
    `creator` earns of it whoever gives it; without one that is its lead. Raises ValidationError for what is out of
    range, RuleError overlap when its lead is taken at that time, coach_taken when one of the others is.
    """
    # Asked before the lock, which counts a change of the coach's time.
    if not can_create_session(by, coach=coach):
        raise PermissionDenied
    check_creator(terms.get("creator"), by=by)
    lock_coaches([coach.pk, *(one.pk for one in beside)])
    session = new_session(coach, terms, source_uid=source_uid)
    if others := checked_beside(coach.pk, beside, by=by):
        name_who_gives(session, [coach.pk, *others])
        check_free(session, session.coach_ids, added=others, by=by)
    write_sessions([session])
    together = {"coaches": [str(one) for one in session.coach_ids]} if session.is_together else {}
    record("session.created", by=by, on=session, after=facts_of(session) | together)
    publish(
        "session.created", subject=session, coach_id=coach.pk, **who_did_it(session, by), **_among(is_among_several)
    )
    return session


@refuse_on(EXCLUSION, "session_room_never_in_two", room_is_taken)
@refuse_on(EXCLUSION, "session_coach_never_in_two", overlapping)
@refuse_on(CHECK, "session_seats_within_capacity", below_taken)
@transaction.atomic
def edit_session(
    session: Session,
    *,
    by: User | None,
    version: int | None = None,
    beside: Sequence[User] | None = None,
    **changes: Unpack[SessionChanges],
) -> Session:
    """Change what a session says; what is equal already is no change.

    Another time, place or link is told to everybody who has a place; another price holds for new bookings; more seats
    go to the waitlist. Those who are to stand `beside` its lead claim its time and earn of it from now on, who does
    not any more lets go of both, and they are told. Another `creator` earns of all that nobody has earned yet. A newer
    `version` than the editor saw refuses. Raises ValidationError; RuleError changed_meanwhile, over, started,
    capacity_below_taken, private_session, overlap, coach_taken, takes_part, room_taken.
    """
    if not can_manage_session(by, session):
        raise PermissionDenied
    moves, given_by = bool({"starts_at", "minutes"} & changes.keys()), coaches_with(session, beside)
    is_by_others = given_by != session.coach_ids
    if moves or is_by_others:
        lock_coaches({*session.coach_ids, *given_by})
        lock_rooms([session.room_id] if moves else [])
    locked = lock_session(session.pk)
    # It may be given by others by now, and be in another room.
    if not can_manage_session(by, locked) or (is_by_others and not can_choose_coaches(by, locked)):
        raise PermissionDenied
    is_elsewhere = locked.coach_ids != session.coach_ids or locked.room_id != session.room_id
    if (version is not None and version != locked.version) or ((moves or is_by_others) and is_elsewhere):
        raise RuleError("changed_meanwhile", _("Somebody has changed this session since you opened it."))
    values = with_creator([locked], changes, by=by)
    if beside is not None:
        checked_beside(locked.coach_id, beside, by=by, there=locked.coach_ids[1:])
    if is_by_others:
        values["coach_ids"] = given_by
    return change_session(locked, values, by=by)


def complete_session(session: Session, *, by: User | None) -> Session:
    """Say that a session took place, once it is over. Completing again changes nothing.

    Whoever is noted as not having come gets back what their policy says of it. Raises RuleError not_planned, not_over,
    changed_meanwhile.
    """
    for _again in range(MARKING_RACES):
        try:
            return _complete(session, by=by)
        except _MarkedMeanwhileError:
            continue
    raise RuleError("changed_meanwhile", _("Somebody is just noting who came. Please try again."))


class _MarkedMeanwhileError(Exception):
    """Somebody was marked between the locks: those who did not come are locked before their session."""


@transaction.atomic
def _complete(session: Session, *, by: User | None) -> Session:
    absent = lock_absent(session.pk)
    session = lock_session(session.pk)
    if not can_manage_session(by, session):
        raise PermissionDenied
    if session.status == Session.Status.COMPLETED:
        return session
    if session.status == Session.Status.CANCELLED:
        raise RuleError("not_planned", _("This session was cancelled, so it did not take place."))
    if not session.has_ended():
        raise RuleError("not_over", _("This session is not over yet."))
    let_go_all(session)
    session.status = Session.Status.COMPLETED
    session.save(update_fields=["status"])
    with posted_together(), returned_together():
        if not settle_no_shows(session, absent):
            raise _MarkedMeanwhileError
        earn_splits(Line.Kind.SESSION, session.pk)
    record("session.completed", by=by, on=session, before={"status": "planned"}, after={"status": "completed"})
    publish("session.completed", subject=session)
    return session


def complete_past_sessions(limit: int = 500) -> int:
    """Complete what ended more than a day ago and nobody completed; returns how many. The job runs every hour."""
    due = Session.objects.filter(status=Session.Status.PLANNED, ends_at__lt=clock.now() - COMPLETED_AFTER)
    sessions = list(due.order_by("ends_at", "id")[:limit])
    return len(each_by_itself(sessions, partial(complete_session, by=None), failure="session_not_completed"))


def lock_rooms(ids: Iterable[UUID | None]) -> None:
    """Let what is in some rooms be written one after the other; comes after the coach, before any session."""
    if rooms := [room for room in ids if room]:
        list(Room.objects.filter(pk__in=rooms).order_by("pk").select_for_update(no_key=True).values_list("pk"))


def new_session(
    coach: User, terms: Mapping[str, Any], *, series: Series | None = None, source_uid: str = ""
) -> Session:
    """A checked session, not saved yet. Raises ValidationError."""
    values = dict(terms)
    minutes = values.pop("minutes")
    policy = values.pop("cancellation_policy", None) or default_cancellation_policy()
    session = Session(
        coach=coach,
        series=series,
        source_uid=source_uid,
        currency=current_business().currency,
        cancellation_policy=policy,
        ends_at=values["starts_at"] + timedelta(minutes=minutes),
        **values,
    )
    if session.has_started():
        raise ValidationError({"starts_at": _("This time is over.")})
    check_session(session)
    return session


def check_session(session: Session) -> None:
    """Raise ValidationError for a field that is out of range or missing."""
    session.clean_fields(exclude={field.name for field in Session._meta.fields} - CHECKED)
    if "\0" in f"{session.title}{session.description}{session.place}":
        raise ValidationError({"title": _("There is a character in it that no text can hold.")})
    # A text column does not look at its own limit.
    most = Session._meta.get_field("description").max_length or 0
    if len(session.description) > most:
        raise ValidationError({"description": _("At most %(n)s characters.") % {"n": most}})
    if not MIN_SESSION_MINUTES <= session.minutes <= MAX_SESSION_MINUTES:
        raise ValidationError({"minutes": _("A session lasts from 5 minutes to a day.")})
    if not is_zone(session.time_zone):
        raise ValidationError({"time_zone": _("This is not a time zone that we know.")})
    if not session.place and not session.join_link:
        raise ValidationError({"place": _("Say where it takes place, or give a link to join.")})


def change_session(
    session: Session,
    changes: Mapping[str, Any],
    *,
    by: User | None,
    is_own_wish: bool = False,
    is_among_several: bool = False,
    stands_in: Mapping[UUID, UUID | None] | None = None,
) -> Session:
    """Apply an edit to a locked session; see `edit_session`. Touches nothing when nothing differs.

    Where whoever booked wished for another time themselves (`is_own_wish`), their windows go on to count. Where others
    are to give it, `stands_in` says who has whose place. Where it `is_among_several` that change in one act
    (`change_sessions`, handing over), its people are told at the end of all.
    """
    before = _differing(session, changes)
    if not before:
        return session
    after = {name: getattr(session, name) for name in before}
    is_by_others = "coach_ids" in before
    _check_editable(session, before)
    check_session(session)
    if "coach_ids" in changes:
        added = [one for one in session.coach_ids if one not in before.get("coach_ids", ())]
        check_free(session, session.coach_ids if MOVED & before.keys() else added, added=added, by=by)
    # What is kept for a party gives way to the number of seats that the session has, and is dealt anew.
    came = let_go_all(session) if "capacity" in before else 0
    session.version += 1
    session.changed_at = clock.now()
    with handed_over(session, is_so=is_by_others, stands_in=stands_in):
        written = [*(before.keys() - {"coach_ids"}), *(["is_together"] if is_by_others else [])]
        session.save(update_fields=[*written, "version", "changed_at"])
    divide_anew(session, before)
    record("session.changed", by=by, on=session, before=before, after=after)
    if is_by_others:
        is_moved = bool(before.keys() & {*TOLD})
        is_told = is_own_wish or is_among_several
        tell_of_others(session, before["coach_ids"], by=by, is_moved=is_moved, is_told_elsewhere=is_told)
    told = {name: _plain(value) for name, value in before.items() if name in TOLD}
    if told or (is_own_wish and is_by_others):
        # Who moves what they booked is told of by another notice.
        who = {"moved_by_id": str(by.pk) if by else ""} if is_own_wish else who_did_it(session, by)
        if "coach_id" in before:
            who["before_coach_id"] = str(before["coach_id"])
        came_to_it = {"added_ids": added_to(session, before["coach_ids"])} if is_by_others else {}
        publish("session.changed", subject=session, before=told, **who, **came_to_it, **_among(is_among_several))
    if MOVED & before.keys():
        hold_time(session)
    if "starts_at" in before:
        _follow_the_start(session)
    if not is_own_wish and ("starts_at" in before or (session.is_private and "coach_id" in before)):
        _let_give_back(session)
    came += max(0, session.capacity - before.get("capacity", session.capacity))
    if came:
        offer_free_seats(session, came)
    return session


def change_sessions(
    sessions: Sequence[Session],
    changes: Mapping[str, Any],
    *,
    by: User | None,
    given_by: Mapping[UUID, Sequence[UUID]] | None = None,
) -> None:
    """Apply one edit to locked sessions, so that whoever is in several of them is told once, with all dates.

    `given_by` says of those that others are to give who does, the lead first.
    """
    given_by, is_among_several = given_by or {}, len(sessions) > 1
    told: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for session in sessions:
        was = {name: getattr(session, name) for name in TOLD}
        values = {"coach_ids": given_by[session.pk]} if session.pk in given_by else {}
        before_ids = session.coach_ids if values else []
        change_session(session, {**changes, **values}, by=by, is_among_several=is_among_several)
        before = {name: _plain(value) for name, value in was.items() if getattr(session, name) != value}
        if before:
            added = {"added_ids": added_to(session, before_ids)} if values else {}
            told[str(session.pk)] = before | added
        if values and session.coach_ids != before_ids:
            given[str(session.pk)] = {**who_gave(session, before_ids), "is_moved": bool(before)}
    if not is_among_several:
        return
    by_id = str(by.pk) if by else ""
    # Whoever comes to some of them is told by that of the others as well.
    came = sorted({one for each in given.values() for one in each["added_ids"]})
    if told:
        publish("session.changed_together", subject=sessions[0], before=told, came_ids=came, by_id=by_id)
    if given:
        changed = {pk: one.get("added_ids", []) for pk, one in told.items()}
        publish("session.coaches_changed_together", subject=sessions[0], given=given, changed=changed, by_id=by_id)


def _among(is_among_several: bool) -> dict[str, bool]:
    """What an event says of what is told at the end of all."""
    return {"is_among_several": True} if is_among_several else {}


def facts_of(session: Session) -> dict[str, Any]:
    """What the audit writes down of a new session."""
    names = ("title", "starts_at", "ends_at", "time_zone", "place", "capacity", "price", "currency")
    creator = {"creator_id": session.creator_id} if session.creator_id else {}
    return {name: getattr(session, name) for name in names} | creator


def _differing(session: Session, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Set what differs on `session`; return what it was before, by field."""
    values = dict(changes)
    before = name_other_coaches(session, values)
    minutes = values.pop("minutes", session.minutes)
    starts_at = values.get("starts_at", session.starts_at)
    values["ends_at"] = starts_at + timedelta(minutes=minutes)
    if session.busy_from and session.busy_until and "busy_from" not in values:
        # The time before and after moves along.
        values["busy_from"] = starts_at - (session.starts_at - session.busy_from)
        values["busy_until"] = values["ends_at"] + (session.busy_until - session.ends_at)
    for name, value in values.items():
        old = getattr(session, name)
        if old != value:
            before[name] = old
            setattr(session, name, value)
    return before


def _check_editable(session: Session, before: Mapping[str, Any]) -> None:
    if not session.is_planned and before.keys() - {"description"}:
        raise RuleError("over", _("Only the description of a session that is over or cancelled can change."))
    if session.is_private and AS_BOOKED & before.keys():
        raise RuleError("private_session", _("This was booked as it is: its price, its seats and its policy stay."))
    if MOVED & before.keys():
        if before.get("starts_at", session.starts_at) <= clock.now():
            raise RuleError("started", _("This session has already begun, so its time stays."))
        if session.has_started():
            raise ValidationError({"starts_at": _("This time is over.")})
    if session.capacity < (taken := session.seats_taken - session.seats_kept):
        message = ngettext(
            "%(n)s seat is taken already, so there cannot be fewer.",
            "%(n)s seats are taken already, so there cannot be fewer.",
            taken,
        )
        raise RuleError("capacity_below_taken", message % {"n": taken})


def _follow_the_start(session: Session) -> None:
    """Whoever was reminded of the old time is reminded again; no hold outlasts the new start.

    When the new start is near, the change itself is the reminder.
    """
    # Whoever was checked in already had come to the old time.
    Attendance.objects.filter(session=session).delete()
    now = clock.now()
    is_near = session.starts_at <= now + REMINDED_BEFORE
    bookings = Booking.objects.filter(session=session)
    outlasts = bookings.filter(held_until__gt=session.starts_at)
    # What is held by one order is held until one time, also where that is in other sessions.
    orders = outlasts.filter(line__isnull=False).values("line__order")
    held = Booking.objects.filter(Q(pk__in=outlasts.values("pk")) | Q(state="held", line__order__in=orders))
    ends = [one.pk for one in held.select_for_update(of=("self",), no_key=True).order_by("id")]
    bookings.filter(state=Booking.State.CONFIRMED).update(reminded_at=now if is_near else None)
    if session.is_private:
        intros = Intro.objects.filter(session=session, state=Intro.State.CONFIRMED)
        intros.update(reminded_at=now if is_near else None)
    Booking.objects.filter(pk__in=ends).update(held_until=session.starts_at)


def _let_give_back(session: Session) -> None:
    """Whoever has booked did so for another time, or with another person: until the start it comes back in full."""
    bookings = Booking.objects.filter(session=session, state__in=[Booking.State.HELD, Booking.State.CONFIRMED])
    bookings.update(moved_at=clock.now())


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
