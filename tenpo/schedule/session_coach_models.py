"""Who gives a session, and the time that each of them is taken by it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F, Q

from tenpo.core.db import UuidPoint
from tenpo.core.models import BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer
    from tenpo.schedule.models import Session


class SessionCoachQuerySet(models.QuerySet["SessionCoach"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whoever sees a session sees who gives it."""
        sessions: Any = self.model._meta.get_field("session").related_model
        return self.filter(session__in=sessions._default_manager.visible_to(user).values("pk"))


class SessionCoach(BaseModel):
    """One of those who give a session: its lead, or who gives it with them.

    Two foreign keys of several columns stand in the migration: `claimed` follows the session's (ON UPDATE CASCADE), so
    that a session that moves, or does not take place, moves the time of all its coaches; and a session's lead stands
    among its coaches when a transaction ends.
    """

    session = models.ForeignKey("Session", models.PROTECT, db_index=False, db_constraint=False, related_name="coaches")
    coach = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    # 0 is the lead, `Session.coach`.
    place = models.PositiveSmallIntegerField(default=0)
    # Whose place they have in it, while that one is away.
    stands_in_for = models.ForeignKey(User, models.PROTECT, null=True, db_index=False, related_name="+")
    # From when until when they are taken, with the time before and after; empty where it does not take place.
    claimed = DateTimeRangeField()

    objects = SessionCoachQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="session_coach_never_in_two_at_once",
                expressions=[(UuidPoint("coach"), RangeOperators.OVERLAPS), (F("claimed"), RangeOperators.OVERLAPS)],
            ),
            models.UniqueConstraint(name="session_coach_once_in_each", fields=["session", "coach"]),
            models.CheckConstraint(
                name="session_coach_stands_in_for_another",
                condition=Q(stands_in_for=None) | ~Q(stands_in_for=F("coach")),
            ),
        ]
        indexes = [
            models.Index(name="session_coach_by_time", fields=["coach", "claimed"], include=["session"]),
            models.Index(
                name="session_coach_by_place", fields=["stands_in_for"], condition=Q(stands_in_for__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return str(self.coach)


def name_who_gives(session: "Session", coach_ids: Sequence[UUID]) -> None:
    """Say of a session that is not written yet who gives it, the lead first."""
    session.coach_id, session.is_together, session.coach_ids = coach_ids[0], len(coach_ids) > 1, list(coach_ids)


def coaches_of_new(session: "Session") -> list[SessionCoach]:
    """Who gives a session, as rows that are written with it."""
    return [
        SessionCoach(session=session, coach_id=coach_id, place=place, claimed=claim_of(session))
        for place, coach_id in enumerate(session.coach_ids)
    ]


def claim_of(session: "Session") -> DateTimeTZRange:
    """The time that a session takes of its coaches, as the database works it out (`Session.claimed`)."""
    if session.status == session.Status.CANCELLED:
        return DateTimeTZRange(empty=True)
    return DateTimeTZRange(session.busy_from or session.starts_at, session.busy_until or session.ends_at, "[)")
