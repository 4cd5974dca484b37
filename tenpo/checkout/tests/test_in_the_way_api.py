"""What stands in the way is named in a refusal of the API to who may see it; to others nothing of it."""

import json
from datetime import UTC
from typing import Any
from uuid import uuid4

import pytest

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import HOUR, NINE, working_coach
from tenpo.people.models import User
from tenpo.people.tests.make import freshly_signed_in, make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.test_session_coaches import private
from tenpo.schedule.tests.time_make import make_service

pytestmark = pytest.mark.django_db
PAYS = {"provider": "sandbox", "source": "4242424242424242"}


@pytest.fixture
def yoga() -> Session:
    return make_session(make_coach("Lena Ott"), title="Yoga", starts_at=NINE, price=0)


def call(who: User, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    to: dict[str, Any] = {"path": f"/api/v1/{path}", "data": json.dumps(body), "content_type": "application/json"}
    response = freshly_signed_in(who).generic(method, **to, headers={"Idempotency-Key": str(uuid4())})
    return response.status_code, response.json()


def ask(who: User, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What is answered to whom a rule refuses."""
    status, said = call(who, method, path, body)
    assert status == 409, said
    return said


def named(session: Session, **more: Any) -> list[dict[str, Any]]:
    times = {name: f"{getattr(session, name).astimezone(UTC):%FT%TZ}" for name in ("starts_at", "ends_at")}
    said = {"session_id": str(session.pk), "title": session.title, **times, "booking_id": None, "participant": ""}
    return [{**said, **more}]


def test_who_books_a_seat_reads_where_they_are_already(yoga):
    maya = make_member("Maya")
    mine = make_booking(yoga, maya)
    other = make_session(starts_at=NINE + HOUR / 2, price=0)

    alone = ask(maya, "POST", "bookings", {"session_id": str(other.pk)})
    party = ask(
        maya, "POST", "group-bookings", {"session_id": str(other.pk), "participant_ids": [str(maya.participant.pk)]}
    )

    for said in (alone, party):
        assert (said["code"], said["in_the_way"]) == ("participant_elsewhere", named(yoga, booking_id=str(mine.pk)))


def test_so_does_who_books_a_time_or_moves_to_one(yoga):
    maya, coach = make_member(), working_coach()
    mine = make_booking(yoga, maya)
    service = make_service(coach)
    body = {"service_id": str(service.pk), "minutes": 60}

    refused = ask(maya, "POST", "slot-bookings", {**body, "starts_at": NINE.isoformat()})
    later = NINE + 2 * HOUR
    status, booked = call(maya, "POST", "slot-bookings", {**body, "starts_at": later.isoformat(), **PAYS})
    assert status == 201, booked
    moved = ask(maya, "POST", f"bookings/{booked['id']}/move", {"starts_at": NINE.isoformat()})

    for said in (refused, moved):
        assert (said["code"], said["in_the_way"]) == ("participant_elsewhere", named(yoga, booking_id=str(mine.pk)))
        assert said["nearest"]


def test_so_does_who_takes_an_offered_seat(yoga):
    maya = make_member("Maya")
    other = make_session(starts_at=NINE + HOUR / 2, price=0, capacity=1)
    taken = make_booking(other, make_member())
    waiting = join_waitlist(other, participant=maya.participant, by=maya)
    cancel_booking(taken, by=taken.booked_by)
    mine = make_booking(yoga, maya)

    refused = ask(maya, "POST", f"bookings/{waiting.pk}/offer-acceptance", {})

    assert (refused["code"], refused["in_the_way"]) == ("participant_elsewhere", named(yoga, booking_id=str(mine.pk)))


def test_who_may_not_see_it_reads_nothing_of_it(yoga):
    maya, coach = make_member("Maya"), working_coach()
    make_booking(yoga, maya)
    # A client of theirs, who is elsewhere then.
    make_booking(make_session(coach, starts_at=NINE - 48 * HOUR, price=0), maya)
    seat = make_session(coach, starts_at=NINE, price=0)
    service = make_service(coach)
    who = {"participant_id": str(maya.participant.pk)}
    of_time = {**who, "service_id": str(service.pk), "starts_at": NINE.isoformat(), "minutes": 60}
    of_seat = {**who, "session_id": str(seat.pk)}

    # An admin sees where they are.
    assert ask(make_admin(), "POST", "placements", of_seat)["in_the_way"][0]["participant"] == "Maya"
    Session.objects.filter(pk=seat.pk).update(status="cancelled", cancelled_at=NINE)
    said = [ask(coach, "POST", "placements", of_time)]
    Session.objects.filter(pk=seat.pk).update(status="planned", cancelled_at=None)
    said.append(ask(coach, "POST", "placements", of_seat))

    for one in said:
        assert one["code"] == "participant_elsewhere"
        assert "in_the_way" not in one
        assert "Yoga" not in str(one)
        assert str(yoga.pk) not in str(one)


def test_a_coach_reads_which_session_of_theirs_is_in_the_way(yoga):
    coach = yoga.coach
    other = make_session(coach, starts_at=NINE + 3 * HOUR)
    body = {
        "title": "More yoga", "starts_at": NINE.isoformat(), "minutes": 60, "time_zone": "UTC", "place": "Room 2",
        "capacity": 5, "price": 0,
    }  # fmt: skip

    made = ask(coach, "POST", "sessions", body)
    moved = ask(coach, "PATCH", f"sessions/{other.pk}", {"starts_at": (NINE + HOUR / 2).isoformat()})

    assert (made["code"], made["in_the_way"]) == ("overlap", named(yoga))
    assert (moved["code"], moved["in_the_way"]) == ("overlap", named(yoga))
    assert Session.objects.count() == 2


def test_of_a_colleague_only_what_everybody_sees_is_named(yoga):
    coach, colleague = make_coach(), yoga.coach
    secret = make_session(colleague, starts_at=NINE + 3 * HOUR, title="A burden")
    Session.objects.filter(pk=secret.pk).update(**private())
    body = {
        "title": "Together", "minutes": 60, "time_zone": "UTC", "place": "Room 2", "capacity": 5, "price": 0,
        "beside_ids": [str(colleague.pk)],
    }  # fmt: skip

    seen = ask(coach, "POST", "sessions", {**body, "starts_at": NINE.isoformat()})
    unseen = ask(coach, "POST", "sessions", {**body, "starts_at": secret.starts_at.isoformat()})

    assert (seen["code"], seen["in_the_way"]) == ("coach_taken", named(yoga))
    assert unseen["code"] == "coach_taken"
    assert "in_the_way" not in unseen
    assert "A burden" not in str(unseen)
