"""What is for one person offers nobody to bring along: only who it is for, be it somebody else."""

import re

import pytest
from django.test import Client

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import HOUR, NINE, working_coach
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import Participant
from tenpo.people.tests.make import make_member, signed_in
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

ALONG = "Bring somebody along"
FOR_ELSE = "For somebody else?"
PAID = {"provider": "sandbox", "test_card": SUCCEEDS, "agreed": 6_000}


def text_of(client: Client, path: str) -> str:
    return " ".join(client.get(path).content.decode().split())


def page_of(capacity: int, *, most_in_series: int = 1) -> str:
    service = make_service(working_coach(), price=6_000, capacity=capacity, most_in_series=most_in_series)
    return f"/book/{service.pk}/{start_name(NINE)}/"


@pytest.fixture
def lena() -> Client:
    lena = make_member("Lena")
    add_guests(["Mia"], by=lena)
    return signed_in(lena)


def test_a_time_for_one_asks_who_it_is_for(lena):
    one, two = text_of(lena, page_of(1)), text_of(lena, page_of(2))

    assert (ALONG in one, FOR_ELSE in one) == (False, True)
    assert (ALONG in two, FOR_ELSE in two) == (True, False)
    assert re.findall(r'type="(\w+)" name="who"', one) == ["radio"] * 3
    assert re.findall(r'type="(\w+)" name="who"', two) == ["checkbox"] * 2
    assert "1 person at most" not in one


def test_it_is_booked_for_whoever_was_chosen_or_named(lena):
    page, mia = page_of(1), Participant.objects.get(name="Mia")

    answer = lena.post(page, {"party": "on", "who": [str(mia.pk)], "names": "", **PAID})

    assert answer.status_code == 302
    assert Booking.objects.get().participant == mia

    later = page.replace(start_name(NINE), start_name(NINE + HOUR))
    answer = lena.post(later, {"party": "on", "who": ["named"], "names": "Ben", **PAID})

    assert answer.status_code == 302
    assert Booking.objects.latest("id").participant.name == "Ben"


@pytest.mark.parametrize(
    ("names", "refusal"), [("Ben", "Only one can come."), ("", "Choose who comes."), ("x" * 121, "A name has at most")]
)
def test_two_and_nobody_are_refused(lena, names, refusal):
    page, mia = page_of(1), Participant.objects.get(name="Mia")
    who = ["named"] if names != "Ben" else [str(mia.pk)]

    answer = lena.post(page, {"party": "on", "who": who, "names": names, **PAID})

    assert answer.status_code == 422
    assert refusal in answer.content.decode()
    assert not Booking.objects.exists()
    assert not Participant.objects.filter(name__startswith="Ben").exists()


def test_dates_that_come_back_ask_the_same(lena):
    page = page_of(1, most_in_series=4) + "series/"

    text = text_of(lena, page)

    assert (ALONG in text, FOR_ELSE in text) == (False, True)


@pytest.mark.parametrize(("capacity", "words"), [(1, "Wait for somebody else"), (2, "Wait with others")])
def test_nobody_waits_with_others_for_one_seat(lena, capacity, words):
    session = make_session(capacity=capacity)
    for _seat in range(capacity):
        make_booking(session, make_member())

    pages = [text_of(lena, f"/sessions/{session.pk}/{rest}") for rest in ("", "book/")]
    line = text_of(lena, f"/sessions/{session.pk}/waitlist/")

    for text in pages:
        assert words in text
        assert text.count("Wait with others") == (capacity > 1)
    assert (FOR_ELSE in line, "Seats for all of you" in line) == (capacity == 1, capacity > 1)
