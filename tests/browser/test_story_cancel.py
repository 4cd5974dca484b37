"""Story 6: whoever cancels sees first what comes back; a called-off session gives everything back."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import expect

from tenpo.checkout.tests.make import make_booking
from tenpo.orders.queries import spendable_pots
from tenpo.orders.tests.make import make_cancellation_policy, make_share_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times
from tests.work import work


def credit_of(user: User) -> int:
    return sum(account.balance or 0 for account in spendable_pots(user, "EUR", timezone.now()))


@pytest.mark.parametrize(
    ("hours", "said", "credit"),
    [
        (72, "You get €20 back as credit.", 2_000),
        (36, "You get €10 back as credit. That is 50 % of €20.", 1_000),
        (5, "Nothing of the €20 that you paid comes back.", 0),
    ],
)
def test_a_member_cancels_and_knows_before(open_page, assert_calm, hours, said, credit):
    make_share_policy(percent=75)
    policy = make_cancellation_policy((48, 100), (24, 50), (0, 0))
    member = make_member("Maya Berg")
    session = make_session(make_coach(), price=8_000, policy=policy, starts_in=timedelta(hours=hours))
    booking = make_booking(session, member)
    page = open_page(f"/bookings/{booking.pk}/", member, size="phone")
    assert_calm(page)

    page.get_by_role("link", name="Cancel the booking").click()

    expect(page.locator("main")).to_contain_text(said)
    assert_calm(page)
    page.get_by_role("button", name="Cancel the booking").press("Enter")
    expect(page.locator("main")).to_contain_text("You cancelled it.")
    booking.refresh_from_db()
    assert (booking.state, credit_of(member)) == ("cancelled", credit)


def test_a_session_is_called_off_everybody_gets_everything_back_and_is_told(open_page, assert_calm):
    make_share_policy(percent=75)
    coach = make_coach("Jonas Weber")
    session = make_session(coach, title="Breathing at work", price=8_000, starts_in=timedelta(hours=5))
    members = [make_member(name) for name in ("Ada Brook", "Bo Lund", "Cy Frost")]
    for member in members:
        make_booking(session, member)
    page = open_page(f"/teaching/{session.pk}/", coach)

    page.locator("main summary", has_text=re.compile("More|")).first.click()
    page.get_by_role("link", name="Cancel the session").click()
    expect(page.locator("main")).to_contain_text("3 people will be told. €60 goes back as credit.")
    assert_calm(page)
    page.get_by_label("Why").fill("Jonas is ill.")
    page.get_by_role("button", name="Cancel the session").press("Enter")

    expect(page.get_by_text("Cancelled. Everybody who booked is told.")).to_be_visible()
    assert set(Booking.objects.values_list("state", flat=True)) == {"cancelled"}
    assert [credit_of(member) for member in members] == [2_000] * 3
    work()
    told = [str(one.body) for one in mail.outbox if "Breathing at work" in one.subject and "Called off" in one.subject]
    assert len(told) == 3
    assert all("Jonas is ill." in body and "€20" in body for body in told)
    there = open_page("/notifications/", members[0])
    expect(there.get_by_role("link", name="Called off: Breathing at work")).to_be_visible()


def test_the_credit_is_spent_first_at_the_next_booking(open_page):
    member, coach = make_member(), make_coach()
    booking = make_booking(make_session(coach, price=3_000, starts_in=timedelta(days=9)), member)
    page = open_page(f"/bookings/{booking.pk}/cancel/", member)
    page.get_by_role("button", name="Cancel the booking").click()
    expect(page.locator("main")).to_contain_text("You cancelled it.")
    following = make_session(coach, price=5_000, starts_in=timedelta(days=10))

    page.goto(f"/sessions/{following.pk}/book/")

    expect(page.locator("aside .price")).to_contain_text("€30")
    page.get_by_role("button", name="Book and pay €20").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert credit_of(member) == 0
    page.goto("/me/money/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_session_that_began_is_not_cancelled(open_page, assert_calm):
    member = make_member()
    session = make_session(make_coach())
    booking = make_booking(session, member)
    begun = timezone.now() - timedelta(minutes=5)
    set_times(Session.objects.filter(pk=session.pk), starts_at=begun, ends_at=begun + timedelta(hours=1))

    page = open_page(f"/bookings/{booking.pk}/cancel/", member)

    expect(page.locator("main")).to_contain_text("This session has already begun, so the booking stays.")
    expect(page.get_by_role("button", name="Cancel the booking")).to_have_count(0)
    assert_calm(page)


def test_nobody_cancels_for_a_stranger(open_page):
    booking = make_booking(make_session(), make_member())

    page = open_page(f"/bookings/{booking.pk}/cancel/", make_member())

    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")
