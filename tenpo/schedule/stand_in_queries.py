"""What of a coach's sessions somebody else can give while they are away, and why not the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.limits import HANDED_OVER_AT_ONCE, SESSIONS_BESIDE
from tenpo.people.models import User
from tenpo.schedule.availability_queries import taught_during
from tenpo.schedule.calendar_queries import busy_outside
from tenpo.schedule.models import Intro, ServiceCoach, Session, SessionCoach, TimeOff
from tenpo.schedule.session_coach_queries import named_to, places_of


def time_off_of(user: User, time_off_id: UUID) -> TimeOff:
    """A time off that is `user`'s to say; Http404 for every other."""
    rows = TimeOff.objects.visible_to(user).select_related("coach", "stand_in")
    off: TimeOff = get_object_or_404(rows, pk=time_off_id)
    return off


@dataclass(frozen=True)
class Given:
    """A session, and who gives it."""

    session: Session
    giver: User


@dataclass(frozen=True)
class HandOver:
    """A session that somebody else could give; without a `code` they can, otherwise it says why they cannot."""

    session: Session
    code: str = ""
    reason: str = ""


def to_hand_over(off: TimeOff) -> list[Session]:
    """What a coach is to give in a time in which they are away, and has not begun: one statement."""
    return list(_taught_in(off).select_related("service", "coach")[:HANDED_OVER_AT_ONCE])


def has_to_hand_over(off: TimeOff) -> bool:
    """Whether there is any of it."""
    return _taught_in(off).exists()


def _taught_in(off: TimeOff) -> QuerySet[Session]:
    now = clock.now()
    return taught_during(off.coach_id, max(off.starts_at, now), off.ends_at).filter(starts_at__gt=now)


def hand_overs_in(off: TimeOff, *, by: User | None) -> list[HandOver]:
    """What falls into a time off, and whether whoever stands in could give it; nothing where nobody does."""
    return hand_overs(to_hand_over(off), off.stand_in, of=off.coach, by=by) if off.stand_in else []


def stood_in(of: TimeOff | User) -> list[Given]:
    """What others give in a coach's place, and has not begun, the first one first: what falls into a time off, or all
    of it; one statement.

    Whoever has it: who stands in may be away as well, and the time off may be gone.
    """
    coach_id = of.coach_id if isinstance(of, TimeOff) else of.pk
    rows = SessionCoach.objects.filter(
        stands_in_for=coach_id, session__starts_at__gt=clock.now(), session__status=Session.Status.PLANNED
    )
    if isinstance(of, TimeOff):
        rows = rows.filter(session__starts_at__lt=of.ends_at, session__ends_at__gt=of.starts_at)
    rows = rows.select_related("session__service", "session__coach", "coach")
    return [
        Given(one.session, one.coach) for one in rows.order_by("session__starts_at", "session")[:HANDED_OVER_AT_ONCE]
    ]


def hand_overs(sessions: Sequence[Session], to: User, *, of: User, by: User | None) -> list[HandOver]:
    """Which of the sessions somebody could give in the place `of` another coach, and why not the others: as many
    statements for one as for many.

    Whoever takes back their own is there for it, whatever they said of that time. What `by` may not see is not named.
    """
    if not sessions:
        return []
    facts, room = _facts(sessions, to, by=by, is_back=to == of), _room(to, of=of, by=by)
    found: list[HandOver] = []
    for session in sessions:
        code, reason = facts.why_it_is_not_theirs(session) or facts.why_they_are_not_free(session) or ("", "")
        # What is given by several by now may be at one time.
        if not code and (clash := next((one for one in found if not one.code and _meets(one.session, session)), None)):
            words = _("%(coach)s gives “%(title)s” then.")
            code, reason = "taken", words % {"coach": to, "title": clash.session.title}
        if not code and room <= 0:
            words = _("At most %(n)s sessions to come in the place of one coach. Please ask an admin for more.")
            code, reason = "too_many", words % {"n": SESSIONS_BESIDE}
        room -= not code
        found.append(HandOver(session, code, reason))
    return found


