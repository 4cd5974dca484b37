"""What belongs to a session and stays after it."""

from typing import TYPE_CHECKING, Self

from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import BaseModel
from tenpo.people.models import User
from tenpo.schedule.session_coach_models import SessionCoach

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

# Of a booking: booked, whatever became of it. Who did not come may look at what was shown.
PLACED = ("confirmed", "attended", "no_show")


class SessionResourceQuerySet(models.QuerySet["SessionResource"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Everybody what is public; else the session's coaches, the admins, and whoever has a place that was booked.

        Of what was booked as a slot nothing is public: nobody else sees the session either.
        """
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        whose = Q(session__bookings__booked_by=user) | Q(session__bookings__participant__user=user)
        public = Q(is_public=True, session__is_private=False)
        placed = self.model.objects.filter(whose, session__bookings__state__in=PLACED)
        given = SessionCoach.objects.filter(coach=user)
        return self.filter(public | Q(session__in=given.values("session")) | Q(pk__in=placed.values("pk")))


class SessionResource(BaseModel):
    """A file or a link of a session: a recording, slides, a document."""

    class Kind(models.TextChoices):
        RECORDING = "recording", _("Recording")
        SLIDES = "slides", _("Slides")
        DOCUMENT = "document", _("Document")
        OTHER = "other", _("Something else")

    session = models.ForeignKey("Session", models.PROTECT, related_name="resources")
    kind = models.CharField(_("Kind"), max_length=9, choices=Kind)
    name = models.CharField(_("Name"), max_length=200)
    link = models.CharField(_("Link"), max_length=500, blank=True, validators=[URLValidator(schemes=["http", "https"])])
    # Where it lies in the folder of files; see `core.files`.
    file_key = models.CharField(max_length=80, blank=True)
    size_bytes = models.PositiveBigIntegerField(null=True)
    mime_type = models.CharField(max_length=100, blank=True)
    duration_seconds = models.PositiveIntegerField(null=True, blank=True)
    # For everybody who sees the session, and not just for who has a place in it.
    is_public = models.BooleanField(_("For everybody"), default=False)
    uploaded_by = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    # What a provider of video rooms calls this recording, so that it is here once.
    source_id = models.CharField(max_length=200, blank=True, db_default="")

    objects = SessionResourceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="resource_is_a_file_or_a_link",
                condition=Q(link="") & ~Q(file_key="") & Q(size_bytes__isnull=False, size_bytes__gt=0)
                | ~Q(link="") & Q(file_key="", size_bytes=None),
            ),
            models.CheckConstraint(
                name="resource_kind_is_known", condition=Q(kind__in=["recording", "slides", "document", "other"])
            ),
            models.UniqueConstraint(name="resource_file_is_one_rows", fields=["file_key"], condition=~Q(file_key="")),
            models.UniqueConstraint(
                name="resource_is_fetched_once", fields=["session", "source_id"], condition=~Q(source_id="")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_file(self) -> bool:
        return bool(self.file_key)

    @property
    def minutes(self) -> int | None:
        """How long a recording is."""
        return None if self.duration_seconds is None else max(1, round(self.duration_seconds / 60))
