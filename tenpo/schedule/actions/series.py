"""Weekly series: sessions at the same time of day, made at once, edited and called off from one of them on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NotRequired, TypedDict, Unpack

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
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.coach_time import lock_coach
from tenpo.schedule.actions.seats import lock_with_held
from tenpo.schedule.actions.session_coaches import write_sessions
from tenpo.schedule.actions.sessions import (
    below_taken,
    change_sessions,
    facts_of,
    new_session,
    overlapping,
)
from tenpo.schedule.models import Series, Session
from tenpo.schedule.occurrences import MAX_OCCURRENCES, Moment, Span, WeeklyRule, first_overlap, weekly_moments
from tenpo.schedule.permissions import can_create_session, can_manage_session
from tenpo.schedule.queries import following


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


class FollowingChanges(TypedDict, total=False):
    """What can be edited of many sessions at once; their times stay their own."""

    title: str
    description: str
    place: str
    join_link: str
    capacity: int
    price: int


@dataclass(frozen=True)
class Planned:
    """One date of a series before it is made, and what the coach teaches at that time already."""

    moment: Moment
    clash: Span | None


def plan_series(coach: User, rule: WeeklyRule, *, minutes: int) -> list[Planned]:
    """The dates of a series, each with what stands in its way: one statement, and nothing is made.

    Raises ValidationError for a rule without dates, with more than 104, or with one that is over.
    """
    moments = _moments(rule)
    length = timedelta(minutes=minutes)
    live = Session.objects.taught_by(coach).filter(ends_at__gt=moments[0].at, starts_at__lt=moments[-1].at + length)
    live = live.exclude(status=Session.Status.CANCELLED)
    taken = [Span(session.starts_at, session.ends_at, session.title) for session in live]
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
    coach: User, *, rule: WeeklyRule, by: User | None, agreed: str | None = None, **terms: Unpack[SeriesTerms]
) -> Series:
    """Put the sessions of a series on offer, but for the dates on which the coach teaches already.

    `agreed` is the digest of the plan that was shown: another one is refused. Raises ValidationError; RuleError
    plan_changed, no_free_date, overlap.
    """
    if not can_create_session(by, coach=coach):
        raise PermissionDenied
    lock_coach(coach)
    planned = plan_series(coach, rule, minutes=terms["minutes"])
    if agreed is not None and agreed != digest_of(planned):
        raise RuleError("plan_changed", _("The dates are not those that you saw any more. Please look at them again."))
    free = [one.moment for one in planned if one.clash is None]
    if not free:
        raise RuleError("no_free_date", _("There is another session at each of these times."))
    series = Series.objects.create(coach=coach, rule=str(rule), time_zone=rule.time_zone)
    policy = terms.get("cancellation_policy") or default_cancellation_policy()
    shared: Mapping[str, Any] = {**terms, "cancellation_policy": policy, "time_zone": rule.time_zone}
    sessions = [new_session(coach, {**shared, "starts_at": moment.at}, series=series) for moment in free]
    write_sessions(sessions)
    record("series.created", by=by, on=series, after={"rule": series.rule, "sessions": len(sessions)})
    record_all([("session.created", session, None, facts_of(session)) for session in sessions], by=by)
    publish("series.created", subject=series, coach_id=coach.pk, sessions=len(sessions))
    return series


@refuse_on(CHECK, "session_seats_within_capacity", below_taken)
@transaction.atomic
def edit_following(session: Session, *, by: User | None, **changes: Unpack[FollowingChanges]) -> list[Session]:
    """Change this session and the later ones of its series that have not begun: all of them, or none.

    What each edit does, and refuses, is what `edit_session` does. Returns the sessions.
    """
    sessions = _locked_following(session, by=by)
    change_sessions(sessions, changes, by=by)
    return sessions


@transaction.atomic
def cancel_following(session: Session, *, reason: str, by: User | None) -> list[Session]:
    """Call off this session and the later ones of its series; each as `cancel_session` does. Returns them."""
    sessions = _locked_following(session, by=by)
    with posted_together(), returned_together():
        return [cancel_session(each, reason=reason, by=by) for each in sessions]


def _locked_following(session: Session, *, by: User | None) -> list[Session]:
    """The sessions, locked in one order, so that two such edits never wait for each other."""
    if not can_manage_session(by, session):
        raise PermissionDenied
    found = following(session)
    if not found:
        raise RuleError("no_series", _("No session of a series is still to come from here on."))
    locked = lock_with_held(*(each.pk for each in found))
    if not all(can_manage_session(by, locked[each.pk]) for each in found):
        raise PermissionDenied
    return [locked[each.pk] for each in found]


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
