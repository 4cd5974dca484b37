"""One of several who were booked together: its page, and what it says where only one of them is cancelled or moved."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.queries.series import Scope, places_in_series
from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.test_book_series import book, make_dates, party_of, taken
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.tests.make import credit_left, make_cancellation_policy
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_member, signed_in
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def booked_together(*names: str, **terms: Any) -> tuple[User, Session, list[Booking]]:
    """Somebody who booked a session for themselves and for each of these."""
    lena, session = make_member("Lena"), make_session(price=2_000, capacity=5, **terms)
    return lena, session, book([session], lena, *names)


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def said_last(user: User) -> str:
    told(user)
    notice = Notification.objects.filter(user=user).latest("id")
    return say(notice.kind, notice.payload).title


def test_the_page_of_one_links_to_those_who_come_with_them():
    lena, session, [own, obi, ada] = booked_together("Obi", "Ada")
    make_booking(session, make_member("Nadia"))

    found = text_of(signed_in(lena), f"/bookings/{obi.pk}/")

    assert f'<a href="/bookings/{own.pk}/">Lena</a>, <a href="/bookings/{ada.pk}/">Ada</a>' in found
    assert "Cancel for Obi" in found
    assert "Nadia" not in found
    alone = text_of(signed_in(make_booking(session, make_member()).booked_by), f"/sessions/{session.pk}/")
    assert "Comes with" not in alone


def test_cancelling_one_says_who_stays_and_offers_all():
    lena, session, [own, obi, ada] = booked_together("Obi", "Ada")
    client = signed_in(lena)

    found = text_of(client, f"/bookings/{obi.pk}/cancel/")
    own_page = text_of(client, f"/bookings/{own.pk}/cancel/")

    assert "Only the place of Obi is given up. Still booked: Lena and Ada." in found
    assert "Only your own place is given up. Still booked: Obi and Ada." in own_page
    address = f"/bookings/{obi.pk}/cancel/following/?scope=this&who=all"
    assert address.replace("&", "&amp;") in found
    assert "Give up all 3 places" in found
    all_of_them = text_of(client, address)
    assert "You get €60.00 back as credit." in all_of_them
    assert "This and the following" not in all_of_them
    assert client.post(address, {"agreed": 2_000}).status_code == 409
    assert taken([session]) == [3]

    answer = client.post(address, {"agreed": 6_000}, follow=True)

    assert "3 places are given up: Lena, Obi, Ada." in answer.content.decode()
    assert (taken([session]), credit_left(lena)) == ([0], 6_000)
    assert said_last(lena) == f"Your places are given up: {session.title}, for Lena, Obi, Ada"
    assert told(lena).count("booking.given_up") == 1
    assert cancel_in_series(ada, scope=Scope.THIS, by=lena, whole_party=True) == []


def test_one_alone_is_given_up_for_whom_it_was():
    lena, session, [_own, obi] = booked_together("Obi")

    signed_in(lena).post(f"/bookings/{obi.pk}/cancel/", {"agreed": 2_000})

    assert taken([session]) == [1]
    assert said_last(lena) == f"Your place is given up: {session.title}, for Obi"


def test_what_others_booked_stays():
    lena, session, [own, _obi] = booked_together("Obi")
    nadia = make_booking(session, make_member("Nadia"))

    cancel_in_series(own, scope=Scope.THIS, by=lena, whole_party=True)

    assert Booking.objects.get(pk=nadia.pk).state == "confirmed"
    assert taken([session]) == [1]


def test_of_a_series_it_says_whose_and_offers_both():
    lena, dates = make_member("Lena"), make_dates(2)
    party = party_of(lena, "Ada", "Obi")[1:]
    booked = book_places(*dates, participants=party, by=lena, provider="sandbox", source=SUCCEEDS)
    of_ada = next(one for one in booked if one.participant == party[0])
    client, address = signed_in(lena), f"/bookings/{of_ada.pk}/cancel/following/"

    of_one = text_of(client, f"{address}?scope=all")
    of_both = text_of(client, f"{address}?scope=all&who=all")

    assert "Only Ada" in of_one
    assert "You get €40.00 back as credit." in of_one
    assert "Ada and Obi" in of_both
    assert "You get €80.00 back as credit." in of_both
    answer = client.post(f"{address}?scope=all", {"agreed": 4_000}, follow=True).content.decode()
    assert "2 places are given up: Ada." in answer
    assert said_last(lena) == "Your places are given up: Yoga, 2 dates, for Ada"
    assert taken(dates) == [1, 1]


def test_the_api_gives_up_the_whole_party():
    lena, session, [own, _obi] = booked_together("Obi")
    api, path = Api(lena), f"/bookings/{own.pk}/following/cancellation"

    seen = api.get(f"{path}?scope=this&whole_party=true").json()
    gone = api.post(path, {"scope": "this", "whole_party": True, "agreed_back": seen["back"]})

    assert (seen["back"], len(gone.json()["booking_ids"])) == (4_000, 2)
    assert taken([session]) == [0]


def test_moving_one_says_for_whom_it_stays():
    policy = make_cancellation_policy((24, 100), reschedules=1)
    lena, session, [_own, obi] = booked_together("Obi", policy=policy)
    make_session(session.coach, starts_in=timedelta(days=9), price=2_000, capacity=5)

    found = text_of(signed_in(lena), f"/bookings/{obi.pk}/move/")

    assert "Only the place of Obi is moved. It stays as it is for: Lena." in found


def test_those_who_come_with_it_are_those_of_the_same_scope():
    lena, dates = make_member("Lena"), make_dates(3)
    booked = book(dates, lena, "Obi")

    def dates_of(scope: Scope, *, whole: bool) -> int:
        return len(places_in_series(booked[2], scope, whole_party=whole))

    assert [dates_of(scope, whole=False) for scope in Scope] == [1, 2, 3]
    assert [dates_of(scope, whole=True) for scope in Scope] == [2, 4, 6]
