"""One word, one meaning: a coach's list of clients, and whom they may book for, say the same of everybody."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from tenpo.checkout.actions.placing import Terms, place_in_session, place_in_slot
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, refusal_of, working_coach
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.guest_queries import clients_of
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.queries import placeable_participants
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.time_make import make_service

pytestmark = pytest.mark.django_db


def to_come(coach: User, member: User) -> Booking:
    return make_booking(make_session(coach), member)


def was_there(coach: User, member: User, *, state: str = "attended") -> Booking:
    booking = to_come(coach, member)
    past = timezone.now() - timedelta(days=2)
    set_times(Session.objects.filter(pk=booking.session_id), starts_at=past, ends_at=past + HOUR)
    Booking.objects.filter(pk=booking.pk).update(state=state)
    return booking


def gave_it_up(coach: User, member: User) -> Booking:
    return cancel_booking(to_come(coach, member), by=member)


def waits(coach: User, member: User) -> Booking:
    session = make_session(coach, capacity=1)
    make_booking(session, make_member())
    return join_waitlist(session, participant=member.participant, by=member)


LIVES: dict[str, tuple[Callable[[User, User], object], bool]] = {
    "to come": (to_come, True),
    "came": (was_there, True),
    "is not marked yet": (lambda coach, member: was_there(coach, member, state="confirmed"), True),
    "did not come": (lambda coach, member: was_there(coach, member, state="no_show"), True),
    "gave it up": (gave_it_up, False),
    "waits": (waits, False),
    "pays just now": (
        lambda coach, member: make_booking(make_session(coach), member, card=NEEDS_CONFIRMATION), False,
    ),
    "with another": (lambda _coach, member: to_come(make_coach(), member), False),
}  # fmt: skip


@pytest.mark.parametrize("life", LIVES)
def test_the_list_a_seat_and_a_time_know_the_same_clients(life):
    live, is_client = LIVES[life]
    coach, member = working_coach(), make_member()
    person = member.participant
    service, session = make_service(coach), make_session(coach)
    live(coach, member)

    def may(place: Callable[[], Booking]) -> bool:
        try:
            return place().state == "offered"
        except PermissionDenied:
            return False

    assert clients_of(coach).filter(pk=person.pk).exists() == is_client
    assert placeable_participants(coach).filter(pk=person.pk).exists() == is_client
    assert may(lambda: place_in_session(session, participant=person, by=coach, terms=Terms())) == is_client
    placed = may(
        lambda: place_in_slot(service, starts_at=NINE, minutes=60, participant=person, by=coach, terms=Terms())
    )
    assert placed == is_client


@pytest.mark.parametrize(("life", "is_open"), [("to come", False), ("came", True), ("did not come", True)])
def test_what_is_open_to_clients_is_not_opened_by_a_place_that_can_be_given_back(life, is_open):
    coach, member = working_coach(), make_member()
    service = make_service(coach, open_to="clients")
    LIVES[life][0](coach, member)

    if is_open:
        assert book(service, member).state == "confirmed"
    else:
        assert refusal_of(service, member).code == "not_open_to_you"
