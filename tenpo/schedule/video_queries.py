"""Whether a session is held by video, and who goes in."""

from django.db.models import Q

from tenpo.people.models import User
from tenpo.schedule.models import Booking, Session, SessionCoach, SessionQuerySet
from tenpo.schedule.video_models import VideoRoom


def has_video(session: Session) -> bool:
    """Whether there is somewhere to go into, while the session is not over."""
    is_open = session.is_planned and not session.has_ended()
    return is_open and (bool(session.join_link) or VideoRoom.objects.filter(session=session).exists())


def is_placed(booking: Booking | None) -> bool:
    """Whether whoever has this place goes in."""
    return booking is not None and booking.state in (Booking.State.CONFIRMED, Booking.State.ATTENDED)


def joinable_by(user: User) -> SessionQuerySet:
    """The sessions into which somebody goes when they are open: as their coach, or with a place that is booked."""
    placed = Booking.objects.concerning(user).filter(state__in=[Booking.State.CONFIRMED, Booking.State.ATTENDED])
    given = SessionCoach.objects.filter(coach=user)
    theirs = Q(pk__in=given.values("session")) | Q(pk__in=placed.values("session"))
    rows = Session.objects.visible_to(user).filter(theirs)
    return rows.select_related("coach__participant")
