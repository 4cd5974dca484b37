"""Which dates of a series somebody can book, and what stands in the way of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.words import say_when
from tenpo.people.models import Participant, User
from tenpo.schedule.models import Booking, Session, SessionQuerySet
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.queries import following
from tenpo.schedule.session_coach_queries import name_coaches

# What one date alone can be refused for: of several it is said for each.
OF_ONE_DATE = ("full", "started", "not_planned", "private_session", "already_booked", "participant_elsewhere")


@dataclass(frozen=True)
class Following:
    """A session and the later ones of its series: those that somebody manages, and those that others give."""

    managed: list[Session]
    of_others: list[Session]


@dataclass(frozen=True)
class SeriesDate:
    """One session of a series, and by which rule it cannot be booked now; an empty `code`: it can."""

    session: Session
    code: str = ""
    seats_left: int = 0

    @property
    def is_free(self) -> bool:
        return not self.code

    @property
    def why(self) -> str:
        """What stands in the way, in a few words."""
        if self.code == "full" and self.seats_left > 0:
            return ngettext("only %(n)s seat is left", "only %(n)s seats are left", self.seats_left) % {
                "n": self.seats_left
            }
        return {
            "full": _("full"),
            "started": _("has begun"),
            "not_planned": _("does not take place"),
            "already_booked": _("has a place already"),
            "participant_elsewhere": _("another session at this time"),
        }.get(self.code, _("cannot be booked"))


def following_of(user: User | None, session: Session) -> Following:
    """What is still to come of a series from a session on, and what of it is somebody's to say: two statements.

    A date that was handed over to whoever stands in is theirs, until it is taken back.
    """
    found = following(session)
    name_coaches(found)
    theirs = [one for one in found if can_manage_session(user, one)]
    return Following(theirs, [one for one in found if one not in theirs])


def dates_following(
    session: Session, *, participants: Sequence[Participant], by: User, places: int = 1
) -> list[SeriesDate]:
    """A session and the later ones of its series that are still to come, for so many places: two statements.

    `places` may be more than the participants: of those who are only named nothing is known yet.
    """
    if session.series_id is None:
        return []
    rows = Session.objects.visible_to(by).filter(series=session.series_id, starts_at__gte=session.starts_at)
    return _dates(rows.upcoming(), participants, max(places, len(participants)))


def name_dates(
    refusal: RuleError, session_ids: Sequence[UUID], *, participants: Sequence[Participant], by: User
) -> RuleError | None:
    """The refusal of several sessions, which names those at fault; none where nothing stands in the way any more."""
    if refusal.code not in OF_ONE_DATE:
        return None
    found = _dates(Session.objects.visible_to(by).filter(pk__in=session_ids), participants, len(participants))
    taken = [date for date in found if not date.is_free]
    if not taken:
        return None
    named = "; ".join(f"{say_when(date.session.starts_at)} ({date.why})" for date in taken)
    words = _("Not all dates can be booked: %(dates)s. Nothing was booked; leave them out to take the others.")
    facts = [{"session_id": date.session.pk, "starts_at": date.session.starts_at, "code": date.code} for date in taken]
    return RuleError("dates_taken", words % {"dates": named}, dates=facts)


def _dates(sessions: SessionQuerySet, participants: Sequence[Participant], places: int) -> list[SeriesDate]:
    found = list(sessions.select_related("coach", "cancellation_policy").order_by("starts_at", "id"))
    if not found:
        return []
    theirs = Booking.objects.live().filter(participant__in=participants)
    since, until = found[0].starts_at, max(session.ends_at for session in found)
    rows = theirs.filter(session__starts_at__lt=until, session__ends_at__gt=since).values_list(
        "session", "state", "starts_at", "ends_at"
    )
    booked = {session_id for session_id, *_rest in rows}
    taken = [(start, end) for _id, state, start, end in rows if state in Booking.PRESENT and start and end]
    now = clock.now()

    def code_of(session: Session) -> str:
        if not session.is_planned:
            return "not_planned"
        if session.has_started(now):
            return "started"
        if session.pk in booked:
            return "already_booked"
        if session.seats_left < places:
            return "full"
        if any(start < session.ends_at and end > session.starts_at for start, end in taken):
            return "participant_elsewhere"
        return "private_session" if session.is_private else ""

    return [SeriesDate(session, code_of(session), session.seats_left) for session in found]
