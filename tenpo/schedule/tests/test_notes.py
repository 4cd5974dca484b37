from functools import partial

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.people.actions.accounts import revoke_role
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.notes import NOTE_LENGTH, write_note
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
    of_them = write_note(session, booking=booking, text="x", by=coach)
    changed = write_note(session, booking=booking, text=HEALTH, by=coach)

    assert [first, of_them] == [again, changed]
    assert changed is not None
    assert changed.participant_id == booking.participant_id
    assert sorted(note.text for note in SessionNote.objects.all()) == ["Bring mats", HEALTH]
    assert write_note(session, booking=booking, text="", by=coach) is None
    assert write_note(session, booking=booking, text="", by=coach) is None
    assert SessionNote.objects.count() == 1


def test_it_is_read_by_its_coach_alone_and_sealed():
    booking = booked()
    coach = booking.session.coach
    write_note(booking.session, booking=booking, text=HEALTH, by=coach)

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
        write_note(booking.session, booking=other, text="x", by=coach)
    for text in ("x" * (NOTE_LENGTH + 1), "a\0b"):
        with pytest.raises(ValidationError):
            write_note(booking.session, text=text, by=coach)

    assert (refusal.value.code, SessionNote.objects.count()) == ("not_booked", 0)


@pytest.mark.django_db(transaction=True)
def test_five_at_once_are_one():
    booking = booked()

    at_once([partial(write_note, booking.session, text=f"{n}", by=booking.session.coach) for n in range(5)])

    assert SessionNote.objects.count() == 1


def test_the_page():
    booking = booked()
    address = f"/teaching/{booking.session_id}/notes/"
    client = signed_in(booking.session.coach)

    answer = client.post(f"{address}?about={booking.pk}", {"about": str(booking.pk), "text": HEALTH})
    assert answer["Location"] == address
    assert HEALTH in client.get(f"{address}?about={booking.pk}").content.decode()
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
