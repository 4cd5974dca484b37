"""Who comes to what was booked as a slot, and who a coach's clients are."""

from datetime import datetime

from django.db.models import Count, Exists, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.people.models import Participant, User
from tenpo.schedule.models import Booking, BookingQuerySet, Intro, Session, SessionQuerySet


def with_guests(rows: SessionQuerySet) -> SessionQuerySet:
    """Load who comes to each session that was booked as a slot (`guests`): one statement for any number.

    Of the others there would be hundreds; they have their roster.
    """
    seated = Booking.objects.seated().filter(session__is_private=True).select_related("participant")
    # Of a visitor there is one, who has no booking.
    rows = rows.select_related("intro__participant")
    return rows.prefetch_related(Prefetch("bookings", seated.order_by("participant__name", "id"), to_attr="guests"))


def guests_of(session: Session) -> list[Booking]:
    """Who comes to a session that `with_guests` loaded."""
    guests: list[Booking] = getattr(session, "guests", [])
    return guests


def say_guests(session: Session) -> str:
    """Their names, in a row."""
    names = [guest.participant.name for guest in guests_of(session)]
    intro: Intro | None = getattr(session, "intro", None)
    if intro is not None and intro.state != Intro.State.CANCELLED:
        names.append(intro.participant.name or _("A visitor"))
    return ", ".join(names)


def intro_of(session: Session) -> Intro | None:
    """The intro that a session is, with its visitor; None where it is none."""
    if not session.is_private:
        return None
    return Intro.objects.select_related("participant").filter(session=session).first()


# Whoever has such a place with a coach is a client of theirs: it is over or to come, and they came or did not.
OF_CLIENTS = (Booking.State.CONFIRMED, Booking.State.ATTENDED, Booking.State.NO_SHOW)


def booked_with(coach: User | None) -> BookingQuerySet:
    """The places that make people clients of a coach; None: of any."""
    rows = Booking.objects.filter(state__in=OF_CLIENTS)
    return rows.filter(session__coaches__coach=coach) if coach else rows


def is_client_of(coach: User, participant: Participant) -> bool:
    """Whether somebody was booked with a coach, or is: one statement."""
    return booked_with(coach).filter(participant=participant).exists()


def clients_of(coach: User | None, *, words: str = "", now: datetime | None = None) -> QuerySet[Participant]:
    """The clients of a coach (None: of any), by name; one statement for any number.

    `times` is how often they were there, `last_id` and `last_at` say when they were last, `next_id` and `next_at` when
    they come next.
    """
    now = now or clock.now()
    booked = booked_with(coach).filter(participant=OuterRef("pk"))
    came = booked.filter(session__starts_at__lte=now).exclude(state=Booking.State.NO_SHOW)
    last = came.order_by("-session__starts_at", "-session")
    coming = booked.filter(session__starts_at__gt=now, session__status=Session.Status.PLANNED)
    next_one = coming.order_by("session__starts_at", "session")
    counted = came.order_by().values("participant").annotate(times=Count("pk")).values("times")
    rows = Participant.objects.filter(Exists(booked))
    for word in words.split():
        rows = rows.filter(Q(name__icontains=word))
    return rows.annotate(
        times=Coalesce(Subquery(counted, output_field=IntegerField()), 0),
        last_id=Subquery(last.values("session")[:1]),
        last_at=Subquery(last.values("session__starts_at")[:1]),
        next_id=Subquery(next_one.values("session")[:1]),
        next_at=Subquery(next_one.values("session__starts_at")[:1]),
    )
