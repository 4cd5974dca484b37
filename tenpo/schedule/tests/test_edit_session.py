from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.orders.tests.make import credit_left
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.sessions import complete_past_sessions, complete_session, edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times

pytestmark = pytest.mark.django_db


def told(session: Session) -> int:
    return OutboxMessage.objects.filter(name="session.changed", subject_id=session.pk).count()


def begin(session: Session, *, ago: timedelta = timedelta(minutes=5), minutes: int = 60) -> Session:
    """Make a session have begun that long ago."""
    start = timezone.now() - ago
    set_times(Session.objects.filter(pk=session.pk), starts_at=start, ends_at=start + timedelta(minutes=minutes))
    session.refresh_from_db()
    return session


@pytest.mark.parametrize(
    ("changes", "tells"),
    [
        ({"title": "New"}, 0), ({"description": "New"}, 0), ({"price": 1}, 0), ({"capacity": 3}, 0),
        ({"place": "Room 2"}, 1), ({"join_link": "https://meet.example.com/a"}, 1), ({"minutes": 90}, 1),
        ({"time_zone": "Europe/Paris"}, 0), ({}, 0),
    ],
)  # fmt: skip
def test_people_are_told_of_time_and_place(changes, tells):
    session = make_session()

    edited = edit_session(session, by=session.coach, **changes)

    assert told(session) == tells
    assert edited.version == (1 if changes else 0)
    assert AuditLog.objects.filter(action="session.changed").count() == (1 if changes else 0)


def test_what_is_equal_is_no_change():
    session = make_session()

    edit_session(
        session, by=session.coach, title=session.title, minutes=60, starts_at=session.starts_at, place="Room 1"
    )

    session.refresh_from_db()
    assert (session.version, told(session)) == (0, 0)


def test_another_price_holds_for_new_bookings_only():
    session = make_session(price=5_000)
    booking = make_booking(session, make_member())

    edit_session(session, by=session.coach, price=9_000)

    booking.line.refresh_from_db()
    assert booking.line.price == 5_000
    assert make_booking(session, make_member()).line.price == 9_000


def test_a_moved_session_is_reminded_of_again_and_holds_follow_its_start():
    session = make_session(starts_in=timedelta(days=9))
    booking = make_booking(session, make_member())
    held = make_booking(session, make_member())
    new_start = timezone.now() + timedelta(days=2)
    Booking.objects.filter(pk=booking.pk).update(reminded_at=timezone.now())
    Booking.objects.filter(pk=held.pk).update(
        state="held", confirmed_at=None, held_until=new_start + timedelta(days=3), reminded_at=None
    )

    edit_session(session, by=session.coach, starts_at=new_start)

    booking.refresh_from_db()
    held.refresh_from_db()
    assert booking.reminded_at is None
    assert held.held_until == new_start


def test_a_session_moved_to_tomorrow_is_its_own_reminder():
    session = make_session(starts_in=timedelta(days=9))
    booking = make_booking(session, make_member())

    edit_session(session, by=session.coach, starts_at=timezone.now() + timedelta(hours=20))

    booking.refresh_from_db()
    assert booking.reminded_at is not None


def test_seats_are_never_fewer_than_taken():
    session = make_session(capacity=5)
    for _ in range(3):
        make_booking(session, make_member())

    with pytest.raises(RuleError) as refusal:
        edit_session(session, by=session.coach, capacity=2, title="New")

    session.refresh_from_db()
    assert (refusal.value.code, session.capacity, session.title == "New") == ("capacity_below_taken", 5, False)
    edit_session(session, by=session.coach, capacity=3)
    assert Session.objects.get(pk=session.pk).capacity == 3


def test_more_seats_go_to_the_waitlist():
    session = make_session(capacity=1)
    make_booking(session, make_member())
    waiting = [join_waitlist(session, participant=m.participant, by=m) for m in (make_member(), make_member())]

    edit_session(session, by=session.coach, capacity=2)

    for booking in waiting:
        booking.refresh_from_db()
    assert [booking.state for booking in waiting] == ["offered", "waitlisted"]
    assert Session.objects.get(pk=session.pk).seats_taken == 2


