"""What must happen once, asked for many times at the same moment."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tenpo.core.invariants import find_faults
from tenpo.orders.tests.make import credit_left, make_credit
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import Invite, User
from tenpo.people.tests.make import make_coach, make_invite, make_member
from tenpo.schedule.models import Booking, Session, SessionCoach
from tenpo.schedule.tests.make import make_session
from tests.at_once import without_constraint
from tests.server import STRANGER, Answer, Request, Server, outcomes, running, with_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

# All of them within the hour of each other.
OFFSET_MINUTES = (0, 5, 10, 20, 30, 45, 55)


def overlapping_sessions(count: int) -> list[Request]:
    """One coach's wish for sessions of an hour, each overlapping all the others."""
    coach = with_key(make_coach())
    first = timezone.now().replace(microsecond=0) + timedelta(days=7)

    def wanted(number: int) -> dict[str, Any]:
        start = first + timedelta(minutes=OFFSET_MINUTES[number % len(OFFSET_MINUTES)])
        return {
            "title": f"Session {number}",
            "starts_at": start.isoformat(),
            "minutes": 60,
            "time_zone": "Europe/Berlin",
            "place": "Studio",
            "capacity": 8,
            "price": 0,
        }

    return [coach.call("POST", "/sessions", wanted(number)) for number in range(count)]


def test_one_coach_teaches_one_session_at_a_time(server):
    answers = server.at_once(overlapping_sessions(200))

    assert outcomes(answers)["overlap"] == 199
    assert [answer.status for answer in answers].count(201) == 1
    assert Session.objects.count() == 1


@pytest.mark.control
def test_one_coach_control(server):
    """Without the constraint, the coach is wanted everywhere at once."""
    with without_constraint("schedule_sessioncoach", "session_coach_never_in_two_at_once"):
        answers = server.at_once(overlapping_sessions(20))
        faults = {finding.name for finding in find_faults()}
        # The constraint cannot come back beside rows that break it.
        with transaction.atomic():
            SessionCoach.objects.all().delete()
            Session.objects.all().delete()

    assert [answer.status for answer in answers] == [201] * 20
    assert "coach-teaches-one-session-at-a-time" in faults


def bookings_by_credit(count: int) -> tuple[User, list[Request]]:
    """Somebody whose credit pays for one of many sessions, and their wish for all of them."""
    member = make_member()
    make_credit(member, 4_000)
    caller = with_key(member)
    sessions = [make_session(price=4_000) for _ in range(count)]
    return member, [
        caller.call("POST", "/bookings", {"session_id": str(session.pk), "agreed_amount": 0}) for session in sessions
    ]


def test_one_credit_is_spent_once(server):
    member, wanted = bookings_by_credit(50)

    found = outcomes(server.at_once(wanted))

    assert found == {"confirmed": 1, "price_changed": 49}
    assert credit_left(member) == 0


@pytest.mark.control
def test_one_credit_control():
    """Without the lock and the constraint on the balance, one credit pays for more than there is."""
    member, wanted = bookings_by_credit(2)

    with (
        running(program="tests.unguarded price") as server,
        without_constraint("ledger_account", "account_never_below_zero"),
    ):
        found = outcomes(server.at_once(wanted))

    assert found == {"confirmed": 2}
    assert credit_left(member) == -4_000
    assert "balance-is-never-below-zero" in {finding.name for finding in find_faults()}


def same_answer(server: Server, request: Request, answers: list[Answer]) -> Answer:
    """The one answer that all got or, where the first call was still running, get when they ask again."""
    busy = [answer for answer in answers if answer.outcome == "idempotency_key_in_use"]
    given = [answer for answer in answers if answer not in busy]
    given += [server.ask(request) for _ in busy[:10]]
    assert {answer.status for answer in busy} <= {409}
    assert len({(answer.status, answer.text) for answer in given}) == 1
    return given[0]


def test_one_key_has_one_effect_and_one_answer(server):
    member, session = make_member(), make_session()
    body = {"session_id": str(session.pk), "provider": "sandbox", "source": SUCCEEDS}
    request = with_key(member).call("POST", "/bookings", body, key="one and the same")

    answers = server.at_once([request] * 200)

    answer = same_answer(server, request, answers)
    assert (answer.status, answer.outcome) == (201, "confirmed")
    assert sum("idempotent-replayed" not in one.headers for one in answers if one.status == 201) == 1
    assert Booking.objects.get().pk.hex == answer.json["id"].replace("-", "")
    assert Payment.objects.get().state == Payment.State.SUCCEEDED


def test_one_key_has_one_refusal(server):
    """A refusal is kept as an effect is, though what it refused is possible by now."""
    member, session = make_member(), make_session(capacity=1, price=0)
    taken = server.ask(with_key(make_member()).call("POST", "/bookings", {"session_id": str(session.pk)}))
    caller = with_key(member)
    request = caller.call("POST", "/bookings", {"session_id": str(session.pk)}, key="one and the same")

    answers = server.at_once([request] * 50)
    assert same_answer(server, request, answers).outcome == "full"
    Session.objects.update(capacity=2)

    assert taken.status == 201
    assert server.ask(request).outcome == "full"
    assert server.ask(caller.call("POST", "/bookings", {"session_id": str(session.pk)})).outcome == "confirmed"


@pytest.mark.control
def test_one_key_control():
    """When keys are not claimed, whoever sends a call again gets another answer."""
    member, session = make_member(), make_session(price=0)
    request = with_key(member).call("POST", "/bookings", {"session_id": str(session.pk)}, key="one and the same")

    with running(program="tests.unguarded idempotency") as server:
        answers = server.at_once([request] * 20)

    assert outcomes(answers) == {"confirmed": 1, "already_booked": 19}


def acceptances(token: str, count: int) -> list[Request]:
    """As many people with one link, each at a place of their own."""
    body = {"name": "Lena", "password": "four words put together"}
    return [
        STRANGER.at(f"10.1.{number // 250}.{number % 250}").call("POST", f"/invites/{token}/acceptance", body)
        for number in range(count)
    ]


def bare_link_acceptances(token: str, count: int) -> list[Request]:
    """The same by a link without an address, so that each names another one."""
    return [
        STRANGER.at(f"10.1.0.{number}").call(
            "POST",
            f"/invites/{token}/acceptance",
            {"name": "Lena", "password": "four words put together", "email": f"lena{number}@example.com"},
        )
        for number in range(count)
    ]


def test_one_invite_makes_one_account(server):
    _, token = make_invite("lena@example.com")
    people = User.objects.count()

    answers = server.at_once(acceptances(token, 100))

    assert outcomes(answers) == {"201": 1, "not_found": 99}
    assert User.objects.count() == people + 1
    assert Invite.objects.get().accepted_by.email == "lena@example.com"


@pytest.mark.control
def test_one_invite_control():
    """Without the lock, one link lets in whoever comes while it is being used."""
    invite, token = make_invite("lena@example.com")
    Invite.objects.filter(pk=invite.pk).update(email="")
    people = User.objects.count()

    with running(program="tests.unguarded invite") as server:
        answers = server.at_once(bare_link_acceptances(token, 2))

    assert outcomes(answers) == {"201": 2}
    assert User.objects.count() == people + 2