@dataclass(frozen=True)
class _Facts:
    """What decides on whether somebody can give sessions."""

    to: User
    services: set[UUID]
    intros: set[UUID]
    # What they give or take part in already, and of which events of a calendar file they have the sessions.
    gives: set[UUID]
    takes_part: set[UUID]
    events: set[str]
    # What takes their time, and what of it may be named.
    taken: list[SessionCoach]
    named: set[UUID]
    elsewhere: list[tuple[datetime, datetime]]
    # When they are away, and what of it whoever asks may know.
    off: list[tuple[datetime, datetime]]
    off_named: list[tuple[datetime, datetime]]

    def why_it_is_not_theirs(self, session: Session) -> tuple[str, str] | None:
        who = {"coach": self.to}
        if session.pk in self.intros:
            return "intro", _("A first talk is with the coach whom somebody wants to know.")
        if session.pk in self.gives:
            return "gives_it", _("%(coach)s gives it already.") % who
        if session.pk in self.takes_part:
            return "takes_part", _("%(coach)s takes part in it.") % who
        if session.service is not None and session.service_id not in self.services:
            return "other_service", _("%(coach)s does not give “%(service)s”.") % {**who, "service": session.service}
        if session.source_uid in self.events:
            return "already_imported", _("%(coach)s has had the same event of a calendar file.") % who
        return None

    def why_they_are_not_free(self, session: Session) -> tuple[str, str] | None:
        who, times = {"coach": self.to}, (session.starts_at, session.ends_at)
        clash = next((row for row in self.taken if _meets(row, session)), None)
        if clash is not None and clash.session_id in self.named:
            return "taken", _("%(coach)s gives “%(title)s” then.") % {**who, "title": clash.session.title}
        if any(_overlap(times, one) for one in self.off_named):
            return "away", _("%(coach)s is away then.") % who
        # One word for all that is nobody else's business: where they are, and with whom.
        if clash is not None or any(_overlap(times, one) for one in [*self.elsewhere, *self.off]):
            return "not_free", _("%(coach)s is not free then.") % who
        return None


def _facts(sessions: Sequence[Session], to: User, *, by: User | None, is_back: bool) -> _Facts:
    first, last = min(one.starts_at for one in sessions), max(one.ends_at for one in sessions)
    taken = _claims(to, sessions)
    lapsed = _lapsed(row.session_id for row in taken)
    taken = [row for row in taken if row.session_id not in lapsed]
    away = (
        TimeOff.objects.none() if is_back else TimeOff.objects.filter(coach=to, ends_at__gt=first, starts_at__lt=last)
    )
    uids = [one.source_uid for one in sessions if one.source_uid]
    return _Facts(
        to=to,
        services=set(ServiceCoach.objects.filter(coach=to).values_list("service", flat=True)),
        intros=set(Intro.objects.filter(session__in=sessions).values_list("session", flat=True)),
        gives=_given_already(to, sessions),
        takes_part={one.session_id for one in places_of(sessions, [to.pk])},
        events=set(Session.objects.filter(coach=to, source_uid__in=uids).values_list("source_uid", flat=True)),
        taken=taken,
        named=named_to(by, [row.session_id for row in taken]),
        elsewhere=busy_outside([to.pk], first, last).get(to.pk, []),
        off=list(away.values_list("starts_at", "ends_at")),
        off_named=list((away if by is None else away.visible_to(by)).values_list("starts_at", "ends_at")),
    )


def _room(to: User, *, of: User, by: User | None) -> float:
    """In how many sessions more somebody may be put, who is not asked, by the coach in whose place it is; an admin puts
    them in as many as there are, and taking back asks nobody's time.
    """
    if by is None or by.is_admin or to == of:
        return inf
    rows = SessionCoach.objects.filter(coach=to, session__starts_at__gt=clock.now(), session__status="planned")
    return SESSIONS_BESIDE - rows.filter(Q(stands_in_for=of) | Q(session__coach=of)).count()


def _given_already(coach: User, sessions: Sequence[Session]) -> set[UUID]:
    """Which of them somebody gives in a place of their own, that nobody else has for them: they would lose it once they
    have another one's as well, and what they earn by it.
    """
    rows = SessionCoach.objects.filter(Q(coach=coach) | Q(stands_in_for=coach), session__in=sessions)
    found = list(rows.values_list("session", "coach"))
    stood_in = {session_id for session_id, coach_id in found if coach_id != coach.pk}
    return {session_id for session_id, _coach in found} - stood_in


def lapsed_in_the_way(coach: User, sessions: Sequence[Session]) -> list[UUID]:
    """What was held of a coach's time while the sessions are, as a slot or a first talk, and ran out: two statements.

    It stands in nobody's way, but claims the time until it is let go.
    """
    return sorted(_lapsed(row.session_id for row in _claims(coach, sessions))) if sessions else []


def _lapsed(session_ids: Iterable[UUID]) -> set[UUID]:
    ran_out = Q(bookings__state__in=["held", "offered"], bookings__held_until__lte=clock.now())
    rows = Session.objects.filter(pk__in=list(session_ids), is_private=True)
    slots = rows.annotate(gone=Count("bookings", filter=ran_out)).filter(gone__gte=F("seats_taken"), gone__gt=0)
    talks = Intro.objects.lapsed().filter(session__in=rows.values("pk"))
    return set(slots.values_list("pk", flat=True).union(talks.values_list("session", flat=True)))


def _claims(coach: User, sessions: Sequence[Session]) -> list[SessionCoach]:
    """What takes a coach's time while the sessions are, but for themselves."""
    first, last = min(one.claimed.lower for one in sessions), max(one.claimed.upper for one in sessions)
    rows = SessionCoach.objects.filter(coach=coach, claimed__overlap=(first, last))
    return list(rows.exclude(session__in=sessions).select_related("session").order_by("claimed", "id"))


def _meets(row: SessionCoach | Session, session: Session) -> bool:
    return _overlap((row.claimed.lower, row.claimed.upper), (session.claimed.lower, session.claimed.upper))


def _overlap(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
