"""A time that is asked for by several: one request, one answer, and by a yes one order for all of them."""

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.test import Client

from tenpo.access.actions.idempotency import Call
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.requests import approve_request, decline_request
from tenpo.checkout.actions.slots import book_slot_places
from tenpo.checkout.tests.make import told
from tenpo.checkout.tests.slot_make import NINE, starts, working_coach
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.checkout.tests.test_series_pages import signed_in
from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.services import edit_service
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.request_queries import requests_for
from tenpo.schedule.tests.time_make import make_service
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
PRICES = {1: 6_000, 3: 10_000}


@pytest.fixture
def coach() -> User:
    return working_coach()


@pytest.fixture
def service(coach: User) -> Service:
    return make_service(coach, needs_approval=True, prices=PRICES, capacity=4)


def ask(service: Service, member: User, *names: str, at: datetime = NINE, **how: Any) -> list[Booking]:
    party = [member.participant, *add_guests(names or ("Mia", "Ben"), by=member)]
    return book_slot_places(service, starts_at=at, minutes=60, participants=party, by=member, **how)


def states() -> list[str]:
    return list(Booking.objects.order_by("id").values_list("state", flat=True))


def test_a_request_of_three_holds_the_time_and_is_asked_once(service, coach):
    lena = make_member(name="Lena")

    asked = ask(service, lena)

    assert [(one.state, one.awaits_approval, one.line) for one in asked] == [("held", True, None)] * 3
    assert len({one.held_until for one in asked}) == 1
    assert (Session.objects.get().seats_taken, Order.objects.count()) == (3, 0)
    assert "09:00" not in starts(service)
    assert (told(coach), told(lena)) == (["coach.requested"], [])
    assert list(requests_for(coach)) == [asked[0]]


def test_a_yes_is_one_order_at_the_price_of_the_request_which_is_then_paid(service, coach):
    lena = make_member()
    asked = ask(service, lena)
    # What it costs by now is not what was asked for.
    edit_service(service, by=coach, prices={1: 9_000})

    approved = approve_request(asked[1], by=coach)
    again = approve_request(asked[0], by=coach)

    assert (approved.state, again.state, states()) == ("held", "held", ["held"] * 3)
    order = Order.objects.get()
    assert sorted(order.lines.values_list("price", flat=True)) == [3_333, 3_333, 3_334]
    assert not Payment.objects.exists()
    assert told(lena) == ["booking.approved"]
    assert list(requests_for(coach)) == []

    paid = pay_booking(Booking.objects.get(pk=asked[2].pk), by=lena, provider="sandbox", source=SUCCEEDS)

    assert (paid.state, states()) == ("confirmed", ["confirmed"] * 3)
    assert Payment.objects.get().amount == 10_000
    assert told(lena) == ["booking.approved", "booking.confirmed"]


def test_a_yes_books_at_once_what_needs_no_money(service, coach):
    lena = make_member()
    make_share_policy(percent=90)
    make_credit(lena, 2_000)

    approve_request(ask(service, lena)[0], by=coach)

    assert states() == ["confirmed"] * 3
    # A tenth of 3334, 3333 and 3333, each rounded to 333.
    assert credit_left(lena) == 2_000 - 999
    assert told(lena) == ["booking.confirmed"]


def test_what_is_not_paid_after_the_yes_goes_whole(service, coach):
    lena = make_member()
    make_credit(lena, 1_000)
    asked = ask(service, lena)
    approve_request(asked[0], by=coach)
    assert (credit_left(lena), told(lena)) == (0, ["booking.approved"])
    pay_booking(Booking.objects.get(pk=asked[0].pk), by=lena, provider="sandbox", source=DECLINED)

    Booking.objects.update(held_until="2020-01-01T00:00:00Z")

    assert release_lapsed_everywhere() == 3
    assert (states(), Session.objects.get().status) == (["cancelled"] * 3, "cancelled")
    assert (credit_left(lena), Order.objects.get().state) == (1_000, Order.State.VOID)
    assert told(lena) == ["booking.approved", "payment.failed", "booking.hold_lapsed"]


def test_a_no_is_for_all_of_them(service, coach):
    lena = make_member()
    asked = ask(service, lena)

    declined = decline_request(asked[1], word="Too many.", by=coach)
    decline_request(asked[0], by=coach)

    assert (declined.state, states(), Session.objects.get().status) == ("cancelled", ["cancelled"] * 3, "cancelled")
    assert told(lena) == ["booking.declined"]
    assert "09:00" in starts(service)
    with pytest.raises(RuleError) as refused:
        approve_request(asked[2], by=coach)
    assert refused.value.code == "not_requested"


def test_what_nobody_answers_is_over_for_all_of_them(service, coach):
    lena = make_member()
    asked = ask(service, lena)
    Booking.objects.update(held_until="2020-01-01T00:00:00Z")

    with pytest.raises(RuleError) as refused:
        approve_request(asked[0], by=coach)

    assert refused.value.code == "not_requested"
    assert release_lapsed_everywhere() == 3
    assert (states(), Session.objects.get().status) == (["cancelled"] * 3, "cancelled")
    assert told(lena) == ["booking.request_lapsed"]


