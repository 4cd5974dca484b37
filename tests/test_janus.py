"""The session itself, held in rooms of a real server: what Janus tells becomes who was there, and for how long."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.check_in import settle_attendance
from tenpo.schedule.actions.video_rooms import (
    end_video_room,
    join_session,
    receive_room_event,
    reconcile_video_rooms,
    set_video_room,
)
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.meeting_make import make_begun
from tenpo.schedule.video import VIDEO_PROVIDERS
from tenpo.schedule.video.base import BadSignature
from tests.janus import Janus, running_janus

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.invariants,
    pytest.mark.skipif(
        shutil.which("janus") is None and not os.environ.get("TENPO_REQUIRE_JANUS"),
        reason="Janus is not installed (apt-get install janus)",
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Janus]:
    with running_janus(tmp_path_factory.mktemp("janus")) as found:
        yield found


@pytest.fixture
def janus(server, monkeypatch):
    monkeypatch.setitem(VIDEO_PROVIDERS, "janus", server)
    monkeypatch.setattr("tenpo.schedule.actions.video_rooms.offered_video", lambda: VIDEO_PROVIDERS)
    return server


def held(begun_ago: timedelta = timedelta(minutes=20)) -> Booking:
    """A session under way that is held in a room of the server's."""
    booking = make_begun(begun_ago=begun_ago, coach=make_coach("Cora"))
    set_video_room(booking.session, "janus", by=booking.session.coach)
    return booking


def stays_of(booking: Booking) -> list[bool]:
    """Of each stay in turn whether it is over."""
    rows = Attendance.objects.filter(participant=booking.participant_id).in_room().order_by("joined_at")
    return [row.left_at is not None for row in rows]


def test_who_comes_goes_and_comes_back(janus):
    booking = held()
    session, member = booking.session, booking.booked_by
    told = []

    for _ in range(2):
        leave = janus.go_in(join_session(session, by=member))
        told.append(janus.heard("joined"))
        leave()
        told.append(janus.heard("leaving"))
    janus.go_in(join_session(session, by=session.coach))
    told.append(janus.heard("joined"))
    # In the wrong order, and all of it twice.
    for headers, body in [*reversed(told), *told]:
        receive_room_event("janus", headers, body)

    assert stays_of(booking) == [True, True]
    assert Attendance.objects.filter(participant=session.coach.participant, left_at=None).count() == 1
    assert janus.people(session.video_room) == [session.coach.participant.pk.hex]
    with pytest.raises(BadSignature):
        receive_room_event("janus", {}, told[0][1])


def test_what_it_did_not_tell_is_asked_for(janus):
    booking = held()
    leave = janus.go_in(join_session(booking.session, by=booking.booked_by))
    receive_room_event("janus", *janus.heard("joined"))
    assert stays_of(booking) == [False]
    leave()
    janus.heard("leaving")

    reconcile_video_rooms()

    assert stays_of(booking) == [True]


def test_closing_the_room_ends_every_stay_and_the_next_one_opens_it_again(janus):
    booking = held()
    session = booking.session
    janus.go_in(join_session(session, by=booking.booked_by))
    receive_room_event("janus", *janus.heard("joined"))

    end_video_room(session, by=session.coach)
    receive_room_event("janus", *janus.heard("destroyed"))

    assert stays_of(booking) == [True]
    settle_attendance()
    assert Booking.objects.get(pk=booking.pk).state == Booking.State.CONFIRMED
    janus.go_in(join_session(session, by=booking.booked_by))
    receive_room_event("janus", *janus.heard("joined"))
    assert stays_of(booking) == [True, False]
