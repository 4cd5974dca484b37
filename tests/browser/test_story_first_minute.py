"""Story 1: an admin signs in and sees how the business does, and what waits for them."""

from datetime import timedelta

import pytest
from django.core import mail
from playwright.sync_api import expect

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_booking
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.tests.make import PASSWORD, make_admin, make_coach, make_invite, make_member
from tenpo.schedule.tests.make import make_session


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_signed_in_the_admin_sees_the_business(open_page, assert_calm, size, theme):
    make_share_policy(percent=75)
    admin, coach, member = make_admin("Nora Lind"), make_coach("Jonas Weber"), make_member("Maya Berg")
    make_booking(make_session(coach, price=8_000), member)
    by_payroll = make_session(coach, starts_in=timedelta(days=9), price=4_000)
    book_session(by_payroll, participant=member.participant, by=member, provider="payroll")
    make_invite("ada@example.com", by=admin)
    page = open_page("/", size=size, theme=theme)

    page.get_by_label("E-mail").first.fill(admin.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    figures = page.get_by_role("region", name="Your business in figures")
    expect(figures).to_contain_text("People")
    expect(figures).to_contain_text("Sessions, next 30 days")
    spend = page.locator(".chart", has_text="Spend by month")
    expect(spend).to_contain_text("Company")
    expect(spend).to_contain_text("€60")
    expect(page.locator("main")).to_contain_text("1 payment waits until somebody sees the money")
    expect(page.locator("main")).to_contain_text("ada@example.com")
    assert_calm(page)


def test_a_code_by_mail_signs_in_as_well(open_page):
    member = make_member("Maya Berg")
    page = open_page("/account/login/code/")

    page.locator("input[name=email]").fill(member.email)
    page.locator("main form button[type=submit]").first.click()
    expect(page.locator("input[name=code]")).to_be_visible()
    code = next(
        word for word in str(mail.outbox[-1].body).split() if len(word.replace("-", "")) >= 6 and word.isupper()
    )
    page.locator("input[name=code]").fill(code)
    page.locator("input[name=code]").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Today")


def test_a_new_business_says_what_comes_where(open_page, assert_calm):
    page = open_page("/", make_admin())

    expect(page.get_by_text("What the company and people pay will stand here, month by month.")).to_be_visible()
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert_calm(page)
