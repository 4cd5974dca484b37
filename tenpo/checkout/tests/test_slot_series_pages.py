"""Booking a time that comes back: the page, and the same by API."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenpo.checkout.api import slot_series as api_slot_series
from tenpo.checkout.tests.slot_make import HOUR, NINE, QUESTIONS, working_coach
from tenpo.checkout.tests.slot_make import book as book_one
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.checkout.tests.test_series_pages import signed_in
from tenpo.checkout.tests.test_slot_series import book as book_series
from tenpo.checkout.tests.test_slot_series import make_weekly, weekly
from tenpo.checkout.views import slot_series
from tenpo.core.limits import LIMITS, Limit
from tenpo.orders.models import Order
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule import slot_series as looking
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Booking, Series, Service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
CARD = {"provider": "sandbox", "test_card": SUCCEEDS}


@pytest.fixture
def coach() -> User:
    return working_coach()


def page(service: Service, at: datetime = NINE) -> str:
    return f"/book/{service.pk}/{start_name(at)}/series/"


def typed(
    starts: list[datetime], *, times: int, price: int = 6_000, more: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "weeks": 1, "times": times, "chosen": f"1x{times}", "dates": [start_name(one) for one in starts],
        "agreed": price * len(starts), **CARD, **(more or {}),
    }  # fmt: skip


def post(client: Client, service: Service, body: dict[str, Any]) -> Any:
    return client.post(page(service), body)


def test_one_time_leads_to_the_series_where_the_service_has_one(coach):
    weekly_one, single = make_weekly(coach), make_weekly(coach, most_in_series=1)
    client = signed_in(make_member())

    for service, leads in ((weekly_one, True), (single, False)):
        shown = client.get(f"/book/{service.pk}/{start_name(NINE)}/").content.decode()
        assert (page(service) in shown) == leads
    assert client.get(page(single))["Location"] == f"/book/{single.pk}/{start_name(NINE)}/"


def test_each_date_is_shown_with_what_is_near_to_those_that_are_taken_and_the_price_of_the_rest(coach):
    service, starts = make_weekly(coach), weekly(4)
    book_one(service, make_member(), starts[2])
    client = signed_in(make_member())

    shown = client.get(page(service), {"weeks": 1, "times": 4}).content.decode()

    assert shown.count(' name="dates"') == 4
    assert len(re.findall(r'name="dates" value="\w+" checked', shown)) == 3
    assert re.search(r"· instead of [\w ]+ 09:00: taken<", shown)
    assert f'value="{start_name(starts[2] + HOUR)}"' in shown
    assert "Book and pay €180" in shown


def test_terms_are_said_that_hold_for_every_date(coach):
    service, starts = make_weekly(coach, cancellation_policy=make_cancellation_policy((36, 100), (0, 0))), weekly(3)
    client, terms = signed_in(make_member()), "For each date: free until 36 hours before; after that nothing."

    assert terms in client.get(page(service), {"weeks": 1, "times": 3}).content.decode()
    booked = post(client, service, typed(starts, times=3))

    assert terms in client.get(booked["Location"]).content.decode()


def test_what_makes_no_sense_is_the_usual(coach):
    service = make_weekly(coach)

    shown = signed_in(make_member()).get(page(service), {"weeks": "7", "times": "x"})

    assert (shown.status_code, shown.content.decode().count(' name="dates"')) == (200, 5)


def test_the_page_books_what_was_chosen_with_one_at_another_time(coach):
    service, lena, starts = make_weekly(coach, questions=QUESTIONS[:1]), make_member(), weekly(4)
    book_one(service, make_member(), starts[2], answers={"goal": "Run"})
    chosen = [starts[0], starts[2] + HOUR, starts[3]]
    client = signed_in(lena)
    body = typed(chosen, times=4, more={"q-goal": "Run"})

    answer = post(client, service, body)

    assert answer.status_code == 302, answer.content.decode()
    mine = Booking.objects.filter(booked_by=lena).order_by("starts_at")
    assert [(one.starts_at, one.state) for one in mine] == [(start, "confirmed") for start in chosen]
    assert post(client, service, body).url == answer.url
    assert Order.objects.filter(buyer=lena).count() == 1


def test_a_date_that_went_meanwhile_is_named_and_everything_stays(coach):
    service, lena, starts = make_weekly(coach, questions=QUESTIONS[:1]), make_member(), weekly(5)
    book_one(service, make_member(), starts[1], answers={"goal": "Run"})

    answer = post(
        signed_in(lena), service, typed([starts[0], starts[1], starts[3]], times=5, more={"q-goal": "A hill"})
    )

    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "(taken). Nothing was booked" in shown
    assert not Booking.objects.filter(booked_by=lena).exists()
    assert "A hill" in shown
    for start, is_checked in ((starts[0], True), (starts[1] + HOUR, False), (starts[2], False), (starts[3], True)):
        assert (f'value="{start_name(start)}" checked' in shown) == is_checked, start
        assert f'value="{start_name(start)}"' in shown
    assert "Book and pay €120" in shown


def test_fewer_than_two_dates_are_no_series(coach):
    service = make_weekly(coach)

    answer = post(signed_in(make_member()), service, typed(weekly(1), times=4))

    assert answer.status_code == 422
    assert "Choose at least two dates" in answer.content.decode()


@pytest.mark.parametrize("wrong", ["20260101T0900Z", "nothing"])
def test_what_is_none_of_the_dates_books_nothing(coach, wrong):
    service, lena = make_weekly(coach), make_member()
    body = typed(weekly(3), times=3)
    body["dates"].append(wrong)

    assert post(signed_in(lena), service, body).status_code in (404, 422)
    assert not Booking.objects.exists()


def test_who_comes_along_counts_for_dates_and_price(coach):
    service, lena = make_weekly(coach, capacity=2, prices={1: 6_000, 2: 8_000}), make_member()
    who: dict[str, Any] = {"party": "on", "who": [str(lena.participant.pk)], "names": "Mia"}
    client = signed_in(lena)

    shown = client.get(page(service), {"times": 3, **who}).content.decode()
    answer = post(client, service, typed(weekly(3), times=3, price=8_000, more=who))

    assert "Book and pay €240" in shown
    assert answer.status_code == 302
    assert Booking.objects.count() == 6


def test_of_any_coaches_it_is_who_is_free_on_the_most_dates(coach):
    other = working_coach()
    service, starts = make_weekly(coach, other, coaches_rule="any"), weekly(4)
    alone = make_weekly(coach, name="Alone")
    book_one(alone, make_member(), starts[1])
    client = signed_in(make_member())

    shown = client.get(page(service), {"times": 4}).content.decode()
    answer = post(client, service, typed(starts, times=4, more={"with": str(other.pk)}))

    assert f'name="with" value="{other.pk}"' in shown
    assert answer.status_code == 302
    assert set(Booking.objects.filter(session__service=service).values_list("session__coach", flat=True)) == {other.pk}


def test_only_of_who_is_shown_it_is_asked_what_is_near(coach, monkeypatch):
    """Of the others it is enough to know how often they are free."""
    others = [working_coach() for _ in range(2)]
    service, starts = make_weekly(coach, *others, coaches_rule="any"), weekly(4)
    alone = make_weekly(coach, *others, name="Alone")
    for one, taken in zip([coach, *others], (starts[:2], starts[1:2], starts[:3]), strict=True):
        for start in taken:
            book_one(alone, make_member(), start, coach=one)
    asked, why = [], looking._Look._why

    def noted(look: looking._Look, at: datetime, **how: Any) -> str:
        asked.append(at)
        return why(look, at, **how)

    monkeypatch.setattr(looking._Look, "_why", noted)
    about: dict[str, Any] = {"starts_at": NINE.isoformat(), "times": 4}

    shown = Api(make_member()).client.get(f"/api/v1/services/{service.pk}/dates", about).json()

    assert (shown["coach_id"], asked) == (str(others[0].pk), [starts[1]])
    assert [one["code"] for one in shown["dates"]] == ["", "slot_taken", "", ""]


@pytest.mark.parametrize("is_page", [True, False])
def test_no_more_coaches_are_asked_than_a_look_may_cost(coach, monkeypatch, is_page):
    module = slot_series if is_page else api_slot_series
    monkeypatch.setattr(module, "SLOT_SERIES_COACHES", 2)
    service = make_weekly(coach, working_coach(), working_coach(), coaches_rule="any")
    asked, look = [], module.look_for_best

    def noted(one: Service, wish: Any, coaches: list[Any], starts: Any) -> Any:
        asked.extend(coaches)
        return look(one, wish, coaches, starts)

    monkeypatch.setattr(module, "look_for_best", noted)
    about: dict[str, Any] = {} if is_page else {"starts_at": NINE.isoformat(), "times": 3}
    address = page(service) if is_page else f"/api/v1/services/{service.pk}/dates"

    assert signed_in(make_member()).get(address, about).status_code == 200

    assert len(asked) == 2


def test_no_more_people_are_looked_for_than_may_come(coach):
    lena = make_member()
    guests = add_guests([f"Guest {n}" for n in range(4)], by=lena)
    service, client = make_weekly(coach, capacity=2), signed_in(lena)
    costs = []

    for who in ([lena.participant, guests[0]], [lena.participant, *guests]):
        about: dict[str, Any] = {"times": 3, "party": "on", "who": [str(one.pk) for one in who]}
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page(service), about).status_code == 200
        costs.append(len(captured))

    assert costs[0] == costs[1]
    body = typed(weekly(3), times=3, price=6_000, more={"party": "on", "who": [str(one.pk) for one in who]})
    assert post(client, service, body).status_code == 422
    assert not Booking.objects.exists()


def test_looks_are_counted_on_the_page_and_by_the_api_together(coach, monkeypatch):
    monkeypatch.setitem(LIMITS, "dates-look", Limit(2, 3_000_000_000))
    service, client = make_weekly(coach), signed_in(make_member())
    address, about = f"/api/v1/services/{service.pk}/dates", {"starts_at": NINE.isoformat(), "times": "3"}

    found = [client.get(one, about) for one in (page(service), address, page(service), address)]

    assert [one.status_code for one in found] == [200, 200, 429, 429]
    assert signed_in(make_member()).get(page(service)).status_code == 200


def test_the_api_shows_the_dates_and_books_those_that_are_agreed_to(coach):
    service, lena, starts = make_weekly(coach), make_member(), weekly(3)
    book_one(service, make_member(), starts[1])
    api = Api(lena)

    asked: dict[str, Any] = {"starts_at": NINE.isoformat(), "times": 3, "weeks": 1}
    seen = api.client.get(f"/api/v1/services/{service.pk}/dates", asked).json()
    agreed = [one["nearest"][0] if one["code"] else one["starts_at"] for one in seen["dates"]]
    body = {
        "service_id": str(service.pk), "starts_at": agreed, "minutes": 60, "coach_id": seen["coach_id"],
        "participant_ids": [str(lena.participant.pk)], "provider": "sandbox", "source": SUCCEEDS,
        "agreed_amount": seen["quote"]["own_share"] + 6_000,
    }  # fmt: skip
    answer = api.post("/slot-series-bookings", body)
    again = api.post("/slot-series-bookings", body)

    assert [one["code"] for one in seen["dates"]] == ["", "slot_taken", ""]
    assert (seen["time_zone"], seen["quote"]["own_share"]) == ("Europe/Berlin", 12_000)
    assert (answer.status_code, len(answer.json()["bookings"])) == (201, 3)
    assert answer.json()["payment"]["amount"] == 18_000
    assert (again.status_code, again.json()["code"]) == (409, "dates_taken")
    assert [one["code"] for one in again.json()["dates"]] == ["slot_taken"] * 3


def test_the_api_says_what_is_booked_one_by_one(coach):
    service = make_weekly(coach, most_in_series=1)
    asked: dict[str, Any] = {"starts_at": NINE.isoformat(), "times": 3}

    answer = Api(make_member()).client.get(f"/api/v1/services/{service.pk}/dates", asked)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_in_series")


def test_a_series_that_somebody_booked_is_seen_by_them_and_its_coach_alone(coach):
    lena = make_member()
    book_series(make_weekly(coach), lena, weekly(3))
    series = Series.objects.get()

    seen = {who: Api(who).client.get(f"/api/v1/series/{series.pk}") for who in (lena, coach, make_admin())}

    assert {(answer.status_code, len(answer.json()["sessions"])) for answer in seen.values()} == {(200, 3)}
    for other in (make_member(), make_coach()):
        assert Api(other).client.get(f"/api/v1/series/{series.pk}").status_code == 404
