"""Today on a phone and at a desk, and finding things with the keys alone."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_booking
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.models import Role
from tenpo.people.tests.make import make_admin, make_coach, make_member, make_user
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_member_sees_what_is_next(open_page, assert_calm, size):
    member = make_member()
    booking = make_booking(
        make_session(make_coach("Jonas Weber"), title="Breathing", starts_in=timedelta(hours=3)), member
    )

    page = open_page("/", member, size=size)

    expect(page.get_by_text("Next, in 3 hours")).to_be_visible()
    assert_calm(page)
    page.get_by_role("link", name="Breathing").click()
    expect(page).to_have_url(re.compile(str(booking.pk)))


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_an_admin_sees_the_numbers_and_acts(open_page, assert_calm, size):
    make_account_to_pay_to()
    make_share_policy(percent=60)
    admin, member = make_user("Helen Marsh", roles=(Role.ADMIN, Role.COACH)), make_member("Ada Berg")
    make_booking(make_session(), member)
    by_hand = book_session(make_session(), participant=member.participant, by=member, provider="transfer")

    page = open_page("/", admin, size=size)

    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()
    assert_calm(page)
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("cell", name="€60").first).to_be_visible()
    page.get_by_role("button", name="Mark as paid").first.click()
    page.locator("[data-confirm-yes]").last.click()
    expect(page.get_by_text("1 payment is marked as paid.")).to_be_visible()
    expect(page.get_by_text("Ada Berg, €40")).to_have_count(0)
    assert Booking.objects.get(pk=by_hand.pk).state == Booking.State.CONFIRMED


def test_finding_with_the_keys_alone(open_page):
    session = make_session(make_coach("Jonas Weber"), title="Breathing at work")
    page = open_page("/", make_admin())

    page.keyboard.press("/")
    page.keyboard.type("breath")
    expect(page.locator("#palette-found").get_by_text("Breathing at work")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(str(session.pk)))


def test_the_page_of_found_things(open_page, assert_calm):
    make_session(make_coach("Jonas Weber"), title="Breathing at work")

    page = open_page("/search?q=jonas", make_member())

    expect(page.get_by_role("link", name="Jonas Weber")).to_be_visible()
    expect(page.get_by_role("link", name="Breathing at work")).to_be_visible()
    assert_calm(page)
