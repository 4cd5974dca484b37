from tenpo.people.models import Participant, User
from tenpo.people.permissions import is_active_admin, is_active_coach
from tenpo.schedule.models import Booking, Service, Session


def can_manage_session(user: User | None, session: Session) -> bool:
    """The session's own coach, and admins."""
    return is_active_admin(user) or (is_active_coach(user) and user is not None and session.coach_id == user.pk)


def can_create_session(user: User | None, *, coach: User) -> bool:
    """A coach for themselves, an admin for any coach."""
    return is_active_coach(coach) and (is_active_admin(user) or (user is not None and user.pk == coach.pk))


def can_book_for(user: User, participant: Participant) -> bool:
    """Everybody for their own participants, an admin for anybody's; waiting in line as well."""
    return participant.user_id == user.pk or is_active_admin(user)


def can_book_slot_for(user: User, participant: Participant, *, gives_it: bool, is_client: bool) -> bool:
    """As a seat; and whoever gives the service books it for those who were with one of its coaches before."""
    return can_book_for(user, participant) or (gives_it and is_client and is_active_coach(user))


def is_open_to(service: Service, *, is_staff: bool, is_client: bool) -> bool:
    """Whether a service may be booked: by its coaches and admins always, by others as it says."""
    if is_staff:
        return True
    if service.open_to == Service.OpenTo.CLIENTS:
        return is_client
    return service.open_to != Service.OpenTo.TEAM


def can_cancel_booking(user: User | None, booking: Booking) -> bool:
    """Whoever booked it; the session's coach and admins as host."""
    return (user is not None and booking.booked_by_id == user.pk) or can_manage_session(user, booking.session)


def is_host_of(user: User | None, booking: Booking) -> bool:
    """Whether `user` cancels as host, so that everything comes back: anybody but whoever booked it."""
    return user is None or booking.booked_by_id != user.pk
