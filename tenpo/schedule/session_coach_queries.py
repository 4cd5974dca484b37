"""Who gives sessions, besides their leads."""

from collections.abc import Iterable

from tenpo.people.models import User
from tenpo.schedule.models import Session, SessionCoach


def name_coaches(sessions: Iterable[Session]) -> None:
    """Load who gives those of the sessions that several give, for `named_coaches`: one statement, or none."""
    together = [session for session in sessions if session.is_together]
    if not together:
        return
    rows = SessionCoach.objects.filter(session__in=together).select_related("coach").order_by("place")
    given: dict[object, list[SessionCoach]] = {}
    for row in rows:
        given.setdefault(row.session_id, []).append(row)
    for session in together:
        session.coach_ids = [row.coach_id for row in given[session.pk]]
        session.named_coaches = [str(row.coach) for row in given[session.pk]]


def coaches_beside_the_lead(session: Session) -> list[User]:
    """Who gives a session with its lead, with what each says of themselves; a statement only where there are some."""
    if not session.is_together:
        return []
    rows = session.coaches.filter(place__gt=0).select_related("coach__coach_profile").order_by("place")
    return [row.coach for row in rows]
