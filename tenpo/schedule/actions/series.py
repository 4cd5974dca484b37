"""Weekly series: sessions at the same time of day, made at once, edited and called off from one of them on."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NotRequired, TypedDict, Unpack
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, record_all
from tenpo.core import clock
from tenpo.core.errors import CHECK, EXCLUSION, RuleError, refuse_on
from tenpo.core.outbox import publish
from tenpo.core.zones import is_zone
from tenpo.ledger.actions import posted_together
from tenpo.orders.actions.default_policy import default_cancellation_policy
from tenpo.orders.actions.sponsor_shares import returned_together
from tenpo.orders.models import CancellationPolicy
from tenpo.people.models import User
from tenpo.schedule.actions.cancellations import BACK, CalledOff, call_off
from tenpo.schedule.actions.coach_time import lock_coaches
from tenpo.schedule.actions.made_by import check_creator, with_creator
from tenpo.schedule.actions.seats import lock_with_held
from tenpo.schedule.actions.session_coaches import checked_beside, coaches_with, write_sessions
from tenpo.schedule.actions.sessions import (
    below_taken,
    change_sessions,
    facts_of,
    new_session,
    overlapping,
)
from tenpo.schedule.models import Series, Session, SessionCoach
from tenpo.schedule.occurrences import MAX_OCCURRENCES, Moment, Span, WeeklyRule, first_overlap, weekly_moments
from tenpo.schedule.permissions import can_choose_coaches, can_create_session, can_manage_session
from tenpo.schedule.series_queries import following_of
from tenpo.schedule.session_coach_models import name_who_gives
from tenpo.schedule.session_coach_queries import name_coaches


class SeriesTerms(TypedDict):
    """What every session of a series is, apart from when. `price` in minor units."""

    title: str
    minutes: int
    capacity: int
    price: int
    description: NotRequired[str]
    place: NotRequired[str]
    join_link: NotRequired[str]
    cancellation_policy: NotRequired[CancellationPolicy]
    creator: NotRequired[User | None]


class FollowingChanges(TypedDict, total=False):
    """What can be edited of many sessions at once; their times stay their own."""

    title: str
    description: str
    place: str
    join_link: str
    capacity: int
    price: int
    creator: User | None


@dataclass(frozen=True)
class Planned:
    """One date of a series before it is made, and what the coach teaches at that time already."""

    moment: Moment
    clash: Span | None


def plan_series(coach: User, rule: WeeklyRule, *, minutes: int, beside: Sequence[User] = ()) -> list[Planned]:
    """The dates of a series, each with what stands in its way: one statement, and nothing is made.

    A date needs all who give it; of what somebody `beside` its coach gives then no more is said than whom it concerns.
    Raises ValidationError for a rule without dates, with more than 104, or with one that is over.
    """
    moments = _moments(rule)
    length = timedelta(minutes=minutes)
    taken = taken_spans([coach, *beside], moments[0].at, moments[-1].at + length)
    planned = []
    for moment in moments:
        span = Span(moment.at, moment.at + length)
        clash = first_overlap(span, taken)
        planned.append(Planned(moment, clash))
        if clash is None:
            taken.append(span)
    return planned


def digest_of(planned: Sequence[Planned]) -> str:
    """Tells whether two plans are the same, so that what is made is what was shown."""
    dates = "\n".join(f"{one.moment.at.isoformat()} {one.clash is None}" for one in planned)
    return hashlib.sha256(dates.encode()).hexdigest()[:32]


@refuse_on(EXCLUSION, "session_coach_never_in_two", overlapping)
@transaction.atomic
def create_series(
    coach: User,
    *,
    rule: WeeklyRule,
    by: User | None,
    agreed: str | None = None,
    beside: Sequence[User] = (),
    **terms: Unpack[SeriesTerms],
) -> Series:
    """Put the sessions of a series on offer, but for the dates on which one of those who give it teaches already.

    Who gives it with its lead stands `beside` them, on each date, and is told once. `agreed` is the digest of the plan
    that was shown: another one is refused. Raises ValidationError; RuleError plan_changed, no_free_date, overlap.
    """
    if not can_create_session(by, coach=coach):
        raise PermissionDenied
    check_creator(terms.get("creator"), by=by)
    lock_coaches([coach.pk, *(one.pk for one in beside)])
    planned = plan_series(coach, rule, minutes=terms["minutes"], beside=beside)
    if agreed is not None and agreed != digest_of(planned):
        raise RuleError("plan_changed", _("The dates are not those that you saw any more. Please look at them again."))
    free = [one.moment for one in planned if one.clash is None]
    if not free:
        raise RuleError("no_free_date", _("There is another session at each of these times."))
    others = checked_beside(coach.pk, beside, by=by, dates=len(free))
    series = Series.objects.create(coach=coach, rule=str(rule), time_zone=rule.time_zone)
    policy = terms.get("cancellation_policy") or default_cancellation_policy()
    shared: Mapping[str, Any] = {**terms, "cancellation_policy": policy, "time_zone": rule.time_zone}
    sessions = [new_session(coach, {**shared, "starts_at": moment.at}, series=series) for moment in free]
    for each in sessions:
        name_who_gives(each, [coach.pk, *others])
    write_sessions(sessions)
    record("series.created", by=by, on=series, after={"rule": series.rule, "sessions": len(sessions)})
    record_all([("session.created", session, None, facts_of(session)) for session in sessions], by=by)
    together = {"beside_ids": [str(one) for one in others], "by_id": str(by.pk) if by else ""} if others else {}
    publish("series.created", subject=series, coach_id=coach.pk, sessions=len(sessions), **together)
    return series


@refuse_on(EXCLUSION, "session_coach_never_in_two", overlapping)
@refuse_on(CHECK, "session_seats_within_capacity", below_taken)
@transaction.atomic
def edit_following(
    session: Session, *, by: User | None, beside: Sequence[User] | None = None, **changes: Unpack[FollowingChanges]
) -> list[Session]:
    """Change this session and the later ones of its series that have not begun: all of them, or none.

    What each edit does, and refuses, is what `edit_session` does; who is to stand `beside` its lead does on each date,
    and is told once. Another `creator` is the one of each. Dates that others give, since they stand in, stay as they
    are (`following_of`). Returns the sessions.
    """
    if beside is None:
        sessions = _locked_following(session, by=by)
        change_sessions(sessions, with_creator(sessions, changes, by=by), by=by)
        return sessions
    # Asked before the locks, which count a change of everybody's time.
    if not can_manage_session(by, session):
        raise PermissionDenied
    seen = {each.pk: each.coach_ids for each in following_of(by, session).managed}
    lock_coaches({*(one for given_by in seen.values() for one in given_by), *(one.pk for one in beside)})
    sessions = _locked_following(session, by=by)
    given_by = {each.pk: coaches_with(each, beside) for each in sessions}
    if any(seen.get(each.pk) != each.coach_ids for each in sessions):
        raise RuleError("changed_meanwhile", _("Somebody has changed this session since you opened it."))
    differing = [each for each in sessions if given_by[each.pk] != each.coach_ids]
    others = [each for each in differing if can_choose_coaches(by, each)]
    # Whoever leads a date in somebody's place says who gives it with them.
    if any(each.coach_id == session.coach_id for each in differing if each not in others):
        raise PermissionDenied
    there = [one.pk for one in beside if all(one.pk in each.coach_ids for each in others)]
    checked_beside(session.coach_id, beside, by=by, there=there, dates=len(others))
    given_by = {each.pk: given_by[each.pk] for each in others}
    change_sessions(sessions, with_creator(sessions, changes, by=by), by=by, given_by=given_by)
    return sessions


def taken_spans(coaches: Sequence[User], since: datetime, until: datetime, *, leave: Sequence[str] = ()) -> list[Span]:
    """When those who would give something together are taken already, with the time before and after: one statement.
    `leave` are imported events of the first of them.

    The first of them reads what it is; of the others it says who, and what only where everybody may see it.
    """
    rows = SessionCoach.objects.filter(coach__in=coaches, claimed__overlap=(since, until))
    rows = rows.select_related("session", "coach")
    if leave:
        # Who else gives such a session is no more taken by it than its lead.
        rows = rows.exclude(session__source_uid__in=leave, session__coach=coaches[0])
    spans: dict[UUID, Span] = {}
    for row in sorted(rows, key=lambda row: (row.coach_id != coaches[0].pk, row.pk)):
        session = row.session
        said = session.title
        if row.coach_id != coaches[0].pk:
            said = str(row.coach) if session.is_private else f"{row.coach}: {session.title}"
        spans.setdefault(session.pk, Span(row.claimed.lower, row.claimed.upper, said))
    return list(spans.values())


@transaction.atomic
def cancel_following(session: Session, *, reason: str, by: User | None) -> list[Session]:
    """Call off this session and the later ones of its series; each as `cancel_session` does. Returns them.

    Whoever comes to several, or gives them with others, is told once, with all their dates and all that came back.
    Dates that others give, since they stand in, take place (`following_of`).
    """
    sessions = _locked_following(session, by=by)
    among = {one.pk for one in sessions} if len(sessions) > 1 else set()
    with posted_together(), returned_together():
        off = [call_off(each, reason=reason, by=by, among=among) for each in sessions]
    if among:
        _tell_of_all(off, reason=reason, by=by)
    return [each.session for each in off]


def _tell_of_all(off: Sequence[CalledOff], *, reason: str, by: User | None) -> None:
    """Publish once which sessions do not take place, whose places went with them, and what came back to whom of all."""
    gone = [one for each in off for one in each.gone]
    back: dict[str, Counter[str]] = {}
    for booking, given in gone:
        if sums := {name: part for name in BACK if (part := getattr(given, name))}:
            back.setdefault(str(booking.booked_by_id), Counter()).update(sums)
    publish(
        "session.cancelled_together", subject=off[0].session, reason=reason, by_id=str(by.pk) if by else "",
        session_ids=[str(each.session.pk) for each in off], booking_ids=[str(one.pk) for one, _given in gone],
        back=back,
    )  # fmt: skip


def _locked_following(session: Session, *, by: User | None) -> list[Session]:
    """What `by` manages of them, locked in one order, so that two such edits never wait for each other."""
    later = following_of(by, session)
    # It may be given by somebody else by now.
    if not can_manage_session(by, session) or session in later.of_others:
        raise PermissionDenied
    found = later.managed
    if not found:
        raise RuleError("no_series", _("No session of a series is still to come from here on."))
    locked = lock_with_held(*(each.pk for each in found))
    sessions = [locked[each.pk] for each in found]
    name_coaches(sessions)
    # One of them may just have been handed over.
    if not all(can_manage_session(by, each) for each in sessions):
        raise RuleError("changed_meanwhile", _("Somebody has changed this session since you opened it."))
    return sessions


def _moments(rule: WeeklyRule) -> list[Moment]:
    if not is_zone(rule.time_zone):
        raise ValidationError({"time_zone": _("This is not a time zone that we know.")})
    if not rule.weekdays or not set(rule.weekdays) <= set(range(7)):
        raise ValidationError({"weekdays": _("Choose at least one day of the week.")})
    moments = weekly_moments(rule) if rule.last_day >= rule.first_day else []
    if not moments:
        raise ValidationError({"until": _("There is no such day before the end.")})
    if len(moments) > MAX_OCCURRENCES:
        raise ValidationError({"until": _("A series has at most %(n)s sessions.") % {"n": MAX_OCCURRENCES}})
    if moments[0].at <= clock.now():
        raise ValidationError({"first_day": _("This time is over.")})
    return moments
