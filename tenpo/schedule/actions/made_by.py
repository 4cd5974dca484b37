"""Who made what is offered, where an admin, or whoever made it, says so."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _

from tenpo.people.models import User
from tenpo.schedule.models import Session, SessionCoach
from tenpo.schedule.permissions import can_name_creator


def check_creator(creator: User | None, *, by: User | None, before_id: UUID | None = None) -> None:
    """Raise unless `by` may say that somebody made it, where another one, or nobody, was said to have (`before_id`).

    PermissionDenied; ValidationError for one who is no coach here now. Who was named already stays, also where they
    left. No statement where nothing changes.
    """
    creator_id = creator.pk if creator else None
    if creator_id == before_id:
        return
    if not can_name_creator(by, creator_id, before_id=before_id):
        raise PermissionDenied
    if creator_id is not None and not User.objects.coaches().active().filter(pk=creator_id).exists():
        raise ValidationError({"creator": _("Choose a coach who is here now.")})


def check_creator_of(session: Session, creator: User | None, *, by: User | None) -> None:
    """As `check_creator`, of a session that is there and locked: a coach says it of what they lead in their own place.

    As long as nobody is named its lead made it. Who stands beside them, or in for them, does not take that from them.
    """
    creator_id = creator.pk if creator else None
    if creator_id not in (None, session.creator_id) and by is not None and not by.is_admin:
        in_own_place = SessionCoach.objects.filter(session=session, coach=session.coach_id, stands_in_for=None)
        if by.pk != session.coach_id or not in_own_place.exists():
            raise PermissionDenied
    check_creator(creator, by=by, before_id=session.creator_id)


def with_creator(sessions: Sequence[Session], changes: Mapping[str, Any], *, by: User | None) -> dict[str, Any]:
    """What is to change of sessions that are locked, with their `creator`, where that is among it, by the field."""
    values = dict(changes)
    if "creator" in values:
        creator = values.pop("creator")
        for session in sessions:
            check_creator_of(session, creator, by=by)
        values["creator_id"] = creator.pk if creator else None
    return values