@pytest.mark.parametrize("who", ["member", "coach", "called off"])
def test_it_is_given_up_as_one(service, coach, who):
    lena = make_member()
    asked = ask(service, lena)

    if who == "called off":
        cancel_session(asked[0].session, reason="Ill", by=coach)
    else:
        cancel_booking(asked[1], by=lena if who == "member" else coach)

    assert (states(), Session.objects.get().status) == (["cancelled"] * 3, "cancelled")
    assert told(lena) == {
        "member": [], "coach": ["booking.cancelled_by_host"], "called off": ["session.cancelled"],
    }[who]  # fmt: skip


def test_several_who_agreed_to_another_price_ask_for_nothing(service):
    lena = make_member()
    make_credit(lena, 90_000)

    with pytest.raises(RuleError) as refusal:
        ask(service, lena, agreed=1)

    assert (refusal.value.code, Booking.objects.count()) == ("price_changed", 0)
    assert len(ask(service, lena, agreed=0)) == 3


def test_a_call_that_died_finds_its_request(service):
    lena, call_id = make_member(), new_id()
    asked = ask(service, lena, call=Call(call_id, is_again=False))

    again = ask(service, lena, call=Call(call_id, is_again=True))

    assert asked[0].pk == call_id
    assert [one.pk for one in again] == [one.pk for one in asked]


@pytest.mark.parametrize("answer", [approve_request, decline_request])
def test_a_call_that_died_finds_its_request_after_the_answer(service, coach, answer):
    lena, call_id = make_member(), new_id()
    asked = ask(service, lena, call=Call(call_id, is_again=False))
    answer(asked[0], by=coach)

    again = ask(service, lena, call=Call(call_id, is_again=True))

    assert [one.pk for one in again] == [one.pk for one in asked]
    assert Booking.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_yes_and_a_no_at_once_are_one_of_them_for_all(service, coach):
    lena = make_member()
    make_share_policy(percent=100)
    asked = ask(service, lena)

    found = at_once([partial(approve_request, asked[0], by=coach), partial(decline_request, asked[2], by=coach)] * 2)

    assert sum(outcomes(found).values()) == 4
    assert states() in (["confirmed"] * 3, ["cancelled"] * 3)
    assert Order.objects.count() == (states()[0] == "confirmed")


def test_the_pages_show_all_who_ask_and_what_they_come_to(service, coach):
    lena = make_member(name="Lena")
    asked = ask(service, lena)
    client = signed_in(coach)

    listed = client.get("/teaching/requests/").content.decode()
    shown = client.get(f"/teaching/requests/{asked[0].pk}/").content.decode()
    answer = client.post(f"/teaching/requests/{asked[0].pk}/", {"answer": "yes"})

    assert listed.count("Lena, Mia, Ben") == 1
    assert "Lena, Mia, Ben" in shown
    assert "€100" in shown
    assert answer.status_code == 302
    pays = signed_in(lena)
    page = pays.get(f"/bookings/{asked[0].pk}/pay/").content.decode()
    assert "Mia" in page
    paid = pays.post(f"/bookings/{asked[0].pk}/pay/", {"provider": "sandbox", "test_card": SUCCEEDS, "agreed": 10_000})
    assert (paid.status_code, states()) == (302, ["confirmed"] * 3)


def test_the_page_of_the_time_asks_for_all_of_them(service):
    lena = make_member()
    client = Client()
    client.force_login(lena)
    found = client.get(f"/book/{service.pk}/?on={NINE:%Y-%m-%d}").content.decode().split('"')
    address = next(part for part in found if part.startswith(f"/book/{service.pk}/2"))
    typed = {"party": "on", "who": [str(lena.participant.pk)], "names": "Mia\nBen"}

    answer = client.post(address, {**typed, "provider": "sandbox", "test_card": SUCCEEDS, "agreed": 10_000})

    assert answer.status_code == 302, answer.content.decode()
    assert states() == ["held"] * 3
    shown = client.get(answer["Location"]).content.decode()
    assert "Mia" in shown
    assert "Ben" in client.get(f"/bookings/{Booking.objects.earliest('id').pk}/cancel/").content.decode()


def test_the_api_asks_for_all_of_them_and_pays_after_the_yes(service, coach):
    lena = make_member()
    [mia] = add_guests(["Mia"], by=lena)
    api = Api(lena)
    body = {
        "service_id": str(service.pk), "starts_at": NINE.isoformat(), "minutes": 60,
        "participant_ids": [str(lena.participant.pk), str(mia.pk)],
    }  # fmt: skip

    asked = api.post("/group-slot-bookings", body)
    first = asked.json()["bookings"][0]["id"]
    approved = Api(coach).post(f"/bookings/{first}/approval", {})
    paid = api.post(f"/bookings/{first}/payment", {"provider": "sandbox", "source": SUCCEEDS})

    assert (asked.status_code, asked.json()["order_id"], asked.json()["payment"]) == (201, None, None)
    assert [one["awaits_approval"] for one in asked.json()["bookings"]] == [True, True]
    assert (approved.status_code, approved.json()["state"]) == (200, "held")
    assert (paid.json()["state"], states()) == ("confirmed", ["confirmed"] * 2)
