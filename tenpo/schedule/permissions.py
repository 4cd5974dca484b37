from collections.abc import Collection
from uuid import UUID

from tenpo.people.models import Participant, User
from tenpo.people.permissions import is_active_admin, is_active_coach
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.models import Booking, Service, Session


def can_manage_session(user: User | None, session: Session) -> bool:
    """Each of the session's own coaches, and admins."""
    return is_active_admin(user) or (is_active_coach(user) and user is not None and session.is_given_by(user))


def can_create_session(user: User | None, *, coach: User) -> bool:
    """A coach for themselves, an admin for any coach."""
    return is_active_coach(coach) and (is_active_admin(user) or (user is not None and user.pk == coach.pk))


def can_name_creator(user: User | None, creator_id: UUID | None, *, before_id: UUID | None = None) -> bool:
    """Who says that somebody made what is offered, and so earns of it whoever gives it: an admin of anybody; a coach of
    themselves, as long as nobody else is named.
    """
    is_own = is_active_coach(user) and user is not None and creator_id == user.pk and before_id is None
    return is_own or is_active_admin(user)


def can_choose_coaches(user: User | None, session: Session) -> bool:
    """Who says with whom a session is given: its lead until it begins, as for a new one; an admin always.

    What was booked as a slot was booked with those who give it, so its lead does not.
    """
    if is_active_admin(user):
        return True
    is_lead = user is not None and user.pk == session.coach_id and is_active_coach(user)
    return is_lead and not session.is_private and not session.has_started()


def can_book_for(user: User, participant: Participant) -> bool:
    """Everybody for themselves and their guests, an admin for whoever has an account; waiting in line as well.

    A guest comes with whom they are a guest of, and with nobody else.
    """
    if participant.guest_of_id is not None:
        return participant.guest_of_id == user.pk and participant.left_out_at is None
    return participant.user_id == user.pk or is_active_admin(user)


def comes_with(user: User, participant: Participant) -> bool:
    """Whether it is they themselves, or a guest of theirs; whoever books for them is no host."""
    return user.pk in (participant.user_id, participant.guest_of_id)


def can_book_slot_for(user: User, participant: Participant, *, gives_it: bool, is_client: bool) -> bool:
    """As a seat; and whoever gives the service books it for clients of one of its coaches.

    Not for a guest, who comes with their host.
    """
    if participant.guest_of_id is not None:
        return can_book_for(user, participant)
    return can_book_for(user, participant) or (gives_it and is_client and is_active_coach(user))


def can_place(user: User, session: Session, *, is_client: bool) -> bool:
    """Who books a seat for somebody else: an admin for anybody, a coach in what they teach for their clients."""
    return is_active_admin(user) or (is_client and can_manage_session(user, session))


def is_open_to(service: Service, *, is_staff: bool, was_client: bool) -> bool:
    """Whether a service may be booked: by its coaches and admins always, by others as it says.

    Of clients it is open to those who were booked before (`was_client`): nobody gets in by a place that they can still
    give back.
    """
    if is_staff:
        return True
    if service.open_to == Service.OpenTo.CLIENTS:
        return was_client
    return service.open_to != Service.OpenTo.TEAM


def can_cancel_booking(user: User | None, booking: Booking) -> bool:
    """Whoever booked it; the session's coach and admins as host."""
    return (user is not None and booking.booked_by_id == user.pk) or can_manage_session(user, booking.session)


def can_see_payment(user: User, booking: Booking) -> bool:
    """Whoever booked, and admins: what was paid, and how, is nothing that its coach or its participant has to know."""
    return booking.booked_by_id == user.pk or is_active_admin(user)


def is_host_of(user: User | None, booking: Booking) -> bool:
    """Whether `user`, who may cancel or move it, does so as host, so that everything comes back: never for oneself.

    Whoever booked it, comes by it or brings its guest goes by the policy, also as its coach or an admin.
    """
    return user is None or (booking.booked_by_id != user.pk and not comes_with(user, booking.participant))


def can_waive(user: User | None, booking: Booking) -> bool:
    """Whether `user` may let whoever booked off what the policy says: the session's host, never for themselves."""
    return user is not None and is_host_of(user, booking) and can_manage_session(user, booking.session)


def can_review(user: User, booking: Booking, *, is_coach: bool) -> bool:
    """Each side for itself: whose place it is of whoever leads, they of them. Nobody speaks for others, no admin."""
    return user.pk == (booking.session.coach_id if is_coach else reviewer_id(booking))


def reviewer_id(booking: Booking) -> UUID:
    """Who speaks for a participant: their own account, or whoever booked where they have none."""
    return booking.participant.user_id or booking.booked_by_id


def can_note(user: User, session: Session) -> bool:
    """Each of the session's own coaches alone: what they note for themselves may speak of somebody's health."""
    return is_active_coach(user) and session.is_given_by(user)


def can_change_calendar(user: User | None, connection: CalendarConnection) -> bool:
    """Whoever connected it, and nobody else."""
    return user is not None and connection.user_id == user.pk


def can_manage_places(user: User | None) -> bool:
    """Admins say where the business works."""
    return is_active_admin(user)


def can_give_service(user: User | None, coaches: Collection[User]) -> bool:
    """A coach what they alone give, an admin what any coaches give."""
    if is_active_admin(user):
        return True
    return is_active_coach(user) and user is not None and {coach.pk for coach in coaches} == {user.pk}


def can_hand_over(user: User | None, *, coach: User) -> bool:
    """A coach what they give themselves, an admin for any coach, above all for one who is no coach here any more.

    It is more than `can_choose_coaches` lets them say, and less: what was booked as a slot goes with the rest, since
    its coach is away; and who only stands beside a lead gives away their own place, whose lead is told, not asked.
    """
    return is_active_admin(user) or (is_active_coach(user) and user is not None and user.pk == coach.pk)


def can_manage_hours(user: User | None, *, coach: User) -> bool:
    """A coach their own, an admin any coach's."""
    return is_active_coach(coach) and (is_active_admin(user) or (user is not None and user.pk == coach.pk))


def can_say_away(user: User | None, *, coach: User) -> bool:
    """As their hours; an admin also of a coach whose account is disabled, so that what they were to give is handed
    over.
    """
    return can_manage_hours(user, coach=coach) or (coach.is_coach and is_active_admin(user))
