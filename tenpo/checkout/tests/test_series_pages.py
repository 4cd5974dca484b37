"""Booking several dates of a series, and giving them up: the pages, and the same by API."""

import re
from typing import Any

import pytest
from django.test import Client

from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.test_book_series import book, make_dates, taken
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.notify.kinds import Facts
from tenpo.notify.models import Notification
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, make_cancellation_policy
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.booking_notifications import CONFIRMED
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
CARD = {"provider": "sandbox", "test_card": SUCCEEDS}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(session: Session) -> str:
    return f"/sessions/{session.pk}/book/following/"


def ids(dates: list[Session]) -> list[str]:
    return [str(date.pk) for date in dates]


def test_the_session_page_leads_to_all_its_free_dates():
    lena, dates = make_member(), make_dates(4, capacity=1)
    make_booking(dates[1], make_member())
    client = signed_in(lena)

    assert "Book all 3 dates" in client.get(f"/sessions/{dates[0].pk}/").content.decode()
    assert "Book all" not in client.get(f"/sessions/{dates[3].pk}/").content.decode()
    assert "Book all" not in client.get(f"/sessions/{make_session().pk}/").content.decode()


def test_the_page_shows_each_date_and_the_price_of_all_that_are_free():
    lena, dates = make_member(), make_dates(4, capacity=1)
    make_booking(dates[1], make_member())

    shown = signed_in(lena).get(page(dates[0])).content.decode()

    assert shown.count(' name="dates"') == 4
    assert shown.count("disabled>") == 1
    assert "· full" in shown
    assert "Book and pay €60" in shown


def test_the_page_books_what_was_chosen_for_who_was_chosen():
    lena, dates = make_member(), make_dates(3)
    [mia] = add_guests(["Mia"], by=lena)
    chosen = {"chosen": "on", "dates": ids(dates[1:]), "party": "on", "who": [str(lena.participant.pk), str(mia.pk)]}
    client = signed_in(lena)
    assert "Book and pay €80" in client.get(page(dates[0]), chosen).content.decode()

    answer = client.post(page(dates[0]), {**chosen, **CARD, "agreed": 8_000})

    assert answer.status_code == 302
    assert taken(dates) == [0, 2, 2]
    result = client.get(answer["Location"]).content.decode()
    assert f"{lena.name}, Mia" in result
    file = re.search(r'href="([^"]+ics\?dates)"[^>]*>.*?Add all 2 to your calendar', result, re.DOTALL)
    assert file
    assert client.get(file[1]).content.count(b"BEGIN:VEVENT") == 2
    assert client.get(file[1].removesuffix("?dates")).content.count(b"BEGIN:VEVENT") == 1
    receipt = client.get(f"/orders/{Order.objects.get().pk}/").content.decode()
    assert receipt.count("Yoga") == 4


def test_terms_are_said_that_hold_for_every_date_before_and_after_paying_and_in_the_mail():
    lena, policy = make_member(), make_cancellation_policy((24 * 10, 100), (0, 0))
    dates, client = make_dates(3, policy=policy), signed_in(lena)
    terms = "For each date: free until 10 days before; after that nothing."

    assert terms in client.get(page(dates[0])).content.decode()
    quoted = Api(lena).get(f"/sessions/{dates[0].pk}/following/quote").json()
    assert quoted["quote"]["cancellation"] == terms
    alone = client.get(page(dates[0]), {"chosen": "on", "dates": ids(dates[:1])}).content.decode()
    assert "Nothing comes back when you cancel." in alone
    assert "For each date" not in alone
    answer = client.post(page(dates[0]), {**CARD, "agreed": 6_000})
    told(lena)

    assert terms in client.get(answer["Location"]).content.decode()
    kept = Notification.objects.get(user=lena, kind=CONFIRMED.code).payload
    assert dict(CONFIRMED.say(Facts(kept)).facts)["Cancelling"] == terms


def test_each_date_says_its_own_where_they_are_not_the_same():
    lena, dates = make_member(), make_dates(2, policy=make_cancellation_policy((48, 100), (0, 0)))
    Session.objects.filter(pk=dates[1].pk).update(cancellation_policy=make_cancellation_policy((24, 100), (0, 0)))
    client = signed_in(lena)

    answer = client.post(page(dates[0]), {**CARD, "agreed": 4_000})
    told(lena)

    kept = Notification.objects.get(user=lena, kind=CONFIRMED.code).payload
    mail = dict(CONFIRMED.say(Facts(kept)).facts)["Cancelling"]
    for said in (mail, client.get(answer["Location"]).content.decode()):
        assert ": Free until 48 hours before; after that nothing. " in said
        assert ": Free until 24 hours before; after that nothing." in said