def test_an_older_version_does_not_overwrite_a_newer_one():
    session = make_session()
    edit_session(session, by=session.coach, version=0, title="First")

    with pytest.raises(RuleError) as refusal:
        edit_session(session, by=make_admin(), version=0, title="Second")

    session.refresh_from_db()
    assert (refusal.value.code, session.title) == ("changed_meanwhile", "First")


def test_an_edit_into_another_session_is_refused():
    coach = make_coach()
    first = make_session(coach, starts_in=timedelta(days=2))
    second = make_session(coach, starts_in=timedelta(days=3))

    with pytest.raises(RuleError) as refusal:
        edit_session(second, by=coach, starts_at=first.starts_at + timedelta(minutes=30))

    assert refusal.value.code == "overlap"
    assert Session.objects.get(pk=second.pk).starts_at == second.starts_at


@pytest.mark.parametrize("end", ["cancelled", "completed"])
def test_only_the_description_changes_in_the_end(end):
    session = make_session()
    if end == "cancelled":
        cancel_session(session, reason="", by=session.coach)
    else:
        complete_session(begin(session, ago=timedelta(hours=2)), by=session.coach)

    for changes in (
        {"title": "New"},
        {"capacity": 99},
        {"price": 1},
        {"place": "x"},
        {"description": "y", "title": "z"},
    ):
        with pytest.raises(RuleError) as refusal:
            edit_session(session, by=session.coach, **changes)
        assert refusal.value.code == "over"
    edit_session(session, by=session.coach, description="It was good.")

    session.refresh_from_db()
    assert (session.description, session.title != "z") == ("It was good.", True)


def test_the_time_of_what_has_begun_stays():
    session = begin(make_session())

    with pytest.raises(RuleError) as refusal:
        edit_session(session, by=session.coach, starts_at=timezone.now() + timedelta(days=1))

    assert refusal.value.code == "started"


def test_nothing_moves_into_the_past():
    session = make_session()

    with pytest.raises(ValidationError):
        edit_session(session, by=session.coach, starts_at=timezone.now() - timedelta(days=1))


@pytest.mark.parametrize("act", [
    lambda session, by: edit_session(session, by=by, title="Mine"),
    lambda session, by: complete_session(session, by=by),
    lambda session, by: cancel_session(session, reason="", by=by),
])  # fmt: skip
def test_strangers_do_nothing(act):
    session = begin(make_session(), ago=timedelta(hours=3))

    for other in (make_member(), make_coach()):
        with pytest.raises(PermissionDenied):
            act(session, other)

    assert Session.objects.get(pk=session.pk).status == "planned"


def test_completing():
    session = make_session()
    with pytest.raises(RuleError) as refusal:
        complete_session(session, by=session.coach)
    assert refusal.value.code == "not_over"
    begin(session, ago=timedelta(hours=1))

    complete_session(session, by=session.coach)
    complete_session(session, by=session.coach)

    assert Session.objects.get(pk=session.pk).status == "completed"
    assert OutboxMessage.objects.filter(name="session.completed").count() == 1


def test_a_cancelled_session_is_not_completed():
    session = make_session()
    cancel_session(session, reason="", by=session.coach)

    with pytest.raises(RuleError) as refusal:
        complete_session(session, by=session.coach)

    assert refusal.value.code == "not_planned"


def test_once_it_is_over_only_an_admin_says_that_it_did_not_take_place():
    coach = make_coach()
    session = make_session(coach)
    booking = make_booking(session, make_member())
    now = timezone.now()
    set_times(Session.objects.filter(pk=session.pk), starts_at=now - timedelta(hours=1), ends_at=now)
    roster, address = f"/teaching/{session.pk}/", f"/teaching/{session.pk}/cancel/"

    with pytest.raises(RuleError) as refusal:
        cancel_session(session, reason="", by=coach)
    booking.refresh_from_db()

    assert (refusal.value.code, booking.state) == ("over", "confirmed")
    assert address not in signed_in(coach).get(roster).content.decode()
    assert address in signed_in(make_admin()).get(roster).content.decode()
    assert cancel_session(session, reason="The coach was ill", by=make_admin()).status == "cancelled"
    assert credit_left(booking.booked_by) == 10_000


