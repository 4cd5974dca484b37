"""What stands in the way where somebody, or a coach, is somewhere already: as much of it as the reader may see."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse

from tenpo.core.errors import RuleError
from tenpo.people.models import Participant, User
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.session_coach_queries import name_coaches

SHOWN = 5
# Nobody is in two places, and no coach gives two sessions, at one time.
CODES = ("participant_elsewhere", "overlap", "coach_taken")


@dataclass(frozen=True)
class InTheWay:
    """A session at the same time: whose place in it is in the way, if anybody's, and where it is looked at."""

    session: Session
    url: str
    who: str = ""
    booking: Booking | None = None

    def facts(self) -> dict[str, Any]:
        """As the API says it."""
        return {
            "session_id": self.session.pk, "title": self.session.title, "starts_at": self.session.starts_at,
            "ends_at": self.session.ends_at, "participant": self.who,
            "booking_id": self.booking.pk if self.booking else None,
        }  # fmt: skip


@contextmanager
def naming(find: Callable[[RuleError], Iterable[InTheWay]]) -> Iterator[None]:
    """Let a refusal of what is done meanwhile say what stands in the way, where `find` finds anything: asked only then,
    and for whoever is refused.
    """
    try:
        yield
    except RuleError as refusal:
        if refusal.code in CODES and (found := list(find(refusal))):
            refusal.facts["in_the_way"] = [one.facts() for one in found]
        raise


def naming_places(
    reader: User, participants: Iterable[Participant], session: UUID, *, but: Booking | None = None
) -> AbstractContextManager[None]:
    """Let a refusal say where these people are already while a session takes place, as far as the reader sees both."""

    def find(refusal: RuleError) -> list[InTheWay]:
        found = Session.objects.visible_to(reader).filter(pk=session).first()
        if found is None:
            return []
        times = {"since": found.starts_at, "until": found.ends_at}
        return participants_in_the_way(refusal, reader, participants, **times, but=but)

    return naming(find)


def naming_places_then(
    reader: User, participants: Iterable[Participant], since: datetime, *, minutes: int, but: Booking | None = None
) -> AbstractContextManager[None]:
    """The same of a time that is no session yet."""
    until = since + timedelta(minutes=minutes)
    return naming(
        lambda refusal: participants_in_the_way(refusal, reader, participants, since=since, until=until, but=but)
    )


def participants_in_the_way(
    refusal: RuleError | None,
    reader: User,
    participants: Iterable[Participant],
    *,
    since: datetime,
    until: datetime,
    but: Booking | None = None,
) -> list[InTheWay]:
    """Where these people are already, by a booking that the reader sees; nothing for any other refusal."""
    if refusal is None or refusal.code not in CODES:
        return []
    rows = Booking.objects.visible_to(reader).filter(participant__in=list(participants), state__in=Booking.PRESENT)
    rows = rows.filter(starts_at__lt=until, ends_at__gt=since)
    if but is not None:
        rows = rows.exclude(pk=but.pk)
    found = list(rows.select_related("session__coach", "participant").order_by("starts_at", "id")[:SHOWN])
    name_coaches(booking.session for booking in found)
    return [
        InTheWay(
            booking.session,
            _where(booking, reader),
            "" if booking.participant.user_id == reader.pk else booking.participant.name,
            booking,
        )
        for booking in found
    ]


def sessions_in_the_way(
    reader: User, coach_ids: Iterable[UUID], *, since: datetime, until: datetime, but: Session | None = None
) -> list[InTheWay]:
    """What these coaches give at a time, as far as the reader sees it."""
    given = Session.objects.visible_to(reader).filter(coaches__coach__in=list(coach_ids)).distinct()
    rows = given.exclude(status=Session.Status.CANCELLED).filter(starts_at__lt=until, ends_at__gt=since)
    if but is not None:
        rows = rows.exclude(pk=but.pk)
    found = list(rows.select_related("coach").order_by("starts_at", "id")[:SHOWN])
    name_coaches(found)
    return [
        InTheWay(
            session,
            reverse(
                "schedule:session-roster" if reader.is_admin or session.is_given_by(reader) else
                "schedule:session-detail", args=[session.pk],
            ),
        )
        for session in found
    ]  # fmt: skip


def _where(booking: Booking, reader: User) -> str:
    if reader.pk in (booking.booked_by_id, booking.participant.user_id):
        return reverse("schedule:booking-detail", args=[booking.pk])
    return reverse("schedule:session-roster", args=[booking.session_id])
