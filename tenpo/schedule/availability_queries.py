"""What a coach said of their time, and what of it is taken."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, QuerySet, UUIDField, Value, Window

from tenpo.core import clock
from tenpo.core.words import say_when
from tenpo.people.models import User
from tenpo.schedule.models import Availability, AvailabilityException, Session, TimeOff, WorkingTerms
from tenpo.schedule.weekly_hours import Hours, said_minutes

# Sessions that are named beside each time off.
MOST_SHOWN = 5


def hours_of(coach: User) -> list[Hours]:
    """The weekly hours of a coach, in the order of the week: one statement."""
    names = ("weekday", "opens", "closes", "location_id", "starts_on", "ends_on")
    rows = Availability.objects.filter(coach=coach).order_by("weekday", "opens", "id")
    return [Hours(*row) for row in rows.values_list(*names)]


def zone_of(coach: User) -> str:
    """The name of the clock by which a coach works, when they do not travel: one statement."""
    said = WorkingTerms.objects.filter(coach=coach).values_list("time_zone", flat=True).first()
    return said or coach.time_zone


def taught_during(coach: User | UUID, starts_at: datetime, ends_at: datetime) -> QuerySet[Session]:
    """The sessions of a coach that are planned in this time, the first one first."""
    during = Session.objects.taught_by(coach).filter(status=Session.Status.PLANNED)
    return during.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).order_by("starts_at", "id")


@dataclass(frozen=True)
class DifferingDay:
    """A day that is not as its weekday: its hours in minutes from midnight, or none."""

    day: date
    hours: list[tuple[int, int, str]]

    def said(self) -> list[str]:
        """Its hours as people read them."""
        return [
            f"{said_minutes(opens)}–{said_minutes(closes)}" + (f" · {place}" if place else "")
            for opens, closes, place in self.hours
        ]


@dataclass(frozen=True)
class Away:
    """A time off that is not over, the first sessions that fall into it, and how many do."""

    off: TimeOff
    sessions: list[Session]
    count: int
    zone: str

    def said(self) -> str:
        """When it is, by the clock of who is away: whole days as days."""
        return say_when(self.off.starts_at, until=self.off.ends_at, zone=ZoneInfo(self.zone))


def coming_days(coach: User) -> list[DifferingDay]:
    """The days from today on that are not as their weekday, the first one first: one statement."""
    rows = AvailabilityException.objects.filter(coach=coach, day__gte=clock.now().date()).select_related("location")
    found: dict[date, list[tuple[int, int, str]]] = {}
    for row in rows.order_by("day", "opens", "id"):
        said = found.setdefault(row.day, [])
        if row.opens is not None and row.closes is not None:
            said.append((row.opens, row.closes, row.location.name if row.location else ""))
    return [DifferingDay(day, hours) for day, hours in found.items()]


def away_coaches(session: Session, *, viewer: User) -> list[User]:
    """Who of a session's coaches said that they are away then, as far as `viewer` may know: one statement."""
    offs = TimeOff.objects.visible_to(viewer).filter(
        coach__in=session.coach_ids, starts_at__lt=session.ends_at, ends_at__gt=session.starts_at
    )
    return list(User.objects.filter(pk__in=offs.values("coach")).order_by("pk"))


def coming_time_off(coach: User, *, zone: str) -> list[Away]:
    """The times off that are not over, and what falls into each: two statements."""
    offs = list(
        TimeOff.objects.filter(coach=coach, ends_at__gt=clock.now()).select_related("stand_in").order_by("starts_at")
    )
    if not offs:
        return []
    now = clock.now()
    first, *others = (
        taught_during(coach, max(off.starts_at, now), off.ends_at).annotate(
            off=Value(off.pk, UUIDField()), count=Window(Count("pk"))
        )[:MOST_SHOWN]
        for off in offs
    )
    found: dict[UUID, list[Any]] = {}
    for session in sorted(first.union(*others, all=True), key=lambda one: (one.starts_at, one.pk)):
        found.setdefault(session.off, []).append(session)
    of_each = ((off, found.get(off.pk, [])) for off in offs)
    return [Away(off, there, there[0].count if there else 0, zone) for off, there in of_each]
