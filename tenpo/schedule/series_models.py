"""What sessions that repeat have in common."""

from typing import TYPE_CHECKING, Self

from django.db import models

from tenpo.core.models import TIME_ZONE_LENGTH, BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class SeriesQuerySet(models.QuerySet["Series"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if user.is_authenticated else self.none()


class Series(BaseModel):
    """Sessions that repeat by a rule (RFC 5545) at the same time of day in the coach's own time zone."""

    coach = models.ForeignKey(User, models.PROTECT, related_name="+")
    rule = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=TIME_ZONE_LENGTH)

    objects = SeriesQuerySet.as_manager()

    def __str__(self) -> str:
        return self.rule