def test_the_page_takes_all_that_were_free_without_a_choice():
    lena, dates = make_member(), make_dates(3)

    assert signed_in(lena).post(page(dates[1]), {**CARD, "agreed": 4_000}).status_code == 302

    assert taken(dates) == [0, 1, 1]


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({"chosen": "on"}, 422, "Choose at least one date."),
        ({"chosen": "on", "dates": ["no date"]}, 422, "This date is over."),
        ({"agreed": 1}, 409, "The price has changed."),
        ({}, 409, "Not all dates can be booked"),
    ],
    ids=["none", "no date", "another price", "full meanwhile"],
)
def test_what_the_page_refuses(sent, status, words):
    lena, dates = make_member(), make_dates(3, capacity=1)
    if not sent:
        make_booking(dates[2], make_member())
    usual = {"chosen": "on", "dates": [] if "chosen" in sent else ids(dates), **CARD, "agreed": 6_000}

    answer = signed_in(lena).post(page(dates[0]), usual | sent)

    assert (answer.status_code, words in answer.content.decode()) == (status, True)
    assert not Booking.objects.filter(booked_by=lena).exists()


def test_a_session_of_no_series_has_no_such_page():
    session = make_session()

    assert signed_in(make_member()).get(page(session))["Location"] == f"/sessions/{session.pk}/"


def test_the_page_shows_what_comes_back_and_gives_it_up():
    lena, dates = make_member(), make_dates(4)
    booked = book(dates, lena)
    client, address = signed_in(lena), f"/bookings/{booked[1].pk}/cancel/following/"
    assert address in client.get(f"/bookings/{booked[1].pk}/").content.decode()
    assert "You get €60.00 back as credit." in client.get(address).content.decode()
    assert "You get €80.00 back as credit." in client.get(address, {"scope": "all"}).content.decode()

    assert client.post(address, {"agreed": 1}).status_code == 409
    assert client.post(address, {}).status_code == 422
    assert client.post(address, {"agreed": 6_000}).status_code == 302

    assert credit_left(lena) == 6_000
    assert "Nothing of it is left to give up." in client.get(address).content.decode()
    assert address not in client.get(f"/bookings/{booked[0].pk}/").content.decode()
    assert signed_in(make_member()).get(address).status_code == 404


def test_the_api_books_several_dates_and_a_repeat_books_nothing_more():
    lena, dates = make_member(), make_dates(3)
    api = Api(lena)
    me = api.get("/me").json()["participant_id"]
    quote = api.get(f"/sessions/{dates[0].pk}/following/quote").json()
    body: dict[str, Any] = {
        "session_ids": [date["session_id"] for date in quote["dates"]], "participant_ids": [me],
        "provider": "sandbox", "source": SUCCEEDS, "agreed_amount": quote["quote"]["own_share"],
    }  # fmt: skip

    first, again = api.post("/series-bookings", body, key="one"), api.post("/series-bookings", body, key="one")

    assert (first.status_code, first.json()) == (201, again.json())
    assert [one["session_id"] for one in first.json()["bookings"]] == ids(dates)
    assert first.json()["payment"]["amount"] == 6_000
    taken_now = api.post("/series-bookings", body, key="two").json()
    assert taken_now["code"] == "dates_taken"
    assert [(one["session_id"], one["code"]) for one in taken_now["dates"]] == [
        (date, "already_booked") for date in ids(dates)
    ]
    assert api.get(f"/sessions/{dates[0].pk}/following/quote").json()["quote"] is None
    assert api.post("/series-bookings", {**body, "session_ids": ids(dates[:1]) * 2}).status_code == 422
    assert api.post("/series-bookings", {**body, "session_ids": [str(make_session().pk), *ids(dates)]}).status_code in (
        409, 422,
    )  # fmt: skip


def test_the_api_gives_up_the_rest_once():
    lena, dates = make_member(), make_dates(3)
    booked = book(dates, lena)
    api, path = Api(lena), f"/bookings/{booked[1].pk}/following/cancellation"
    shown = api.get(path).json()
    assert (shown["back"], len(shown["bookings"])) == (4_000, 2)
    assert api.get(f"{path}?scope=all").json()["back"] == 6_000
    assert api.post(path, {"agreed_back": 1}, key="no").json()["code"] == "effect_changed"

    first, again = (api.post(path, {"agreed_back": 4_000}, key="one") for _ in range(2))

    assert first.json() == again.json() == {"booking_ids": [str(one.pk) for one in booked[1:]]}
    assert credit_left(lena) == 4_000
    assert Api(make_member()).get(path).status_code == 404
