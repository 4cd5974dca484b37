"""Who comes to what was booked as a slot, and who a coach's clients are."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import DAY, QUESTIONS, book, working_coach
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.guest_queries import clients_of, say_guests, with_guests
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.time_make import make_service

pytestmark = pytest.mark.django_db

LIST = "/teaching/clients/"


def text_of(who: User, address: str) -> str:
    page = signed_in(who).get(address)
    assert page.status_code == 200
    return page.content.decode()


def be_over(booking: Booking, days: int = 1) -> None:
    """Let a session have been so many days ago."""
    past = timezone.now() - timedelta(days=days)
    set_times(Session.objects.filter(pk=booking.session_id), starts_at=past, ends_at=past + timedelta(hours=1))


@pytest.fixture
def lena() -> User:
    return working_coach()


@pytest.fixture
def slot(lena: User) -> Booking:
    """What Maya booked with Lena."""
    service = make_service(lena, name="Training", questions=QUESTIONS[:1])
    return book(service, make_member("Maya Berg"), answers={"goal": "A straight back"})


def test_a_client_was_there_and_comes_again(lena):
    maya = make_member("Maya Berg")
    be_over(make_booking(make_session(lena), maya), days=9)
    last, coming = make_booking(make_session(lena), maya), make_booking(make_session(lena), maya)
    be_over(last)
    make_booking(make_session(lena, starts_in=timedelta(days=60)), maya)

    client: Any = clients_of(lena).get()

    assert (client.name, client.times) == ("Maya Berg", 2)
    assert (client.last_id, client.next_id) == (last.session_id, coming.session_id)


def test_who_did_not_come_or_cancelled_was_not_there(lena):
    absent, gone = make_booking(make_session(lena), make_member()), make_booking(make_session(lena), make_member())
    be_over(absent)
    Booking.objects.filter(pk=absent.pk).update(state="no_show")
    cancel_booking(gone, by=gone.booked_by)

    client: Any = clients_of(lena).get()

    assert (client.pk, client.times, client.last_id, client.next_id) == (absent.participant_id, 0, None, None)


def test_everybody_has_their_own_clients_and_an_admin_all(lena):
    carl = make_coach("Carl")
    make_booking(make_session(lena), make_member("Maya Berg"))
    make_booking(make_session(carl), make_member("Otto Ott"))

    assert "Maya Berg" in text_of(lena, LIST)
    assert "Otto Ott" not in text_of(lena, LIST)
    assert "Otto Ott" not in text_of(lena, f"{LIST}?coach={carl.pk}")
    admin = make_admin()
    assert "Maya Berg" in text_of(admin, LIST)
    assert "Maya Berg" not in text_of(admin, f"{LIST}?coach={carl.pk}")


def test_members_have_no_clients():
    assert signed_in(make_member()).get(LIST).status_code == 404


def test_a_client_is_found_by_their_name(lena):
    for name in ("Maya Berg", "Otto Ott"):
        make_booking(make_session(lena), make_member(name))

    text = text_of(lena, f"{LIST}?q=berg+may")

    assert "Maya Berg" in text
    assert "Otto Ott" not in text
    assert "Nobody is called that." in text_of(lena, f"{LIST}?q=nobody")


def test_without_clients_the_page_says_who_will_stand_there(lena):
    assert "Whoever books with you will stand here" in text_of(lena, LIST)


def test_clients_come_by_pages_and_cost_the_same_for_one_and_thirty(lena):
    client = signed_in(lena)
    make_booking(make_session(lena), make_member("A first"))
    client.get(LIST)
    with CaptureQueriesContext(connection) as few:
        client.get(LIST)
    session = make_session(lena, capacity=100, price=0)
    for number in range(31):
        make_booking(session, make_member(f"Person {number:02}"))

    with CaptureQueriesContext(connection) as many:
        page = client.get(LIST)

    assert len(many) == len(few)
    assert len(page.context["clients"]) == 30
    rest = client.get(LIST, {"cursor": page.context["next"]}).context["clients"]
    assert [one.name for one in rest] == ["Person 29", "Person 30"]


def test_who_comes_is_said_of_slots_alone(lena, slot):
    make_booking(make_session(lena), make_member("Otto Ott"))

    sessions = with_guests(Session.objects.taught_by(lena)).order_by("is_private")

    assert [say_guests(session) for session in sessions] == ["", "Maya Berg"]


@pytest.mark.parametrize("address", ["/calendar/", "/teaching/", "/sessions/{}/", "/teaching/{}/"])
def test_a_coach_reads_who_comes(lena, slot, address):
    assert "Maya Berg" in text_of(lena, address.format(slot.session_id))


def test_the_calendar_says_who_comes(lena, slot):
    days = f"start={DAY:%Y-%m-%d}T00:00:00Z&end={DAY + timedelta(days=2):%Y-%m-%d}T00:00:00Z"

    [event] = signed_in(lena).get(f"/calendar/events.json?{days}").json()

    assert event["title"] == "Training · Maya Berg"


def test_answers_are_read_by_who_gave_them_and_by_the_coach(lena, slot):
    other = make_member()

    for who, address in ((slot.booked_by, f"/bookings/{slot.pk}/"), (lena, f"/teaching/{slot.session_id}/")):
        text = text_of(who, address)
        assert "Your goal?" in text
        assert "A straight back" in text
    for address in (f"/bookings/{slot.pk}/", f"/sessions/{slot.session_id}/"):
        assert signed_in(other).get(address).status_code == 404


def test_a_yes_and_a_no_are_said_in_words(lena, slot):
    said = [{"label": "Rules?", "answer": True}, {"label": "Pets?", "answer": False}]
    Booking.objects.filter(pk=slot.pk).update(answers=said)

    text = text_of(lena, f"/teaching/{slot.session_id}/")

    assert "<dd>Yes</dd>" in text
    assert "<dd>No</dd>" in text


def test_a_slot_is_in_nobodys_way_to_find_a_session(lena, slot):
    for who in (lena, make_admin(), slot.booked_by):
        assert "Training" not in text_of(who, "/sessions/")


def test_nobody_else_is_offered_a_seat_in_a_slot(lena, slot):
    for who in (lena, make_admin()):
        page = signed_in(who).get(f"/sessions/{slot.session_id}/book/")
        assert page["Location"] == f"/sessions/{slot.session_id}/"
        text = text_of(who, f"/sessions/{slot.session_id}/")
        assert "waitlist" not in text


def test_what_was_cancelled_leads_to_other_times(slot):
    cancel_booking(slot, by=slot.booked_by)

    text = text_of(slot.booked_by, f"/bookings/{slot.pk}/result/")

    assert "Find another time" in text
    assert f"/book/{slot.session.service_id}/" in text
