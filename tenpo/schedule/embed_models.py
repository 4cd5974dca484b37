"""Where else people book: a piece of somebody's site that shows ours."""

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import BaseModel
from tenpo.people.models import User
from tenpo.schedule.service_models import Service

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

MAX_ORIGIN = 200
MAX_HUE = 359


class EmbedQuerySet(models.QuerySet["Embed"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Admins see all, a coach what is about them alone. What it shows is seen by whoever comes to its site."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(coach=user)

    def live(self) -> Self:
        return self.filter(ended_at=None)


class Embed(BaseModel):
    """Booking on another site: what it shows, which sites may show it, and how it looks there."""

    class Theme(models.TextChoices):
        AUTO = "auto", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    name = models.CharField(_("Name"), max_length=80)
    # Whose times it shows, and of what; neither: everything of the business that is open to visitors.
    coach = models.ForeignKey(User, models.PROTECT, null=True, db_index=False, related_name="embeds")
    service = models.ForeignKey(Service, models.PROTECT, null=True, db_index=False, related_name="+")
    # The only sites that may show it: scheme, host and port.
    origins = ArrayField(models.CharField(max_length=MAX_ORIGIN), size=10)
    theme = models.CharField(_("Colours"), max_length=5, choices=Theme, default=Theme.AUTO)
    # None: as the business.
    accent_hue = models.PositiveSmallIntegerField(
        _("Accent"), null=True, blank=True, validators=[MaxValueValidator(MAX_HUE)]
    )
    ended_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects = EmbedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="embed_is_on_some_site", condition=Q(origins__len__gte=1)),
            models.CheckConstraint(name="embed_theme_is_known", condition=Q(theme__in=["auto", "light", "dark"])),
            models.CheckConstraint(
                name="embed_accent_is_a_hue", condition=Q(accent_hue=None) | Q(accent_hue__lte=MAX_HUE)
            ),
        ]
        indexes = [models.Index(name="embed_by_coach", fields=["coach", "-id"])]

    def __str__(self) -> str:
        return self.name
