"""A time with a coach for several, at the group's price: one session, one order, together or not at all."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.slots import book_slot_places
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import HOUR, NINE, everything, starts, working_coach
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.core.errors import RuleError
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, make_cancellation_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import Participant, User
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.queries import bookable_participants
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.time_make import make_service
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

# Alone 60, and 100 for three together, which does not divide.
PRICES = {1: 6_000, 3: 10_000}


@pytest.fixture
def coach() -> User:
    return working_coach()


def make_group_service(coach: User, **terms: Any) -> Service:
    values: dict[str, Any] = {"prices": PRICES, "capacity": 4, **terms}
    return make_service(coach, **values)


def book(service: Service, host: User, *names: str, at: Any = NINE) -> list[Booking]:
    party = [host.participant, *add_guests(names, by=host)]
    return book_slot_places(
        service, starts_at=at, minutes=60, participants=party, by=host, provider="sandbox", source=SUCCEEDS
    )


def refusal_of(service: Service, host: User, *names: str, at: Any = NINE) -> RuleError:
    add_guests(names, by=host)
    before = everything()
    with pytest.raises(RuleError) as refusal:
        book(service, host, *names, at=at)
    assert everything() == before
    return refusal.value


def test_three_share_the_price_of_three_to_the_cent(coach):
    lena = make_member()

    booked = book(make_group_service(coach), lena, "Mia", "Ben")

    assert [one.line.price for one in booked] == [3_334, 3_333, 3_333]
    session = Session.objects.get()
    assert (session.capacity, session.seats_taken, session.is_private) == (3, 3, True)
    assert {one.session_id for one in booked} == {session.pk}
    assert Order.objects.count() == 1
    assert Payment.objects.get().amount == 10_000
    assert {one.state for one in booked} == {"confirmed"}


@pytest.mark.parametrize(("names", "whole"), [((), 6_000), (("Mia",), 12_000), (("Mia", "Ben", "Tim"), 13_333)])
def test_of_a_size_without_a_price_the_next_smaller_one_holds(coach, names, whole):
    booked = book(make_group_service(coach), make_member(), *names)

    assert Payment.objects.get().amount == whole
    assert sum(one.line.price for one in booked if one.line) == whole


def test_more_than_it_is_for_are_refused(coach):
    refusal = refusal_of(make_group_service(coach, capacity=2, prices={1: 6_000}), make_member(), "Mia", "Ben")

    assert (refusal.code, str(refusal)) == ("too_many_people", "It is for 2 people at most.")


def test_it_is_free_for_all_of_them_or_for_none(coach):
    service, lena = make_group_service(coach), make_member()
    elsewhere = make_session(price=0)
    set_times(Session.objects.filter(pk=elsewhere.pk), starts_at=NINE, ends_at=NINE + HOUR)
    book_places(elsewhere, participants=add_guests(["Mia"], by=lena), by=lena)

    refusal = refusal_of(service, lena, "Mia")

    assert refusal.code == "participant_elsewhere"
    assert NINE + HOUR in refusal.facts["nearest"]
    assert NINE not in refusal.facts["nearest"]
    assert len(book(service, lena, "Mia", at=NINE + HOUR)) == 2


def test_who_has_as_many_as_one_may_stops_the_others(coach):
    service, lena = make_group_service(coach, most_per_day=1), make_member()
    party = add_guests(["Mia"], by=lena)
    book_slot_places(
        service, starts_at=NINE, minutes=60, participants=party, by=lena, provider="sandbox", source=SUCCEEDS
    )

    assert refusal_of(service, lena, "Mia", at=NINE + HOUR).code == "too_many"
    assert len(book(service, lena, at=NINE + HOUR)) == 1


def test_one_may_leave_and_the_time_stays_until_the_last_has(coach):
    lena = make_member()
    booked = book(make_group_service(coach), lena, "Mia", "Ben")

    cancel_booking(booked[1], by=lena)

    session = Session.objects.get()
    assert (session.is_planned, session.seats_taken) == (True, 2)
    assert credit_left(lena) == 3_333
    # The seat is nobody's to book: they come together.
    with pytest.raises(RuleError) as refused:
        book_places(session, participants=add_guests(["Tim"], by=lena), by=lena, provider="sandbox", source=SUCCEEDS)
    assert refused.value.code == "private_session"
    cancel_booking(booked[0], by=lena)
    cancel_booking(booked[2], by=lena)
    assert credit_left(lena) == 10_000
    assert Session.objects.get().status == "cancelled"


def test_it_moves_with_all_of_them_and_not_where_one_cannot(coach):
    lena = make_member()
    policy = make_cancellation_policy((24, 100), reschedules=2)
    booked = book(make_group_service(coach, cancellation_policy=policy), lena, "Mia")
    elsewhere = make_session(price=0)
    set_times(Session.objects.filter(pk=elsewhere.pk), starts_at=NINE + 2 * HOUR, ends_at=NINE + 3 * HOUR)
    book_places(elsewhere, participants=add_guests(["Mia"], by=lena), by=lena)

    with pytest.raises(RuleError) as refused:
        move_slot(booked[0], starts_at=NINE + 2 * HOUR, by=lena)
    assert refused.value.code == "participant_elsewhere"
    move_slot(booked[0], starts_at=NINE + HOUR, by=lena)

    found = Booking.objects.filter(pk__in=[one.pk for one in booked])
    assert {(one.starts_at, one.reschedules) for one in found} == {(NINE + HOUR, 1)}
    assert Session.objects.get(pk=booked[0].session_id).starts_at == NINE + HOUR


def test_the_notice_holds_for_guests_too(coach):
    """Whoever books for their own guests is no host."""
    service, lena = make_group_service(coach, notice_minutes=60 * 24 * 60), make_member()
    [mia] = add_guests(["Mia"], by=lena)
    since, until = NINE.isoformat(), (NINE + timedelta(days=1)).isoformat()

    shown = Api(lena).client.get(
        f"/api/v1/services/{service.pk}/slots", {"since": since, "until": until, "participant_id": str(mia.pk)}
    )

    assert shown.json()["items"] == []
    assert refusal_of(service, lena, "Mia").code == "slot_not_offered"


def test_a_coach_books_for_clients_and_not_for_whom_they_bring(coach):
    service, lena = make_group_service(coach), make_member()
    booked = book(service, lena, "Mia")

    for one in booked[1:]:
        with pytest.raises(PermissionDenied):
            book_slot_places(
                service, starts_at=NINE + HOUR, minutes=60, participants=[one.participant], by=coach,
                provider="sandbox", source=SUCCEEDS,
            )  # fmt: skip
    assert booked[1].participant not in bookable_participants(coach)
    assert lena.participant in bookable_participants(coach)


@pytest.mark.django_db(transaction=True)
def test_two_parties_for_one_time_never_share_it(coach):
    service = make_group_service(coach)
    hosts = [make_member() for _ in range(4)]
    for host in hosts:
        add_guests(["Mia", "Ben"], by=host)

    found = at_once([partial(book, service, host, "Mia", "Ben") for host in hosts])

    assert outcomes([len(one) if isinstance(one, list) else one for one in found]) == {"3": 1, "slot_taken": 3}
    assert Booking.objects.count() == 3
    assert "09:00" not in starts(service)


def test_the_page_asks_who_comes_and_shows_the_groups_price(coach):
    service, lena = make_group_service(coach), make_member()
    make_booking(make_session(price=0), lena)
    client = Client()
    client.force_login(lena)
    found = client.get(f"/book/{service.pk}/?on={NINE:%Y-%m-%d}").content.decode().split('"')
    address = next(part for part in found if part.startswith(f"/book/{service.pk}/2"))
    typed = {"party": "on", "who": [str(lena.participant.pk)], "names": "Mia\nBen"}

    shown = client.get(address, typed).content.decode()
    answer = client.post(address, {**typed, "provider": "sandbox", "test_card": SUCCEEDS, "agreed": 10_000})

    assert "€100" in shown
    assert answer.status_code == 302, answer.content.decode()
    assert Booking.objects.filter(session__service=service, state="confirmed").count() == 3


def test_the_page_says_who_takes_part_and_no_price_for_more_than_may_come(coach):
    service, lena = make_group_service(coach, capacity=2, prices={1: 6_000}), make_member("Lena")
    mia, ben = add_guests(["Mia", "Ben"], by=lena)
    client = Client()
    client.force_login(lena)
    address = f"/book/{service.pk}/{start_name(NINE)}/"

    def shown(*people: Participant, names: str = "") -> tuple[str, bool, str]:
        typed = {"party": "on", "who": [str(one.pk) for one in people], "names": names}
        page = client.get(address, typed).content.decode()
        [who] = re.findall(r'<div id="who">(.*?)</div>', page, re.DOTALL)
        [taking_part] = re.findall(r"<dt>Who takes part</dt><dd>([^<]*)</dd>", who) or [""]
        assert 'hx-select-oob="#party-limit,#pays,#acts,#who"' in page
        [button] = re.findall(r'<button type="submit" class="button primary"([^>]*)>', page)
        assert (button == " disabled") == ("come together" in page)
        return taking_part, "€" in page, re.sub(r"\s+", " ", page)

    assert shown(mia, ben)[:2] == ("Ben, Mia", True)
    assert shown(mia, names="Ada\n  mia\nada")[:2] == ("Mia, Ada", True)
    who, has_price, page = shown(lena.participant, mia, ben)
    assert (who, has_price) == ("Lena, Ben, Mia", False)
    assert "At most 2 come together; these are 3." in page
    three = [str(one.pk) for one in (lena.participant, mia, ben)]
    refused = client.post(address, {"party": "on", "who": three, "agreed": 1})
    assert refused.status_code == 422
    assert not Booking.objects.filter(booked_by=lena).exists()


def test_the_api_books_a_time_for_several(coach):
    service, lena = make_group_service(coach), make_member()
    [mia] = add_guests(["Mia"], by=lena)
    body = {
        "service_id": str(service.pk), "starts_at": NINE.isoformat(), "minutes": 60, "provider": "sandbox",
        "source": SUCCEEDS, "participant_ids": [str(lena.participant.pk), str(mia.pk)],
    }  # fmt: skip

    answer = Api(lena).post("/group-slot-bookings", body)

    assert (answer.status_code, answer.json()["payment"]["amount"]) == (201, 12_000)
    assert [one["participant_id"] for one in answer.json()["bookings"]] == body["participant_ids"]
