from functools import partial

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.actions.accounts import revoke_role
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.notes import NOTE_LENGTH, write_note
from tenpo.schedule.actions.rescheduling import reschedule_booking
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking
from tenpo.schedule.note_models import SessionNote
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once

pytestmark = pytest.mark.django_db
HEALTH = "Knee: no jumps until March"


def booked() -> Booking:
    return make_booking(make_session(), make_member())


def test_one_of_the_session_and_one_of_each_person():
    booking = booked()
    session, coach = booking.session, booking.session.coach

    first = write_note(session, text="Bring mats", by=coach)
    again = write_note(session, text="Bring mats", by=coach)
    of_them = write_note(session, about=booking.participant, text="x", by=coach)
    changed = write_note(session, about=booking.participant, text=HEALTH, by=coach)

    assert [first, of_them] == [again, changed]
    assert changed is not None
    assert changed.participant_id == booking.participant_id
    assert sorted(note.text for note in SessionNote.objects.all()) == ["Bring mats", HEALTH]
    assert write_note(session, about=booking.participant, text="", by=coach) is None
    assert write_note(session, about=booking.participant, text="", by=coach) is None
    assert SessionNote.objects.count() == 1


def test_it_is_read_by_its_coach_alone_and_sealed():
    booking = booked()
    coach = booking.session.coach
    write_note(booking.session, about=booking.participant, text=HEALTH, by=coach)

    for other in (booking.booked_by, make_admin(), make_coach()):
        with pytest.raises(PermissionDenied):
            write_note(booking.session, text="Mine", by=other)
        assert not SessionNote.objects.visible_to(other).exists()
    assert SessionNote.objects.visible_to(coach).get().text == HEALTH
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM schedule_sessionnote")
        (stored,) = cursor.fetchone()
    assert b"Knee" not in bytes(stored)
    records = AuditLog.objects.filter(action__startswith="note.")
    assert [(one.action, one.before, one.after) for one in records] == [("note.written", None, None)]
    assert not OutboxMessage.objects.filter(name__startswith="note.").exists()


def test_who_teaches_no_more_reads_no_more():
    booking = booked()
    coach = booking.session.coach
    write_note(booking.session, text="Bring mats", by=coach)

    revoke_role(coach, role="coach", by=make_admin())

    coach = type(coach).objects.get(pk=coach.pk)
    assert not SessionNote.objects.visible_to(coach).exists()


def test_of_a_place_elsewhere_or_too_long_nothing_is_noted():
    booking, other = booked(), booked()
    coach = booking.session.coach

    with pytest.raises(RuleError) as refusal:
        write_note(booking.session, about=other.participant, text="x", by=coach)
    for text in ("x" * (NOTE_LENGTH + 1), "a\0b"):
        with pytest.raises(ValidationError):
            write_note(booking.session, text=text, by=coach)

    assert (refusal.value.code, SessionNote.objects.count()) == ("not_booked", 0)


def waits() -> Booking:
    session = make_session(capacity=1)
    make_booking(session, make_member())
    member = make_member()
    return join_waitlist(session, participant=member.participant, by=member)


def gave_it_up() -> Booking:
    booking = booked()
    return cancel_booking(booking, by=booking.booked_by)


@pytest.mark.parametrize("make", [waits, gave_it_up])
def test_of_who_has_no_place_nothing_new_is_noted(make):
    booking = make()

    with pytest.raises(RuleError) as refusal:
        write_note(booking.session, about=booking.participant, text="x", by=booking.session.coach)

    assert (refusal.value.code, SessionNote.objects.count()) == ("not_booked", 0)
    page = signed_in(booking.session.coach).get(f"/teaching/{booking.session_id}/notes/").content.decode()
    assert str(booking.participant_id) not in page


def cancel(booking: Booking) -> None:
    cancel_booking(booking, by=booking.booked_by)


def call_off(booking: Booking) -> None:
    cancel_session(booking.session, reason="", by=booking.session.coach)


def move_away(booking: Booking) -> None:
    session = booking.session
    reschedule_booking(
        booking, to=make_session(session.coach, policy=session.cancellation_policy), by=booking.booked_by
    )


@pytest.mark.invariants
@pytest.mark.parametrize("leave", [cancel, call_off, move_away])
def test_what_was_noted_of_who_leaves_is_read_changed_and_taken_away(leave):
    policy = make_cancellation_policy((24, 100), (0, 50), reschedules=1)
    booking = make_booking(make_session(policy=policy), make_member())
    session, person = booking.session, booking.participant
    write_note(session, about=person, text=HEALTH, by=session.coach)
    leave(booking)
    client, address = signed_in(session.coach), f"/teaching/{session.pk}/notes/"

    page = client.get(f"{address}?about={person.pk}").content.decode()
    assert page.count(HEALTH) == 2
    assert "Has no place any more" in page
    kept = client.post(address, {"about": str(person.pk), "text": "Other words"})
    assert SessionNote.objects.get().text == "Other words"
    assert kept["Location"] == f"{address}?about={person.pk}#note"
    client.post(address, {"about": str(person.pk), "text": ""})
    assert not SessionNote.objects.exists()
    assert str(person.pk) not in client.get(address).content.decode()


@pytest.mark.django_db(transaction=True)
def test_five_at_once_are_one():
    booking = booked()

    at_once([partial(write_note, booking.session, text=f"{n}", by=booking.session.coach) for n in range(5)])

    assert SessionNote.objects.count() == 1


def test_the_page():
    booking = booked()
    address = f"/teaching/{booking.session_id}/notes/"
    client = signed_in(booking.session.coach)

    about = str(booking.participant_id)
    answer = client.post(f"{address}?about={about}", {"about": about, "text": HEALTH})
    assert answer["Location"] == f"{address}?about={booking.participant_id}#note"
    assert HEALTH in client.get(f"{address}?about={about}").content.decode()
    assert client.post(address, {"about": str(make_session().pk), "text": "x"}).status_code == 422
    assert address in client.get(f"/teaching/{booking.session_id}/").content.decode()
    admin = signed_in(make_admin())
    assert admin.get(address).status_code == 404
    assert address not in admin.get(f"/teaching/{booking.session_id}/").content.decode()


def test_by_api():
    booking = booked()
    address = f"/api/v1/sessions/{booking.session_id}/notes"
    client = signed_in(booking.session.coach)

    body = {"booking_id": str(booking.pk), "text": HEALTH}
    assert client.put(address, body, content_type="application/json").json()["text"] == HEALTH
    assert [one["text"] for one in client.get(address).json()] == [HEALTH]
    assert client.put(address, body | {"text": ""}, content_type="application/json").json() is None
    assert signed_in(make_admin()).get(address).status_code == 403
