"""When coaches can be booked: their weekly hours, days that differ, and the terms on which they work."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.models import check_fields, set_differing
from tenpo.core.outbox import publish
from tenpo.core.zones import is_zone
from tenpo.people.models import User
from tenpo.schedule.actions.coach_time import lock_coach
from tenpo.schedule.availability_models import MAX_EXCEPTIONS, MAX_HOURS_ROWS
from tenpo.schedule.availability_queries import hours_of, zone_of
from tenpo.schedule.free_days import is_region
from tenpo.schedule.models import Availability, AvailabilityException, Location, WorkingTerms
from tenpo.schedule.permissions import can_manage_hours
from tenpo.schedule.slots import MINUTES_OF_DAY
from tenpo.schedule.weekly_hours import Hours, digest_of_week, joined

MAX_SESSIONS_A_DAY = 100


@transaction.atomic
def set_weekly_hours(
    coach: User, hours: Sequence[Hours], *, by: User | None, seen: str | None = None
) -> list[Availability]:
    """Say the whole week of a coach at once, in their clock; what touches is joined, and equal hours are no change.

    `seen` is the digest of the week that was shown: another one refuses, so nobody's change is lost. What is booked
    already stays. Raises ValidationError by field; RuleError changed_meanwhile.
    """
    lock_own_time(coach, by)
    before = hours_of(coach)
    if seen is not None and seen != digest_of_week(before):
        raise RuleError("changed_meanwhile", _("Somebody has changed these hours since you opened them."))
    after = _checked(hours)
    if after != joined(before):
        Availability.objects.filter(coach=coach).delete()
        Availability.objects.bulk_create(_row(coach, each) for each in after)
        record("hours.changed", by=by, on=coach, before={"hours": _said(before)}, after={"hours": _said(after)})
        tell_of_time(coach)
    return list(Availability.objects.filter(coach=coach).order_by("weekday", "opens", "id"))


@transaction.atomic
def set_day(coach: User, day: date, hours: Sequence[Hours], *, by: User | None) -> list[AvailabilityException]:
    """Say one day of a coach that is not as its weekday: these hours, or none at all. Equal hours are no change.

    Raises ValidationError by field; RuleError too_many.
    """
    lock_own_time(coach, by)
    if day < clock.now().astimezone(ZoneInfo(zone_of(coach))).date():
        raise ValidationError({"day": _("This day is over.")})
    wanted = _checked([Hours(day.weekday(), each.opens, each.closes, each.location_id) for each in hours])
    there = AvailabilityException.objects.filter(coach=coach, day=day)
    before = [_exception_said(row) for row in there.order_by("opens", "id")]
    rows = [
        AvailabilityException(coach=coach, day=day, opens=e.opens, closes=e.closes, location_id=e.location_id)
        for e in wanted
    ] or [AvailabilityException(coach=coach, day=day)]
    after = [_exception_said(row) for row in rows]
    if before == after:
        return list(there.order_by("opens", "id"))
    coming = AvailabilityException.objects.filter(coach=coach, day__gte=clock.now().date()).exclude(day=day)
    if coming.count() + len(rows) > MAX_EXCEPTIONS:
        raise RuleError("too_many", _("At most %(n)s hours can differ from the week.") % {"n": MAX_EXCEPTIONS})
    there.delete()
    AvailabilityException.objects.bulk_create(rows)
    record("day.changed", by=by, on=coach, before={f"{day}": before or None}, after={f"{day}": after})
    tell_of_time(coach)
    return list(there.order_by("opens", "id"))


@transaction.atomic
def clear_day(coach: User, day: date, *, by: User | None) -> None:
    """Let one day of a coach be as its weekday again. Again changes nothing."""
    lock_own_time(coach, by)
    there = AvailabilityException.objects.filter(coach=coach, day=day)
    before = [_exception_said(row) for row in there.order_by("opens", "id")]
    if before:
        there.delete()
        record("day.cleared", by=by, on=coach, before={f"{day}": before}, after={f"{day}": None})
        tell_of_time(coach)


@transaction.atomic
def set_working_terms(
    coach: User, *, by: User | None, time_zone: str = "", holidays_of: str = "", most_per_day: int | None = None
) -> WorkingTerms:
    """Say how a coach works whatever their hours; without a zone it is that of their account.

    `holidays_of` is a country or region (ISO 3166) whose public holidays are free. Raises ValidationError by field.
    """
    lock_own_time(coach, by)
    if time_zone and not is_zone(time_zone):
        raise ValidationError({"time_zone": _("This is not a time zone that we know.")})
    if holidays_of and not is_region(holidays_of):
        raise ValidationError({"holidays_of": _("We do not know the holidays of this place.")})
    if most_per_day is not None and not 1 <= most_per_day <= MAX_SESSIONS_A_DAY:
        words = _("From 1 to %(n)s, or leave it empty.") % {"n": MAX_SESSIONS_A_DAY}
        raise ValidationError({"most_per_day": words})
    terms = WorkingTerms.objects.get_or_create(coach=coach)[0]
    wanted = {"time_zone": time_zone, "holidays_of": holidays_of, "most_per_day": most_per_day}
    before = set_differing(terms, wanted)
    check_fields(terms, *wanted)
    if before:
        terms.save(update_fields=[*before])
        after = {name: wanted[name] for name in before}
        record("working_terms.changed", by=by, on=terms, before=before, after=after)
        tell_of_time(coach)
    return terms


def lock_own_time(coach: User, by: User | None, *, may: Callable[..., bool] = can_manage_hours) -> None:
    """Let what is said of one coach's time be written one after the other; PermissionDenied for who `may` not."""
    lock_coach(coach)
    fresh = User.objects.with_roles().get(pk=coach.pk)
    if not may(by, coach=fresh):
        raise PermissionDenied


