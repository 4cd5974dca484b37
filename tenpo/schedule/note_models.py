"""What a coach notes for themselves."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F

from tenpo.core.fields import EncryptedField
from tenpo.core.models import BaseModel
from tenpo.people.models import Participant, User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class SessionNoteQuerySet(models.QuerySet["SessionNote"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whichever of its coaches wrote it, and nobody else: it may speak of somebody's health. No admin reads it."""
        if not user.is_authenticated or not user.is_coach:
            return self.none()
        return self.filter(author=user, session__coaches__coach=F("author"))


class SessionNote(BaseModel):
    """What the coach of a session notes of it, or of one person in it, for themselves."""

    session = models.ForeignKey("Session", models.PROTECT, db_index=False, related_name="+")
    # Null: of the session as a whole.
    participant = models.ForeignKey(Participant, models.PROTECT, null=True, related_name="+")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    text = EncryptedField()
    edited_at = models.DateTimeField(null=True)

    objects = SessionNoteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="note_one_of_each_author",
                fields=["session", "author", "participant"],
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
