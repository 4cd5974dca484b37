"""The pages that allauth brings stand in Tenpo's face."""

import pytest
from playwright.sync_api import expect

from tenpo.people.tests.make import PASSWORD, make_member


@pytest.mark.parametrize("path", ["/account/login/", "/account/login/code/", "/account/password/reset/"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_pages_before_sign_in_are_calm(open_page, assert_calm, path, size):
    page = open_page(path, size=size)

    expect(page.locator("main h1")).to_be_visible()
    assert page.locator("link[href*='css/app']").count() == 1
    assert_calm(page)


@pytest.mark.parametrize(
    "path", ["/account/2fa/", "/account/password/change/", "/account/email/", "/account/sessions/"]
)
def test_pages_of_the_account_are_calm(open_page, assert_calm, path):
    page = open_page(path, make_member())

    expect(page.locator("main h1")).to_be_visible()
    assert_calm(page)


def test_a_wrong_password_is_said_beside_the_form_and_the_mail_stays(open_page, assert_calm):
    page = open_page("/account/login/")
    page.fill("input[name=login]", "nobody@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").first.click()

    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.locator("input[name=login]")).to_have_value("nobody@example.com")
    assert_calm(page)


@pytest.mark.control
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("document.documentElement.removeAttribute('lang')", "html-has-lang"),
        ("document.querySelector('h1').style.color = '#f4f4f4'", "color-contrast"),
        ("document.body.style.width = '200vw'", "<= 0"),
    ],
)
def test_control_what_is_not_calm_is_noticed(open_page, assert_calm, spoil, said):
    page = open_page("/account/login/")
    page.evaluate(spoil)

    with pytest.raises(AssertionError, match=said):
        assert_calm(page)
