"""What a coach said of their time, and what of it is taken."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from tenpo.people.models import User
from tenpo.schedule.models import Availability, Session, WorkingTerms
from tenpo.schedule.weekly_hours import Hours


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
    during = Session.objects.filter(coach=coach, status=Session.Status.PLANNED)
    return during.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).order_by("starts_at", "id")
