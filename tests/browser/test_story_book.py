"""Story 4: an employee finds a session, sees who pays what, books, pays; or waits in line for a seat."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tenpo.checkout.actions.settling import reconcile_payments
from tenpo.checkout.tests.make import make_booking
from tenpo.ledger.models import Transfer
from tenpo.orders.tests.make import make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.people.tests.make import PASSWORD, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tests.work import work


def calm_session(**more: object) -> Session:
    """A session for €80 of which the company pays three quarters."""
    make_share_policy(percent=75)
    coach = make_coach("Jonas Weber")
    policy = make_cancellation_policy((48, 100), (24, 50), (0, 0))
    return make_session(coach, title="Breathing at work", price=8_000, policy=policy, **more)  # type: ignore[arg-type]


def choose_card(page: Page, name: str) -> None:
    page.get_by_role("radio", name=re.compile(name)).check()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_find_a_session_see_the_price_book_and_pay(open_page, assert_calm, size):
    session = calm_session()
    make_session(make_coach("Lena Ott"), title="Strong backs", price=0)
    member = make_member("Maya Berg")
    page = open_page("/sessions/", member, size=size)
    assert_calm(page)

    page.get_by_role("searchbox").fill("breath")
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_role("link", name="Strong backs")).to_have_count(0)
    page.get_by_role("link", name="Breathing at work").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Breathing at work")
    price = page.locator("aside .price")
    expect(price).to_contain_text("€80")
    expect(price).to_contain_text("€60")
    expect(price).to_contain_text("Free until")
    assert_calm(page)
    page.get_by_role("link", name="Book and pay €20").click()

    assert_calm(page)
    choose_card(page, "pays at once")
    page.get_by_role("button", name="Book and pay €20").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    expect(page.locator("main")).to_contain_text("You paid €20")
    assert_calm(page)
    booking = Booking.objects.get(session=session)
    assert (booking.state, booking.line.own_share, booking.line.company_share) == ("confirmed", 2_000, 6_000)


def test_the_same_without_scripts(open_page):
    session = calm_session()
    page = open_page(f"/sessions/{session.pk}/", make_member(), scripts=False, size="phone")

    page.get_by_role("link", name="Book and pay €20").click()
    choose_card(page, "asks you to confirm")
    page.get_by_role("button", name="Book and pay €20").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert Booking.objects.get(session=session).state == Booking.State.CONFIRMED


def test_the_whole_act_by_keys_alone(open_page):
    session = calm_session()
    page = open_page(f"/sessions/{session.pk}/", make_member())

    page.get_by_role("link", name="Book and pay €20").press("Enter")
    page.get_by_role("radio", name=re.compile("Test card|Card|card")).first.press("Space")
    page.get_by_role("radio", name=re.compile("pays at once")).press("Space")
    page.get_by_role("button", name="Book and pay €20").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")


def test_a_declined_card_keeps_the_seat_and_another_card_pays(open_page, assert_calm):
    session = calm_session()
    page = open_page(f"/sessions/{session.pk}/book/", make_member())

    choose_card(page, ": is declined")
    page.get_by_role("button", name="Book and pay €20").click()

    expect(page.locator("main")).to_contain_text("Your seat is kept for you")
    expect(page.locator("main")).to_contain_text("Try another card")
    assert_calm(page)
    assert Booking.objects.get(session=session).state == Booking.State.HELD
    choose_card(page, "pays at once")
    page.get_by_role("button", name="Pay €20").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert sorted(Payment.objects.values_list("state", flat=True)) == ["failed", "succeeded"]


def test_a_number_that_is_no_card_is_said_beside_the_field(open_page, assert_calm):
    session = calm_session()
    page = open_page(f"/sessions/{session.pk}/book/", make_member())

    page.get_by_label("Card number").fill("1234 1234 1234 1234")
    page.get_by_role("button", name="Book and pay €20").click()

    expect(page.get_by_label("Card number")).to_have_value("1234 1234 1234 1234")
    expect(page.locator("main")).to_contain_text("This is not the number of a card.")
    assert_calm(page)
    assert not Booking.objects.exists()


def test_the_bank_is_asked_and_says_no(open_page, assert_calm):
    session = calm_session()
    page = open_page(f"/sessions/{session.pk}/book/", make_member())

    choose_card(page, "asks you to confirm")
    page.get_by_role("button", name="Book and pay €20").click()
    expect(page.get_by_role("button", name="Decline")).to_be_visible()
    assert_calm(page)
    page.get_by_role("button", name="Decline").click()

    expect(page.locator("main")).to_contain_text("Your seat is kept for you")
    assert Booking.objects.get(session=session).state == Booking.State.HELD


@pytest.mark.parametrize("card", ["pays after ten seconds", "the answer gets lost"])
def test_money_that_comes_later_confirms_by_itself(open_page, assert_calm, card):
    session = calm_session()
    page = open_page(f"/sessions/{session.pk}/book/", make_member())

    choose_card(page, card)
    page.get_by_role("button", name="Book and pay €20").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your payment is being confirmed")
    assert_calm(page)
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    work(ahead_seconds=60)
    reconcile_payments()

    # The page asks by itself; nobody reloads it.
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")


def test_credit_is_spent_first(open_page):
    session, member = calm_session(), make_member()
    make_credit(member, 2_500)

    page = open_page(f"/sessions/{session.pk}/", member)
    page.get_by_role("link", name="Book", exact=True).click()
    page.get_by_role("button", name="Book", exact=True).click()

    expect(page.locator("main")).to_contain_text("Paid with your credit")
    assert Transfer.objects.get(kind=Transfer.Kind.CREDIT_SPEND).amount == 2_000
    assert not Payment.objects.filter(order_id__isnull=False).exists()


def test_a_full_session_has_a_line_and_a_freed_seat_is_offered(open_page, assert_calm):
    session = calm_session(capacity=1)
    first, waiting = make_member("Ada First"), make_member("Bo Second")
    taken = make_booking(session, first)
    page = open_page(f"/sessions/{session.pk}/", waiting, size="phone")
    expect(page.get_by_role("link", name=re.compile("Book"))).to_have_count(0)

    page.get_by_role("button", name="Join the waitlist").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are number 1 in line")
    assert_calm(page)
    cancel_booking(taken, by=first)
    page.goto(f"/sessions/{session.pk}/")
    expect(page.locator("main")).to_contain_text("Yours for")
    assert_calm(page)
    page.goto("/bookings/")
    page.get_by_role("link", name="Breathing at work").click()
    page.get_by_role("link", name="Take the seat").click()
    choose_card(page, "pays at once")
    page.get_by_role("button", name="Book and pay €20").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")


def test_the_last_seat_goes_while_somebody_looks(open_page, assert_calm):
    session = calm_session(capacity=1)
    page = open_page(f"/sessions/{session.pk}/book/", make_member())
    make_booking(session, make_member())

    page.get_by_role("button", name="Book and pay €20").click()

    expect(page.locator("main")).to_contain_text("This session is full")
    expect(page.get_by_role("button", name="Join the waitlist")).to_be_visible()
    assert_calm(page)
    assert Booking.objects.count() == 1


def test_nobody_pays_a_price_that_changed_meanwhile(open_page):
    session = calm_session()
    page = open_page(f"/sessions/{session.pk}/book/", make_member())
    Session.objects.filter(pk=session.pk).update(price=10_000)

    page.get_by_role("button", name="Book and pay €20").click()

    expect(page.locator("main")).to_contain_text("The price has changed")
    expect(page.get_by_role("button", name="Book and pay €25")).to_be_visible()
    assert not Booking.objects.exists()


def test_whoever_is_too_late_or_has_booked_is_told(open_page, assert_calm):
    member = make_member()
    begun = make_session(make_coach(), starts_in=timedelta(minutes=-5))
    booked = calm_session()
    make_booking(booked, member)

    page = open_page(f"/sessions/{begun.pk}/book/", member)
    expect(page.locator("main")).to_contain_text("This session has already begun.")
    assert_calm(page)
    page.goto(f"/sessions/{booked.pk}/book/")
    expect(page.get_by_role("button", name=re.compile("Book and pay"))).to_have_count(0)


def test_a_stranger_sees_nothing_of_a_booking(open_page):
    booking = make_booking(calm_session(), make_member())

    page = open_page(f"/bookings/{booking.pk}/", make_member())

    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")


def test_whoever_is_not_signed_in_is_asked_to(open_page):
    session = calm_session()

    page = open_page(f"/sessions/{session.pk}/book/")

    expect(page).to_have_url(re.compile(rf"/account/login/\?next=/sessions/{session.pk}/book/"))


def test_bookings_go_into_a_calendar_by_file_and_by_feed(open_page, assert_calm):
    member = make_member()
    booking = make_booking(calm_session(), member)
    page = open_page(f"/bookings/{booking.pk}/", member)

    with page.expect_download() as download:
        page.get_by_role("link", name="Add to calendar").click()
    assert "SUMMARY:Breathing at work" in download.value.path().read_text()
    page.goto("/calendar/")
    page.get_by_role("button", name="Make a private address").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Make a private address").click()
    address = page.locator(".code-once code")
    expect(address).to_be_visible()
    assert_calm(page)
    path = urlsplit(address.inner_text()).path
    feed = page.request.get(path)
    assert feed.headers["content-type"].startswith("text/calendar")
    assert "SUMMARY:Breathing at work" in feed.text()
    page.goto("/calendar/")
    expect(page.locator(".code-once")).to_have_count(0)
