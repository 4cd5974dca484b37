"""An admin who must set up a second step: from the page that they wanted, through it, to that page."""

import re

import pytest
from playwright.sync_api import expect

from tenpo.people.tests.make import PASSWORD, app_code, ask_for_factor, make_admin


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_set_up_at_the_door_and_go_on(open_page, assert_calm, settings, size, theme):
    # A slow machine may take longer than a code's half minute.
    settings.MFA_TOTP_TOLERANCE = 4
    ask_for_factor()

    page = open_page("/people/", make_admin(), size=size, theme=theme)
    expect(page.locator("main h1")).to_have_text("A second step, once")
    assert_calm(page)
    page.get_by_role("link", name="Set up").click()
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit], main form button").first.click()
    expect(page.locator("img.qr")).to_be_visible()
    assert_calm(page)
    secret = page.locator("code").first.inner_text().strip()
    page.locator("input[name=code]").fill(app_code(secret))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator("pre.codes")).to_be_visible()
    assert_calm(page)
    page.get_by_role("link", name="I have them, go on").click()

    expect(page).to_have_url(re.compile(r"/people/$"))


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_today_reminds_until_then(open_page, assert_calm, size):
    ask_for_factor(in_days=3)

    page = open_page("/", make_admin(), size=size)

    expect(page.get_by_text("you need a second step to get in")).to_be_visible()
    assert_calm(page)
    page.get_by_role("link", name="Set it up now").click()
    expect(page.locator("main h1")).to_have_text("Sign-in and safety")
