"""What a coach reads of their earnings, on the page and by API: by month, by source, and when they leave next."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.actions.refunding import give_refund
from tenpo.checkout.queries.earnings import earned_by_source, next_payout
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.refund_make import make_bought, make_earning_coach
from tenpo.core import clock
from tenpo.core.days import first_month
from tenpo.orders.models import Line
from tenpo.payments.actions.payout_accounts import remove_payout_account, update_payout_terms
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.models import PayoutAccount
from tenpo.payments.queries import payable
from tenpo.payments.tests.make import make_payout_account, make_terms
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

# A Wednesday.
NOW = datetime(2030, 5, 15, 12, tzinfo=UTC)


def read(user: User) -> str:
    return signed_in(user).get(reverse("checkout:my-earnings")).content.decode()


def by_api(user: User) -> Any:
    return signed_in(user).get("/api/v1/earnings").json()


def sold(coach: User, title: str, price: int) -> Line:
    line = make_bought(price=price, coach=coach, ago=1 + coach.sessions.count())
    Session.objects.filter(pk=line.subject_id).update(title=title)
    Line.objects.filter(pk=line.pk).update(description=title)
    return Line.objects.select_related("order__buyer").get(pk=line.pk)


def test_what_was_earned_is_said_by_source_the_most_first_less_what_went_back():
    coach = make_earning_coach()
    for title, price in (("Yoga", 10_000), ("Rowing", 4_000), ("Yoga", 2_000)):
        sold(coach, title, price)
    give_refund(line=sold(coach, "Rowing", 6_000), amount=3_000, to="credit", by=make_admin())
    give_refund(line=sold(coach, "Gone", 5_000), amount=5_000, to="credit", by=make_admin())
    make_booking(make_session(coach, price=9_000, title="To come"), make_member())

    found = [(one.what, one.part, one.sales, one.amount) for one in earned_by_source(coach, "EUR", since=first_month())]
    assert found == [("Yoga", "creator", 2, 10_200), ("Rowing", "creator", 2, 5_950)]
    assert earned_by_source(make_member(), "EUR", since=first_month()) == []
    assert earned_by_source(coach, "EUR", since=timezone.now() + timedelta(days=1)) == []

    page, said = read(coach), by_api(coach)
    assert all(words in page for words in ("By source", "€102.00", "€59.50", "Made and taught"))
    assert [source["amount"] for source in said["sources"]] == [10_200, 5_950]
    assert (said["left"], said["coming"], sum(month["amount"] for month in said["months"])) == (16_150, 7_650, 16_150)


def test_the_page_says_shares_and_how_many_sales_in_the_readers_words():
    coach = make_earning_coach()
    make_bought(coach=coach)
    english = read(coach)
    User.objects.filter(pk=coach.pk).update(locale="de")

    german = read(User.objects.get(pk=coach.pk))

    assert ("85% of €100.00" in english, "85\N{NO-BREAK SPACE}% von 100,00" in german) == (True, True)
    # "Umsatz" is what came in, not how often.
    assert ('data-label="Sales"' in english, 'data-label="Verkäufe"' in german) == (True, True)
    assert '<progress value="8500" max="8500"' in english


def test_each_sale_is_listed_by_api_to_whom_it_earns():
    coach = make_earning_coach()
    line = sold(coach, "Yoga", 10_000)

    [one] = signed_in(coach).get("/api/v1/earnings/sales").json()["items"]

    assert (one["what"], one["part"], one["percent"], one["price"], one["amount"]) == (
        "Yoga",
        "creator",
        85,
        10_000,
        8_500,
    )
    assert "order_id" not in one
    assert signed_in(line.order.buyer).get("/api/v1/earnings/sales").json()["items"] == []


@pytest.mark.parametrize(
    ("schedule", "on"), [("weekly", date(2030, 5, 20)), ("monthly", date(2030, 6, 1)), ("never", None)]
)
def test_the_next_payout_is_at_the_next_begin_of_a_week_or_month(monkeypatch, schedule, on):
    coach = make_earning_coach()
    make_terms(schedule=schedule)
    make_payout_account(coach)
    sold(coach, "Yoga", 10_000)
    monkeypatch.setattr(clock, "now", lambda: NOW)

    found = next_payout(coach, payable(coach, "earnings", "EUR"))

    assert (found.on, found.amount, found.has_account) == (on, 8_500 if on else 0, True)


def test_the_page_says_when_and_how_much_leaves_and_what_is_missing_for_it():
    coach = make_earning_coach()
    make_terms(schedule="weekly", minimum=2_000)
    sold(coach, "Yoga", 10_000)
    assert "Say first where you are paid" in read(coach)

    account = make_payout_account(coach)
    next_one = by_api(coach)["next_payout"]
    assert (next_one["amount"], next_one["has_account"], next_one["under_way"]) == (8_500, True, 0)
    assert date.fromisoformat(next_one["on"]).weekday() == 0
    assert "Say first" not in read(coach)

    ask_for_payout(account, source="earnings", amount=7_000, by=coach)
    assert "once there is €20.00" in read(coach)
    next_one = by_api(coach)["next_payout"]
    assert (next_one["amount"], next_one["least"], next_one["under_way"]) == (0, 2_000, 7_000)

    update_payout_terms(by=None, schedule="never")
    page = read(coach)
    assert "When you ask" in page
    assert "€70.00" in page


def test_an_account_that_is_new_is_said_and_not_that_too_little_is_there(monkeypatch):
    coach = make_earning_coach()
    make_terms(schedule="weekly", minimum=2_000)
    account = make_payout_account(coach)
    sold(coach, "Yoga", 10_000)
    # Usable a day after Monday.
    PayoutAccount.objects.filter(pk=account.pk).update(usable_from=datetime(2030, 5, 21, 12, tzinfo=UTC))
    monkeypatch.setattr(clock, "now", lambda: NOW)

    found = next_payout(coach, payable(coach, "earnings", "EUR"))
    assert (found.on, found.amount, found.has_account) == (date(2030, 5, 21), 8_500, True)
    assert "once there is" not in read(coach)


@pytest.mark.parametrize("what", ["removed", "not_offered"])
def test_nothing_leaves_to_an_account_that_would_be_refused(what):
    coach = make_earning_coach()
    make_terms(schedule="weekly")
    account = make_payout_account(coach, "crypto")
    sold(coach, "Yoga", 10_000)
    assert next_payout(coach, payable(coach, "earnings", "EUR")).amount == 8_500

    if what == "removed":
        remove_payout_account(account, by=coach)
    else:
        update_payout_terms(by=None, pays_crypto=False)

    found = next_payout(coach, payable(coach, "earnings", "EUR"))
    assert (found.amount, found.has_account) == (0, False)
