"""When coaches are away, and when they work in another time zone."""

from datetime import date, datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import EXCLUSION, RuleError, refuse_on
from tenpo.core.limits import AWAY_DAYS, AWAY_KEPT
from tenpo.core.models import check_fields
from tenpo.core.zones import is_zone
from tenpo.people.actions.visits import lock_users
from tenpo.people.models import User
from tenpo.people.permissions import is_active_coach
from tenpo.schedule.actions.hours import lock_own_time, tell_of_time
from tenpo.schedule.models import TimeOff, Travel
from tenpo.schedule.permissions import can_say_away


def two_zones_on_a_day() -> RuleError:
    """The refusal behind the constraint that a coach is in one time zone on a day."""
    return RuleError("already_travelling", _("There is another time zone for one of these days already."))


@transaction.atomic
def add_time_off(
    coach: User,
    *,
    starts_at: datetime,
    ends_at: datetime,
    by: User | None,
    reason: str = "",
    stand_in: User | None = None,
) -> TimeOff:
    """Say when a coach is away. It calls off nothing that is booked: `taught_during` says what falls into it.

    An admin also says it of a coach whose account is disabled, so that somebody stands in.
    The same times again change nothing. Raises ValidationError by field; RuleError too_many.
    """
    lock_users(coach, stand_in)
    lock_own_time(coach, by, may=can_say_away)
    there = TimeOff.objects.filter(coach=coach, starts_at=starts_at, ends_at=ends_at, stand_in=stand_in).first()
    if there is not None:
        return there
    _check_times(starts_at, ends_at)
    if stand_in is not None:
        if stand_in.pk == coach.pk:
            raise ValidationError({"stand_in": _("Somebody else stands in.")})
        if not is_active_coach(User.objects.with_roles().get(pk=stand_in.pk)):
            raise ValidationError({"stand_in": _("Only a coach stands in for a coach.")})
    if TimeOff.objects.filter(coach=coach, ends_at__gt=clock.now()).count() >= AWAY_KEPT:
        raise too_many_away()
    off = TimeOff(coach=coach, starts_at=starts_at, ends_at=ends_at, reason=reason.strip(), stand_in=stand_in)
    check_fields(off, "reason")
    off.save(force_insert=True)
    # Why is nobody's business but theirs: it may be their health.
    record("time_off.added", by=by, on=off, after=_said(off))
    tell_of_time(coach)
    return off


@transaction.atomic
def remove_time_off(off: TimeOff, *, by: User | None) -> None:
    """Let a coach be there after all. Again changes nothing."""
    lock_own_time(off.coach, by, may=can_say_away)
    there = TimeOff.objects.select_for_update().filter(pk=off.pk).first()
    if there is None:
        return
    record("time_off.removed", by=by, on=there, before=_said(there))
    there.delete()
    tell_of_time(off.coach)


@refuse_on(EXCLUSION, "travel_one_zone_on_a_day", two_zones_on_a_day)
@transaction.atomic
def add_travel(coach: User, *, starts_on: date, ends_on: date, time_zone: str, by: User | None) -> Travel:
    """Let a coach's hours be those of another zone on some days, both included.

    Raises ValidationError by field; RuleError already_travelling, too_many.
    """
    lock_own_time(coach, by)
    today = clock.now().date()
    if ends_on < starts_on:
        raise ValidationError({"ends_on": _("The last day comes after the first one.")})
    # It may be a day earlier where they are.
    if ends_on < today - timedelta(days=1):
        raise ValidationError({"ends_on": _("This time is over.")})
    if ends_on - starts_on > timedelta(days=AWAY_DAYS):
        raise ValidationError({"ends_on": _("At most %(n)s days at once.") % {"n": AWAY_DAYS}})
    if not is_zone(time_zone):
        raise ValidationError({"time_zone": _("This is not a time zone that we know.")})
    if Travel.objects.filter(coach=coach, ends_on__gte=today).count() >= AWAY_KEPT:
        raise too_many_away()
    travel = Travel.objects.create(coach=coach, starts_on=starts_on, ends_on=ends_on, time_zone=time_zone)
    record("travel.added", by=by, on=travel, after=_travel_said(travel))
    tell_of_time(coach)
    return travel


@transaction.atomic
def remove_travel(travel: Travel, *, by: User | None) -> None:
    """Let a coach's hours be those of their own zone on these days. Again changes nothing."""
    lock_own_time(travel.coach, by)
    there = Travel.objects.select_for_update().filter(pk=travel.pk).first()
    if there is None:
        return
    record("travel.removed", by=by, on=there, before=_travel_said(there))
    there.delete()
    tell_of_time(travel.coach)


def too_many_away() -> RuleError:
    """More times than anybody keeps in mind."""
    return RuleError("too_many", _("There are %(n)s of these already. Remove some first.") % {"n": AWAY_KEPT})


def _check_times(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise ValidationError({"ends_at": _("It ends after it begins.")})
    if ends_at <= clock.now():
        raise ValidationError({"ends_at": _("This time is over.")})
    if ends_at - starts_at > timedelta(days=AWAY_DAYS):
        raise ValidationError({"ends_at": _("At most %(n)s days at once.") % {"n": AWAY_DAYS}})


def _said(off: TimeOff) -> dict[str, datetime | UUID | None]:
    return {"starts_at": off.starts_at, "ends_at": off.ends_at, "stand_in_id": off.stand_in_id}


def _travel_said(travel: Travel) -> dict[str, date | str]:
    return {"starts_on": travel.starts_on, "ends_on": travel.ends_on, "time_zone": travel.time_zone}