def test_the_job_completes_what_ended_a_day_ago():
    old = begin(make_session(), ago=timedelta(hours=25, minutes=1))
    fresh = begin(make_session(), ago=timedelta(hours=24))

    assert [complete_past_sessions(), complete_past_sessions()] == [1, 0]

    assert [Session.objects.get(pk=s.pk).status for s in (old, fresh)] == ["completed", "planned"]


def form_of(session: Session, client: Client, **changes: Any) -> dict[str, Any]:
    form = client.get(f"/teaching/{session.pk}/edit/").context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: "" if value is None else value for name, value in {**values, **changes}.items()}


def test_the_form_saves_and_refuses_what_is_old():
    session = make_session(price=1_250)
    client = signed_in(session.coach)
    old = form_of(session, client)

    assert client.post(f"/teaching/{session.pk}/edit/", {**old, "title": "First"}).status_code == 302
    late = client.post(f"/teaching/{session.pk}/edit/", {**old, "title": "Second"})

    session.refresh_from_db()
    assert (session.title, session.price, session.version) == ("First", 1_250, 1)
    assert late.status_code == 422
    assert "Somebody has changed this session" in late.content.decode()
    assert 'value="Second"' in late.content.decode()


def test_saving_the_form_as_it_is_changes_nothing():
    session = make_session()
    client = signed_in(session.coach)

    assert client.post(f"/teaching/{session.pk}/edit/", form_of(session, client)).status_code == 302

    before = session.starts_at
    session.refresh_from_db()
    assert (session.version, session.starts_at) == (0, before)


def test_the_form_to_offer_keeps_what_was_typed_when_the_coach_is_taken():
    coach = make_coach()
    session = make_session(coach, starts_at=timezone.now().replace(hour=10, minute=0) + timedelta(days=3))
    client = signed_in(coach)
    typed = form_of(session, client, title="Twice", version="")

    page = client.post("/teaching/new/", typed)

    assert page.status_code == 422
    assert "one session at a time" in page.content.decode()
    assert 'value="Twice"' in page.content.decode()
    assert client.post("/teaching/new/", {**typed, "at": "23:00"}).status_code == 302


@pytest.mark.parametrize(
    ("day", "at", "zone", "status"),
    [("2027-03-28", "02:30", "Europe/Berlin", 422), ("2027-03-28", "03:00", "Europe/Berlin", 302),
     ("2027-10-31", "02:30", "Europe/Berlin", 302), ("2027-03-14", "02:30", "America/New_York", 422),
     ("2027-03-14", "02:30", "Europe/Berlin", 302), ("2020-01-01", "10:00", "Europe/Berlin", 422)],
)  # fmt: skip
def test_an_hour_that_does_not_exist_is_refused(day, at, zone, status):
    coach = make_coach()
    form = {
        "title": "Night", "day": day, "at": at, "minutes": "60", "time_zone": zone, "place": "x", "capacity": "2",
        "price": "0",
    }  # fmt: skip

    assert signed_in(coach).post("/teaching/new/", form).status_code == status
    assert Session.objects.count() == (status == 302)


def test_a_copy_begins_with_everything_but_the_day():
    session = make_session(title="Again")

    page = signed_in(session.coach).get(f"/teaching/new/?from={session.pk}")
    stranger = signed_in(make_coach()).get(f"/teaching/new/?from={session.pk}")

    assert page.context["form"]["title"].value() == "Again"
    assert page.context["form"]["day"].value() is None
    assert stranger.context["form"]["title"].value() is None


def test_cancelling_by_page_says_its_effect_first():
    session = make_session(price=8_400)
    for _ in range(2):
        make_booking(session, make_member())
    client = signed_in(session.coach)

    shown = client.get(f"/teaching/{session.pk}/cancel/").content.decode()
    done = client.post(f"/teaching/{session.pk}/cancel/", {"reason": "Maya is ill."})

    assert "2 people will be told." in shown
    assert "€168 goes back as credit." in shown
    assert done.status_code == 302
    session.refresh_from_db()
    assert (session.status, session.cancel_reason) == ("cancelled", "Maya is ill.")
