"""Story 5: an admin decides what the company pays, sees first what that does, and never edits what held before."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tenpo.checkout.tests.make import make_booking
from tenpo.orders.models import SharePolicy
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.tests.make import make_session


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_new_version_after_a_preview(open_page, assert_calm, size):
    old = make_share_policy(percent=50)
    coach = make_coach("Jonas Weber")
    before = make_booking(make_session(coach, price=8_000, title="Breathing at work"), make_member())
    coming = make_session(coach, price=8_000, title="Sleep well", starts_in=timedelta(days=9))
    page = open_page("/policies/shares/", make_admin(), size=size)
    assert_calm(page)
    page.get_by_role("link", name="New version").click()
    page.get_by_label("Name").fill("Company share, spring")
    page.get_by_role("spinbutton", name="Percent").fill("75")
    page.get_by_label("At most").fill("50")

    page.get_by_role("button", name="See what it does").click()

    row = page.get_by_role("row", name=re.compile("Sleep well"))
    expect(row).to_contain_text("€40.00 → €50.00")
    expect(page.get_by_label("Name")).to_have_value("Company share, spring")
    assert_calm(page)
    assert SharePolicy.objects.count() == 1
    page.get_by_role("button", name="Decide").press("Enter")

    expect(page.get_by_text("The policy is decided.")).to_be_visible()
    assert_calm(page)
    new = SharePolicy.objects.get(name="Company share, spring")
    old.refresh_from_db()
    assert (new.percent, new.cap, new.supersedes, old.active_until) == (75, 5_000, old, new.active_from)
    member = open_page(f"/sessions/{coming.pk}/", make_member(), size=size)
    expect(member.locator("aside .price")).to_contain_text("€50")
    # What was booked before stays as it was booked.
    before.line.refresh_from_db()
    assert (before.line.company_share, before.line.share_policy) == (4_000, old)


def test_a_fixed_amount_has_no_percent(open_page, assert_calm):
    page = open_page("/policies/shares/", make_admin())
    page.get_by_role("link", name="New version").click()
    page.get_by_label("Name").fill("Nothing said")

    page.get_by_role("button", name="Decide").click()

    expect(page.locator(".errors, .alert").first).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Nothing said")
    assert_calm(page)
    assert not SharePolicy.objects.exists()


def test_members_decide_nothing(open_page):
    make_share_policy(percent=50)
    page = open_page("/policies/shares/", make_member())

    expect(page.get_by_role("link", name="New version")).to_have_count(0)
