"""Whom somebody stands in for is read by the team, and by whoever has a place; by nobody else."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.standing_in import hand_over, take_back
from tenpo.schedule.actions.time_off import add_time_off
from tenpo.schedule.models import Session, TimeOff
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db
SAID = "Jonas Feld stands in for Sofia Lindqvist"


@pytest.fixture
def off() -> TimeOff:
    since = timezone.now() + timedelta(days=3)
    coach, other = make_coach("Sofia Lindqvist"), make_coach("Jonas Feld")
    return add_time_off(coach, starts_at=since, ends_at=since + timedelta(days=7), stand_in=other, by=coach)


def reads(client: Client, user: User, name: str, pk) -> bool:
    client.force_login(user)
    answer = client.get(reverse(name, args=[pk]))
    assert answer.status_code == 200
    return SAID in answer.content.decode()


def session_in(off: TimeOff, **more) -> Session:
    return make_session(off.coach, starts_at=off.starts_at + timedelta(hours=2), **more)


def test_the_team_and_whoever_booked_read_whom_their_coach_stands_in_for(client: Client, off):
    third, member = make_coach(), make_member()
    session = session_in(off, beside=[third])
    booking = make_booking(session, member)
    hand_over(off, by=off.coach)
    assert off.stand_in is not None

    for one in (off.stand_in, third, make_admin()):
        assert reads(client, one, "schedule:session-roster", session.pk)
        assert reads(client, one, "schedule:session-detail", session.pk)
    assert reads(client, member, "schedule:session-detail", session.pk)
    assert reads(client, member, "schedule:booking-detail", booking.pk)


def test_who_has_no_place_in_it_just_sees_who_gives_it(client: Client, off):
    gone, colleague = make_member(), make_coach()
    session = session_in(off)
    booking = make_booking(session, gone)
    hand_over(off, by=off.coach)
    cancel_booking(booking, by=gone)

    for one in (gone, make_member(), colleague):
        assert not reads(client, one, "schedule:session-detail", session.pk)
    assert not reads(client, gone, "schedule:booking-detail", booking.pk)


def test_what_was_taken_back_says_nothing_of_it(client: Client, off):
    member = make_member()
    session = session_in(off)
    booking = make_booking(session, member)
    hand_over(off, by=off.coach)
    take_back(off, by=off.coach)

    assert not reads(client, off.coach, "schedule:session-roster", session.pk)
    assert not reads(client, member, "schedule:booking-detail", booking.pk)
