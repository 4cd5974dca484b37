"""Who gives sessions, besides their leads."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.utils.translation import gettext as _

from tenpo.people.models import User
from tenpo.schedule.models import Booking, BookingQuerySet, Session, SessionCoach


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


def named_to(by: User | None, session_ids: Collection[UUID]) -> set[UUID]:
    """Which of the sessions that stand in somebody's way may be named to whoever asks: one statement."""
    rows = Session.objects.filter(pk__in=session_ids)
    return set((rows if by is None else rows.visible_to(by)).values_list("pk", flat=True))


def who_stands_in(session: Session) -> list[str]:
    """Who gives a session in whose place, as people read it; for whoever manages it, or has a place in it."""
    rows = session.coaches.filter(stands_in_for__isnull=False).select_related("coach", "stands_in_for")
    words = _("%(coach)s stands in for %(away)s")
    return [words % {"coach": row.coach, "away": row.stands_in_for} for row in rows.order_by("place")]


def places_of(sessions: Collection[Session], coach_ids: Collection[UUID]) -> BookingQuerySet:
    """Where those who are to give sessions have a place in them, or wait for one."""
    return Booking.objects.live().filter(session__in=sessions, participant__user__in=coach_ids)


def coaches_beside_the_lead(session: Session) -> list[User]:
    """Who gives a session with its lead, with what each says of themselves; a statement only where there are some."""
    if not session.is_together:
        return []
    rows = session.coaches.filter(place__gt=0).select_related("coach__coach_profile").order_by("place")
    return [row.coach for row in rows]
