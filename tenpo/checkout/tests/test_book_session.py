from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenpo.access.actions.api_clients import create_api_client
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_booking
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, ledger_sum, make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.sandbox import DECLINED, NEVER_ANSWERS, SUCCEEDS
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def test_company_credit_and_card_share_the_price():
    member = make_member()
    session = make_session(price=10_000)
    policy = make_share_policy(percent=60)
    make_credit(member, 1_000)

    booking = make_booking(session, member)

    assert booking.state == Booking.State.CONFIRMED
    line = booking.line
    assert (line.company_share, line.credit_spent, line.own_share) == (6_000, 1_000, 3_000)
    assert line.share_policy == policy
    assert line.order.state == Order.State.PAID
    assert Payment.objects.get(order_id=line.order_id).amount == 3_000
    assert credit_left(member) == 0
    assert ledger_sum(Account.Kind.COMPANY) == -6_000
    assert ledger_sum(Account.Kind.RESERVED) == 0
    assert Session.objects.get(pk=session.pk).seats_taken == 1
    assert OutboxMessage.objects.filter(name="booking.confirmed", subject_id=booking.pk).count() == 1


@pytest.mark.parametrize("credit", [0, 4_000])
def test_a_covered_booking_takes_three_statements(credit):
    member = make_member()
    session = make_session(price=10_000)
    make_share_policy(percent=60 if credit else 100)
    if credit:
        make_credit(member, credit)
    make_booking(make_session(price=0), member)

    with CaptureQueriesContext(connection) as captured:
        booking = book_session(session, participant=member.participant, by=member)

    assert booking.state == Booking.State.CONFIRMED
    sql = without_savepoints(captured.captured_queries)
    assert len(sql) == 3, "\n".join(sql)


@pytest.mark.parametrize("credit", [0, 1_000])
def test_a_card_booking_takes_three_statements_to_hold_and_eight_to_settle(monkeypatch, credit):
    """The last one reads the booking for whoever asked."""
    member, session = make_member(), make_session(price=10_000)
    make_share_policy(percent=60)
    if credit:
        make_credit(member, credit)
    current_business()
    marks = []
    start = provider_of("sandbox").start

    def counted(payment, source, **options):
        marks.append(len(captured.captured_queries))
        outcome = start(payment, source, **options)
        marks.append(len(captured.captured_queries))
        return outcome

    monkeypatch.setattr(provider_of("sandbox"), "start", counted)
    with CaptureQueriesContext(connection) as captured:
        book_session(session, participant=member.participant, by=member, provider="sandbox", source=SUCCEEDS)

    hold, settle = captured.captured_queries[: marks[0]], captured.captured_queries[marks[1] :]
    assert [len(without_savepoints(part)) for part in (hold, settle)] == [3, 8 + 1]


@pytest.mark.parametrize(("percent", "source", "statements"), [(100, "", 6), (60, SUCCEEDS, 18)])
def test_the_whole_request_of_a_booking(percent, source, statements):
    """With key, limit and the answer for a repeat; without BEGIN and COMMIT. By card, two of them are the sandbox's."""
    member, session = make_member(), make_session(price=10_000)
    make_share_policy(percent=percent)
    _, key = create_api_client(member, name="Bench", scopes=["read", "write"], expires_at=None, by=member)
    headers = {"Authorization": f"Bearer {key}"}
    Client().get("/api/v1/bookings", headers=headers)
    current_business()
    body = {"session_id": str(session.pk), "provider": "sandbox" if source else "", "source": source}

    with CaptureQueriesContext(connection) as captured:
        answer = Client().post(
            "/api/v1/bookings", body, content_type="application/json", headers={**headers, "Idempotency-Key": "one"}
        )

    assert (answer.status_code, answer.json()["state"]) == (201, "confirmed")
    sql = without_savepoints(captured.captured_queries)
    assert len(sql) == statements, "\n".join(sql)


def without_savepoints(queries: list[dict[str, str]]) -> list[str]:
    return [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]


def test_a_declined_card_keeps_the_seat_for_another_try():
    member = make_member()
    session = make_session()

    booking = make_booking(session, member, card=DECLINED)

    assert booking.state == Booking.State.HELD
    assert Payment.objects.get(order_id=booking.line.order_id).state == Payment.State.FAILED
    assert not Transfer.objects.exists()


def test_cancelling_early_gives_everything_back():
    member = make_member()
    session = make_session(price=10_000)
    make_share_policy(percent=60)
    booking = make_booking(session, member)

    cancel_booking(booking, by=member)

    assert credit_left(member) == 4_000
    assert ledger_sum(Account.Kind.COMPANY) == 0
    assert Session.objects.get(pk=session.pk).seats_taken == 0


def test_a_cancelled_session_gives_each_payer_all():
    session = make_session(starts_in=timedelta(hours=3), price=5_000)
    members = [make_member() for _ in range(3)]
    for member in members:
        make_booking(session, member)

    cancel_session(session, reason="Ill", by=session.coach)

    assert [credit_left(member) for member in members] == [5_000] * 3


def test_a_silent_provider_keeps_the_seat():
    booking = make_booking(make_session(), make_member(), card=NEVER_ANSWERS)

    assert booking.state == Booking.State.HELD
    assert Payment.objects.get(order_id=booking.line.order_id).state == Payment.State.UNKNOWN


def test_a_full_session_refuses():
    session = make_session(capacity=1)
    make_booking(session, make_member())

    with pytest.raises(RuleError) as refusal:
        make_booking(session, make_member())

    assert refusal.value.code == "full"
