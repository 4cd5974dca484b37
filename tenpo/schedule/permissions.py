from collections.abc import Collection

from tenpo.people.models import Participant, User
from tenpo.people.permissions import is_active_admin, is_active_coach
from tenpo.schedule.models import Booking, Session


def can_manage_session(user: User | None, session: Session) -> bool:
    """The session's own coach, and admins."""
    return is_active_admin(user) or (is_active_coach(user) and user is not None and session.coach_id == user.pk)


def can_create_session(user: User | None, *, coach: User) -> bool:
    """A coach for themselves, an admin for any coach."""
    return is_active_coach(coach) and (is_active_admin(user) or (user is not None and user.pk == coach.pk))


def can_book_for(user: User, participant: Participant) -> bool:
    """Everybody for their own participants, an admin for anybody's; waiting in line as well."""
    return participant.user_id == user.pk or is_active_admin(user)


def can_cancel_booking(user: User | None, booking: Booking) -> bool:
    """Whoever booked it; the session's coach and admins as host."""
    return (user is not None and booking.booked_by_id == user.pk) or can_manage_session(user, booking.session)


def is_host_of(user: User | None, booking: Booking) -> bool:
    """Whether `user` cancels as host, so that everything comes back: anybody but whoever booked it."""
    return user is None or booking.booked_by_id != user.pk


def can_manage_places(user: User | None) -> bool:
    """Admins say where the business works."""
    return is_active_admin(user)


def can_give_service(user: User | None, coaches: Collection[User]) -> bool:
    """A coach what they alone give, an admin what any coaches give."""
    if is_active_admin(user):
        return True
    return is_active_coach(user) and user is not None and {coach.pk for coach in coaches} == {user.pk}


def can_manage_hours(user: User | None, *, coach: User) -> bool:
    """A coach their own, an admin any coach's."""
    return is_active_coach(coach) and (is_active_admin(user) or (user is not None and user.pk == coach.pk))
