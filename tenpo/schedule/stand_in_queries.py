"""What of a coach's sessions somebody else can give while they are away, and why not the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.limits import HANDED_OVER_AT_ONCE
from tenpo.people.models import User
from tenpo.schedule.availability_queries import taught_during
from tenpo.schedule.calendar_queries import busy_outside
from tenpo.schedule.models import Intro, ServiceCoach, Session, SessionCoach, TimeOff


@dataclass(frozen=True)
class HandOver:
    """A session that somebody else could give; without a `code` they can, otherwise it says why they cannot."""

    session: Session
    code: str = ""
    reason: str = ""


def to_hand_over(off: TimeOff) -> list[Session]:
    """What a coach is to give in a time in which they are away, and has not begun: one statement."""
    now = clock.now()
    rows = taught_during(off.coach_id, max(off.starts_at, now), off.ends_at).filter(starts_at__gt=now)
    return list(rows.select_related("service", "coach")[:HANDED_OVER_AT_ONCE])


def to_take_back(off: TimeOff) -> list[Session]:
    """What somebody gives in a coach's place while they are away, and has not begun: one statement."""
    now = clock.now()
    theirs = SessionCoach.objects.filter(coach=off.stand_in_id, stands_in_for=off.coach_id)
    rows = taught_during(off.stand_in_id, off.starts_at, off.ends_at) if off.stand_in_id else Session.objects.none()
    rows = rows.filter(starts_at__gt=now, pk__in=theirs.values("session"))
    return list(rows.select_related("service", "coach")[:HANDED_OVER_AT_ONCE])


def hand_overs(sessions: Sequence[Session], to: User, *, by: User | None, beside: TimeOff) -> list[HandOver]:
    """Which of the sessions somebody could give, and why not the others: as many statements for one as for many.

    They are not free in other times off than the one `beside` which it is asked. What `by` may not see is not named.
    """
    if not sessions:
        return []
    first, last = min(one.starts_at for one in sessions), max(one.ends_at for one in sessions)
    given = set(ServiceCoach.objects.filter(coach=to).values_list("service", flat=True))
    gives = _given_already(to, sessions)
    taken = _claims(to, sessions)
    seen = set(_visible(by, [row.session_id for row in taken]))
    away = TimeOff.objects.filter(coach=to, ends_at__gt=first, starts_at__lt=last).exclude(pk=beside.pk)
    off = list(away.values_list("starts_at", "ends_at"))
    elsewhere = busy_outside([to.pk], first, last).get(to.pk, [])
    intros = set(Intro.objects.filter(session__in=sessions).values_list("session", flat=True))
    uids = [one.source_uid for one in sessions if one.source_uid]
    known = set(Session.objects.filter(coach=to, source_uid__in=uids).values_list("source_uid", flat=True))

    def why_not(session: Session) -> tuple[str, str]:
        who = {"coach": to}
        times = session.starts_at, session.ends_at
        clash = next((row for row in taken if _meets(row, session)), None)
        if session.pk in intros:
            return "intro", _("A first talk is with the coach whom somebody wants to know.")
        if session.pk in gives:
            return "gives_it", _("%(coach)s gives it already.") % who
        if session.service is not None and session.service_id not in given:
            return "other_service", _("%(coach)s does not give “%(service)s”.") % {**who, "service": session.service}
        if clash is not None and clash.session_id in seen:
            return "taken", _("%(coach)s gives “%(title)s” then.") % {**who, "title": clash.session.title}
        if clash is not None or any(_overlap(times, one) for one in elsewhere):
            return "taken", _("%(coach)s is taken then.") % who
        if any(_overlap(times, one) for one in off):
            return "away", _("%(coach)s is away then.") % who
        if session.source_uid in known:
            return "already_imported", _("%(coach)s has had the same event of a calendar file.") % who
        return "", ""

    return [HandOver(session, *why_not(session)) for session in sessions]


def _given_already(coach: User, sessions: Sequence[Session]) -> set[UUID]:
    """Which of them somebody gives in a place of their own, that nobody else has for them: they would lose it once they
    have another one's as well, and what they earn by it.
    """
    rows = SessionCoach.objects.filter(Q(coach=coach) | Q(stands_in_for=coach), session__in=sessions)
    found = list(rows.values_list("session", "coach"))
    stood_in = {session_id for session_id, coach_id in found if coach_id != coach.pk}
    return {session_id for session_id, _coach in found} - stood_in


def _claims(coach: User, sessions: Sequence[Session]) -> list[SessionCoach]:
    """What takes a coach's time while the sessions are, but for themselves."""
    first, last = min(one.claimed.lower for one in sessions), max(one.claimed.upper for one in sessions)
    rows = SessionCoach.objects.filter(coach=coach, claimed__overlap=(first, last))
    return list(rows.exclude(session__in=sessions).select_related("session").order_by("claimed", "id"))


def _visible(by: User | None, session_ids: Collection[UUID]) -> list[UUID]:
    rows = Session.objects.filter(pk__in=session_ids)
    return list((rows if by is None else rows.visible_to(by)).values_list("pk", flat=True))


def _meets(row: SessionCoach, session: Session) -> bool:
    return _overlap((row.claimed.lower, row.claimed.upper), (session.claimed.lower, session.claimed.upper))


def _overlap(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