def tell_of_time(coach: User) -> None:
    """Say that when this coach can be booked has changed."""
    publish("availability.changed", subject=coach)


def _checked(hours: Sequence[Hours]) -> list[Hours]:
    """The hours, joined; raises ValidationError for what no week has."""
    for each in hours:
        if not 0 <= each.weekday <= 6:
            raise ValidationError({"hours": _("A week has seven days.")})
        if not 0 <= each.opens < each.closes <= MINUTES_OF_DAY:
            raise ValidationError({"hours": _("Each time ends after it begins, and on the same day.")})
        if each.starts_on and each.ends_on and each.ends_on < each.starts_on:
            raise ValidationError({"hours": _("The last day comes after the first one.")})
    week = joined(hours)
    if len(week) > MAX_HOURS_ROWS:
        raise ValidationError({"hours": _("At most %(n)s times a week.") % {"n": MAX_HOURS_ROWS}})
    places = {each.location_id for each in hours if each.location_id is not None}
    if Location.objects.open().filter(pk__in=places).count() != len(places):
        raise ValidationError({"hours": _("One of these places is closed.")})
    return week


def _row(coach: User, hours: Hours) -> Availability:
    return Availability(
        coach=coach, weekday=hours.weekday, opens=hours.opens, closes=hours.closes, location_id=hours.location_id,
        starts_on=hours.starts_on, ends_on=hours.ends_on,
    )  # fmt: skip


def _said(hours: Sequence[Hours]) -> list[dict[str, Any]]:
    """Hours as plain values, as the audit keeps them; what is not said is left out."""
    said = []
    for each in hours:
        limits = {"location": each.location_id, "starts_on": each.starts_on, "ends_on": each.ends_on}
        plain = {name: str(value) for name, value in limits.items() if value is not None}
        said.append({"weekday": each.weekday, "opens": each.opens, "closes": each.closes, **plain})
    return said


def _exception_said(row: AvailabilityException) -> dict[str, Any]:
    location = {"location": str(row.location_id)} if row.location_id else {}
    return {"opens": row.opens, "closes": row.closes, **location}
