from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenpo.checkout.tests.make import make_booking, make_manual
from tenpo.ledger.queries import statement, whole_statement
from tenpo.orders.tests.make import make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


def statements(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]])


def test_a_member_sees_credit_and_payments():
    member = make_member()
    booking = make_booking(make_session(price=8_000, title="Breathing"), member)
    cancel_booking(booking, by=member)
    client = signed_in(member)

    page = client.get(reverse("checkout:my-money")).content.decode()
    rows = client.get(reverse("checkout:my-statement")).content.decode()

    assert "Breathing" in page
    assert "€80.00 <span>" in page
    assert "Cancelled: Breathing" in rows
    assert "+€80.00" in rows


def test_a_statement_runs():
    member = make_member()
    make_credit(member, 1_000)
    make_credit(member, 500)
    make_booking(make_session(price=1_200), member)

    rows, _last = statement(member, "EUR")
    first, cursor = statement(member, "EUR", limit=2)
    rest, last = statement(member, "EUR", cursor=cursor, limit=2)

    assert [(row.change, row.balance) for row in rows] == [(-200, 300), (-1_000, 500), (500, 1_500), (1_000, 1_000)]
    assert (first + rest, last) == (rows, None)
    assert whole_statement(member, "EUR") == rows[::-1]


def test_a_receipt_says_who_paid_and_what_came_back():
    member = make_member()
    make_share_policy(percent=60)
    make_credit(member, 1_000)
    booking = make_booking(make_session(price=10_000, starts_in=timedelta(hours=30)), member)
    client = signed_in(member)
    address = reverse("checkout:receipt", args=[booking.line.order_id])

    before = client.get(address).content.decode()
    cancel_booking(booking, by=member)
    after = client.get(address).content.decode()

    assert all(words in before for words in ("€60.00", "€10.00", "€30.00", "Card •••• 4242", booking.line.order.number))
    assert "50 % came back" in after
    assert "€15.00" in after
    assert signed_in(make_member()).get(address).status_code == 404
    assert signed_in(make_admin()).get(address).status_code == 200


def test_csv_files_hold_nothing_that_runs():
    member = make_member()
    make_booking(make_session(title="=1+1"), member)
    admin = signed_in(make_admin())

    mine = b"".join(signed_in(member).get(reverse("checkout:my-payments-csv"))).decode()
    all_ = b"".join(admin.get(reverse("checkout:payments-csv") + "?state=succeeded")).decode()

    assert "'=1+1" in mine
    assert "'=1+1" in all_
    assert member.email in all_


@pytest.mark.parametrize("name", ["my-money", "my-statement"])
def test_my_pages_take_the_same_statements_for_one_row_and_for_many(name):
    member = make_member()
    client = signed_in(member)
    address = reverse(f"checkout:{name}")
    make_credit(member, 100)
    cancel_booking(make_booking(make_session(), member), by=member)
    client.get(address)
    one = statements(client, address)
    for _ in range(8):
        make_credit(member, 100)
        cancel_booking(make_booking(make_session(), member), by=member)

    assert statements(client, address) == one


@pytest.mark.parametrize("name", ["payment-list", "payment-waiting", "spend"])
def test_admins_pages_take_the_same_statements_for_one_row_and_for_many(name):
    client = signed_in(make_admin())
    address = reverse(f"checkout:{name}")
    coach = make_coach()
    make_manual(coach, 0)
    make_booking(make_session(coach, starts_in=timedelta(days=300)), make_member())
    client.get(address)
    one = statements(client, address)
    for number in range(1, 15):
        make_manual(coach, number)
        make_booking(make_session(coach, starts_in=timedelta(days=300 + number)), make_member())

    assert statements(client, address) == one


def test_only_admins_know_of_the_admins_pages():
    booking = make_manual(make_coach(), 0)
    payment = Payment.objects.get(order_id=booking.line.order_id)
    names = "payment-list payment-waiting spend payments-csv"
    pages = [reverse(f"checkout:{name}") for name in names.split()]
    pages.append(reverse("checkout:payment-detail", args=[payment.pk]))

    for person in (make_member(), make_coach()):
        assert {signed_in(person).get(page).status_code for page in pages} == {404}
        assert signed_in(person).post(reverse("checkout:payment-mark"), {"payment": payment.pk}).status_code == 404
    assert Booking.objects.get().state == Booking.State.HELD


def test_many_are_marked_at_once_and_late_money_becomes_credit():
    coach = make_coach()
    first, second = make_manual(coach, 0), make_manual(coach, 1)
    cancel_booking(second, by=second.booked_by)
    client = signed_in(make_admin())

    waiting = client.get(reverse("checkout:payment-waiting")).content.decode()
    ids = list(Payment.objects.values_list("pk", flat=True))
    page = client.post(reverse("checkout:payment-mark"), {"payment": ids}, follow=True).content.decode()

    assert first.booked_by.name in waiting
    assert second.booked_by.name not in waiting
    first.refresh_from_db()
    assert first.state == Booking.State.CONFIRMED
    assert "2 payments are marked as paid." in page
    assert "became credit" in page
    assert Payment.objects.get(payer=second.booked_by).marked_by is not None


def test_payments_are_found_by_words_state_and_day():
    member = make_member("Lena Okafor")
    make_booking(make_session(title="Breathing"), member)
    make_booking(make_session(title="Leading"), make_member("Tom Iversen"))
    client = signed_in(make_admin())
    address = reverse("checkout:payment-list")

    found = client.get(address, {"q": "okafor", "state": "succeeded", "provider": "sandbox"}).content.decode()
    none = client.get(address, {"until": "2001-01-01"}).content.decode()

    assert "Breathing" in found
    assert "Leading" not in found
    assert "No payment is like that." in none


def test_one_payments_page_shows_its_transfers_and_marks_it():
    booking = make_manual(make_coach(), 0)
    payment = Payment.objects.get(order_id=booking.line.order_id)
    client = signed_in(make_admin())
    address = reverse("checkout:payment-detail", args=[payment.pk])

    before = client.get(address).content.decode()
    after = client.post(address, follow=True).content.decode()

    assert "Mark as paid" in before
    assert "Payment for" in after
    assert "marked by" in after
    assert client.post(address).status_code == 302


def test_calling_off_a_session_takes_the_same_statements_for_two_and_for_many():
    def count(people: int) -> int:
        session = make_session(price=5_000)
        make_share_policy(percent=20, coach=session.coach)
        for _ in range(people):
            member = make_member()
            make_credit(member, 1_000)
            make_booking(session, member)
        with CaptureQueriesContext(connection) as captured:
            cancel_session(session, reason="Ill", by=session.coach)
        return len([query for query in captured if "SAVEPOINT" not in query["sql"]])

    assert count(2) == count(9)
