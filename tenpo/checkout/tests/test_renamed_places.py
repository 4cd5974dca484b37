"""A place gets another name or address: what was booked there says it, its people are told, and nobody is left out."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, working_coach
from tenpo.core.models import OutboxMessage
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.actions import places
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.places import edit_location
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.models import Location, Session
from tenpo.schedule.tests.calendar_plants import make_caldav
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.time_make import make_location, make_service
from tests.at_once import Other

pytestmark = pytest.mark.django_db
OLD, NEW = "Studio, Main street 1", "Studio, Side street 2"


@pytest.fixture
def coach() -> User:
    return working_coach()


def place_now(session: Session) -> str:
    return Session.objects.get(pk=session.pk).place


def test_who_booked_there_is_told_where_it_is_now(coach):
    admin, member, waiting = make_admin(), make_member(), make_member()
    session = book(make_service(coach), member).session
    calendar = make_caldav(member)
    told(waiting)

    edit_location(make_location(), by=admin, address="Side street 2")

    session.refresh_from_db()
    assert (session.place, session.version) == (NEW, 1)
    [message] = OutboxMessage.objects.filter(name="session.changed")
    assert (message.subject_id, message.payload["before"]) == (session.pk, {"place": OLD})
    record = AuditLog.objects.get(action="session.changed")
    assert (record.actor_id, record.before, record.after) == (admin.pk, {"place": OLD}, {"place": NEW})
    assert told(member)[-1] == "session.changed"
    assert CalendarConnection.objects.get(pk=calendar.pk).wants_writing_at is not None
    assert told(waiting) == []


def test_only_what_is_to_come_and_names_it_says_the_new_words(coach):
    admin, place, other = make_admin(), make_location(), make_location("Pitch")
    service = make_service(coach, locations=[place, other])
    there, own_words, gone, off, elsewhere = (
        book(service, make_member(), NINE + number * timedelta(days=1), location=where)
        for number, where in enumerate([place, place, place, place, other])
    )
    edit_session(own_words.session, by=coach, place="Studio, the back door")
    cancel_booking(off, by=off.booked_by)
    past = NINE - timedelta(days=60)
    times = {"starts_at": past, "ends_at": past + HOUR, "busy_from": past, "busy_until": past + HOUR}
    set_times(Session.objects.filter(pk=gone.session_id), **times)
    in_room = make_session()
    Session.objects.filter(pk=in_room.pk).update(room=place.rooms.get(), place=OLD)
    make_booking(in_room, make_member())

    edit_location(place, by=admin, name="Studio", address="Side street 2")

    changed = {one.pk for one in Session.objects.filter(place=NEW)}
    assert changed == {there.session_id, in_room.pk}
    assert place_now(own_words.session) == "Studio, the back door"
    assert [place_now(one.session) for one in (gone, off)] == [OLD, OLD]
    assert place_now(elsewhere.session) == "Pitch, Main street 1"


def test_another_way_to_find_it_moves_nobody(coach):
    session = book(make_service(coach), make_member()).session

    edit_location(make_location(), by=None, directions="Second floor")
    edit_location(make_location(), by=None, address="Main street 1")

    assert Session.objects.get(pk=session.pk).version == 0
    assert not OutboxMessage.objects.filter(name="session.changed").exists()


def test_the_form_says_how_many_sessions_it_touches(coach):
    service, admin = make_service(coach), signed_in(make_admin())
    address = f"/places/{make_location().pk}/"
    assert "names this place" not in page_of(admin, address)
    book(service, make_member())
    assert "1 session to come names this place" in page_of(admin, address)
    book(service, make_member(), NINE + HOUR)
    assert "2 sessions to come name this place" in page_of(admin, address)


def page_of(client: Client, address: str) -> str:
    page = client.get(address)
    assert page.status_code == 200
    return page.content.decode()


def rename() -> Location:
    return edit_location(make_location(), by=None, address="Side street 2")


@pytest.mark.django_db(transaction=True)
def test_who_books_while_it_is_renamed_books_it_as_it_is_then(coach):
    service, member = make_service(coach), make_member()

    with transaction.atomic():
        rename()
        booking = Other(lambda: book(service, member))
        assert booking.meet()

    assert booking.end().session.place == NEW


@pytest.mark.django_db(transaction=True)
def test_who_renames_it_while_somebody_books_takes_them_along(coach):
    service, member = make_service(coach), make_member()

    with transaction.atomic():
        session = book(service, member).session
        renaming = Other(rename)
        assert renaming.meet()

    renaming.end()
    assert place_now(session) == NEW


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_who_renames_it_and_waits_for_nobody_leaves_them_behind_control(coach, monkeypatch):
    service, member = make_service(coach), make_member()
    locked: Any = places._locked_location
    monkeypatch.setattr(places, "_locked_location", lambda location, by, **_whole: locked(location, by))

    with transaction.atomic():
        session = book(service, member).session
        renaming = Other(rename)
        assert not renaming.meet()

    assert place_now(session) == OLD
