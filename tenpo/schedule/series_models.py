"""What sessions that repeat have in common."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Exists, OuterRef

from tenpo.core.models import TIME_ZONE_LENGTH, BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class SeriesQuerySet(models.QuerySet["Series"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whoever sees one of its sessions: a time that somebody booked for some weeks is nobody else's business."""
        if not user.is_authenticated:
            return self.none()
        sessions: Any = self.model._meta.get_field("sessions").related_model
        seen = sessions._default_manager.visible_to(user).filter(series=OuterRef("pk"))
        return self.filter(Exists(seen))


class Series(BaseModel):
    """Sessions that repeat by a rule (RFC 5545) on the coach's own clock: offered to all, or booked by one person."""

    coach = models.ForeignKey(User, models.PROTECT, related_name="+")
    rule = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=TIME_ZONE_LENGTH)

    objects = SeriesQuerySet.as_manager()

    def __str__(self) -> str:
        return self.rule
