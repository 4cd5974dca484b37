"""Many who spend at once: no wallet is overdrawn, and everybody has what the answers come to."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenpo.core.invariants import find_faults
from tenpo.ledger.models import Account
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.payments.tests.make import make_wallet_money
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.session_coaches import write_sessions
from tenpo.schedule.models import Session
from tests.at_once import without_constraint
from tests.money_clients import Client, Shop, Told, Wish, differing, make_shop, told_by
from tests.server import Request, Server, outcomes, running, with_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

CLIENTS, OF_EACH = 20, 50
# One call in so many is sent twice at the same moment, under one key.
SENT_TWICE = 10


@pytest.fixture(scope="module")
def patient_server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    """One person does not book and pay so often within minutes; here they may."""
    with django_db_blocker.unblock(), running(program="tests.unguarded limits") as one:
        yield one


def one_wallet(bought: int, seats: int) -> tuple[User, list[Request]]:
    """Somebody with a wallet, and their wish for so many seats at 1.00, from the wallet alone."""
    member, coach, policy = make_member(), make_coach(), make_cancellation_policy()
    make_wallet_money(member, bought)
    starts = [timezone.now() + timedelta(days=2, hours=number) for number in range(seats)]
    sessions = write_sessions([
        Session(
            coach=coach, title="Session", starts_at=start, ends_at=start + timedelta(minutes=45),
            time_zone="Europe/Berlin", place="Room 1", capacity=1, price=100, currency="EUR",
            cancellation_policy=policy,
        )
        for start in starts
    ])  # fmt: skip
    caller = with_key(member)
    return member, [
        caller.call("POST", "/bookings", {"session_id": str(session.pk), "agreed_amount": 0}) for session in sessions
    ]


def money_of(member: User) -> int:
    return balance_of(member, "EUR", WALLET)[Account.Kind.WALLET]


def test_one_wallet_is_never_overdrawn(patient_server):
    member, wanted = one_wallet(100_00, 300)

    found = outcomes(patient_server.at_once(wanted))

    assert found == {"confirmed": 100, "price_changed": 200}
    assert money_of(member) == 0


@pytest.mark.control
def test_one_wallet_control():
    """Without the lock and the constraint on the balance, one wallet pays for more than there is."""
    member, wanted = one_wallet(100, 2)

    with (
        running(program="tests.unguarded price") as server,
        without_constraint("ledger_account", "account_never_below_zero"),
    ):
        found = outcomes(server.at_once(wanted))

    assert found == {"confirmed": 2}
    assert money_of(member) == -100
    assert "balance-is-never-below-zero" in {finding.name for finding in find_faults()}


def do_a_lot(server: Server, *, of_each: int, sent_twice: int) -> tuple[Shop, Told]:
    """Let all clients do what comes to mind, two for each person; and what they were told."""
    shop = make_shop(CLIENTS // 2)
    clients = [Client(number, shop) for number in range(CLIENTS)]

    def ask(wish: Wish) -> None:
        copies = 2 if random.Random(wish.request.raw()).randrange(sent_twice) == 0 else 1
        answers = server.at_once([wish.request] * copies)
        # Whoever came while the other one was at work is told so.
        wish.answer = next(answer for answer in answers if answer.outcome != "idempotency_key_in_use")

    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(client.run, of_each, ask) for client in clients]:
            done.result()
    return shop, told_by(clients)


def test_a_thousand_things_by_twenty_clients_leave_what_the_answers_come_to(patient_server):
    shop, told = do_a_lot(patient_server, of_each=OF_EACH, sent_twice=SENT_TWICE)

    assert differing(shop, told) == {}
    assert told.outcomes.total() == CLIENTS * OF_EACH
    # All of it happened, and was refused where it had to be.
    happened = {
        "top_up succeeded", "top_up failed", "top_up pending", "book confirmed", "book held", "book full",
        "book already_booked", "book payment_needed", "cancel cancelled", "give 201", "take_back 200",
        "refund approved", "refund more_than_left", "pay_out asked", "pay_out insufficient_funds",
        "cancel_payout cancelled",
    }  # fmt: skip
    assert happened <= set(told.outcomes), told.outcomes


@pytest.mark.control
def test_a_thousand_things_control():
    """Where every call works whatever its key, what is sent twice counts twice, and is told once."""
    with running(program="tests.unguarded idempotency") as server:
        shop, told = do_a_lot(server, of_each=6, sent_twice=1)

    assert differing(shop, told)
