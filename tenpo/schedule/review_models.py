"""What a participant and a coach say of each other once a session is over."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.limits import REVIEW_BLIND_DAYS
from tenpo.core.models import BaseModel
from tenpo.people.models import Participant, User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

MAX_RATING = 5
COMMENT_LENGTH = 2_000


class SessionReviewQuerySet(models.QuerySet["SessionReview"]):
    def visible_to(self, user: "Viewer") -> Self:
        """One's own always. When neither side is blind any more: of a coach by everybody, else by whom it is of."""
        if not user.is_authenticated:
            return self.none()
        mine = Q(author=user)
        theirs = self.model.objects.opened()
        if not user.is_admin:
            theirs = theirs.filter(Q(side=SessionReview.Side.PARTICIPANT) | Q(subject=user))
        return self.filter(mine | Q(pk__in=theirs.values("pk")))

    def opened(self, now: datetime | None = None) -> Self:
        """Those that their subjects may read: both wrote, or the time in which they are blind is over."""
        both = SessionReview.objects.filter(session=OuterRef("session"), participant=OuterRef("participant"))
        ended = Q(session__ends_at__lte=(now or clock.now()) - timedelta(days=REVIEW_BLIND_DAYS))
        return self.filter(ended | Exists(both.exclude(side=OuterRef("side"))))

    def of_coach(self, coach: User) -> Self:
        return self.filter(subject=coach, side=SessionReview.Side.PARTICIPANT)


class SessionReview(BaseModel):
    """What one side says of the other after one session: one to five, and a comment. Blind until both wrote."""

    class Side(models.TextChoices):
        PARTICIPANT = "participant", _("By the participant")
        COACH = "coach", _("By the coach")

    session = models.ForeignKey("Session", models.PROTECT, db_index=False, related_name="reviews")
    participant = models.ForeignKey(Participant, models.PROTECT, db_index=False, related_name="+")
    # Who wrote it, as the one side or the other.
    side = models.CharField(max_length=11, choices=Side)
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    subject = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    rating = models.PositiveSmallIntegerField(
        _("Stars"), validators=[MinValueValidator(1), MaxValueValidator(MAX_RATING)]
    )
    comment = models.TextField(_("Comment"), max_length=COMMENT_LENGTH, blank=True)
    edited_at = models.DateTimeField(null=True)
    # When its subject was told that they can read it.
    told_at = models.DateTimeField(null=True)

    objects = SessionReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="review_one_of_each_side", fields=["session", "participant", "side"]),
            models.CheckConstraint(
                name="review_is_one_to_five", condition=Q(rating__gte=1) & Q(rating__lte=MAX_RATING)
            ),
            models.CheckConstraint(name="review_side_is_known", condition=Q(side__in=["participant", "coach"])),
            models.CheckConstraint(name="review_is_of_somebody_else", condition=~Q(author=F("subject"))),
        ]
        indexes = [
            models.Index(name="review_by_subject", fields=["subject", "-id"]),
            models.Index(name="review_to_tell", fields=["session"], condition=Q(told_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.rating}/{MAX_RATING}"
