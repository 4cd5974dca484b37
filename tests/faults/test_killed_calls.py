"""A web process killed in the middle of a call: sent again, it has one effect and the first one's answer."""

import http.client
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.functions import Now

from tenpo.access.models import IdempotencyKey
from tenpo.checkout.tests.make import make_booking, make_manual
from tenpo.ledger.models import Transfer
from tenpo.orders.models import Order
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tests.faults.web import deaths
from tests.server import Answer, Request, Server, running, with_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

# Where the process dies: the booking and its payment are made, the provider has the money, everything is settled.
PLACES = ["made", "charged", "settled"]
BACK_SECONDS = 10
BY_CARD = {"provider": "sandbox", "source": SUCCEEDS}


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    with django_db_blocker.unblock(), running(program="tests.faults.web") as one:
        deaths(one.folder).mkdir()
        yield one


def ask_again(server: Server, request: Request, place: str) -> Answer:
    """Send a call whose process dies, let the minute pass for which it may be running, and send the call again."""
    (deaths(server.folder) / place).touch()
    with pytest.raises((OSError, http.client.HTTPException)):
        server.ask(request)
    assert not list(deaths(server.folder).iterdir())
    IdempotencyKey.objects.filter(status=None).update(locked_until=Now())
    return ask_until_answered(server, request)


def ask_until_answered(server: Server, request: Request) -> Answer:
    """Send a call again, as clients do, while the connections that the dead process held are still being broken."""
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        try:
            return server.ask(request)
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline, "the service is not back"
            time.sleep(0.2)


def shape(said: Any, name: str = "") -> Any:
    """What an answer says; of ids, numbers and times only that they are there, since each booking has its own."""
    if isinstance(said, dict):
        return {key: shape(value, key) for key, value in said.items()}
    return bool(said) if name.endswith(("id", "_at", "_until")) or name == "number" else said


def check_one_effect() -> None:
    booking, payment = Booking.objects.get(state=Booking.State.CONFIRMED), Payment.objects.get(state="succeeded")
    assert booking.line
    assert payment.order_id == booking.line.order_id == Order.objects.get(state=Order.State.PAID).pk
    assert SandboxCharge.objects.filter(state="succeeded").count() == 1
    assert Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == 1


@pytest.mark.parametrize("place", PLACES)
def test_a_seat_is_booked_once(server, place):
    request, untouched = (
        with_key(make_member()).call("POST", "/bookings", {"session_id": str(make_session(title="Yoga").pk), **BY_CARD})
        for _ in range(2)
    )

    answer = ask_again(server, request, place)

    assert (answer.status, answer.outcome) == (201, "confirmed")
    check_one_effect()
    assert answer.json["id"] == str(Booking.objects.get().pk)
    assert server.ask(request).text == answer.text
    assert shape(server.ask(untouched).json) == shape(answer.json)


@pytest.mark.parametrize("place", PLACES)
def test_a_held_seat_is_paid_once(server, place):
    member = make_member()
    held = make_booking(make_session(), member, card=DECLINED)
    request = with_key(member).call("POST", f"/bookings/{held.pk}/payment", BY_CARD)

    answer = ask_again(server, request, place)

    assert (answer.status, answer.outcome) == (200, "confirmed")
    assert answer.json["payment"]["state"] == "succeeded"
    check_one_effect()


@pytest.mark.parametrize("place", PLACES)
def test_an_offer_is_taken_once(server, place):
    session, member = make_session(capacity=1), make_member()
    first = make_booking(session, make_member(), card=DECLINED)
    offered = join_waitlist(session, participant=member.participant, by=member)
    cancel_booking(first, by=first.booked_by)
    request = with_key(member).call("POST", f"/bookings/{offered.pk}/offer-acceptance", BY_CARD)

    answer = ask_again(server, request, place)

    assert (answer.status, answer.outcome) == (200, "confirmed")
    check_one_effect()


def test_a_cancellation_whose_answer_was_not_kept_has_not_happened(server):
    member = make_member()
    booking = make_booking(make_session(), member)

    answer = ask_again(server, with_key(member).call("POST", f"/bookings/{booking.pk}/cancellation"), "written")

    assert (answer.status, answer.outcome) == (200, "cancelled")
    assert Transfer.objects.filter(kind=Transfer.Kind.CREDIT_ISSUE).count() == 1


def test_a_place_on_the_waitlist_is_given_once(server):
    session, member = make_session(capacity=1), make_member()
    make_booking(session, make_member())

    answer = ask_again(server, with_key(member).call("POST", f"/sessions/{session.pk}/waitlist"), "written")

    assert (answer.status, answer.outcome, answer.json["position"]) == (201, "waitlisted", 1)


def test_money_is_marked_once(server):
    make_manual(make_coach())
    payment = Payment.objects.get()

    answer = ask_again(server, with_key(make_admin()).call("POST", f"/payments/{payment.pk}/confirmation"), "written")

    assert (answer.status, answer.outcome) == (200, "succeeded")
    assert Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == 1


@pytest.mark.control
def test_a_repeat_that_does_not_know_its_call_is_refused(server):
    """What the same death does to somebody whose second call goes by another key."""
    caller, body = with_key(make_member()), {"session_id": str(make_session().pk), **BY_CARD}
    (deaths(server.folder) / "settled").touch()
    with pytest.raises((OSError, http.client.HTTPException)):
        server.ask(caller.call("POST", "/bookings", body))

    assert ask_until_answered(server, caller.call("POST", "/bookings", body)).outcome == "already_booked"
