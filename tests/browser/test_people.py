"""Signing in, invites and the pages of people, as a browser shows them."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tenpo.access.actions.api_clients import create_api_client
from tenpo.people.actions.imports import preview_people_import
from tenpo.people.actions.invites import decline_invite
from tenpo.people.models import User
from tenpo.people.tests.make import PASSWORD, make_admin, make_coach, make_invite, make_member
from tests.browser.conftest import Opener

type Check = Callable[[Page], None]


def add_authenticator(page: Page) -> None:
    """A security key that always says yes, as the browser's own tools offer it."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def wait_for_home(page: Page) -> None:
    page.wait_for_url(lambda url: urlsplit(url).path == "/")


def sign_in(page: Page, user: User) -> None:
    page.goto("/account/login/")
    page.get_by_label("E-mail", exact=True).fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    wait_for_home(page)


def test_a_passkey_signs_in_alone(open_page: Opener):
    member = make_member("Lena Okafor")
    page = open_page("/account/login/")
    add_authenticator(page)
    sign_in(page, member)
    page.goto("/account/2fa/webauthn/add/")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Name").fill("My laptop")
    page.get_by_label("Sign in with it alone").check()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/account/2fa/webauthn/")
    expect(page.get_by_text("My laptop")).to_be_visible()

    page.goto("/account/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.goto("/account/login/")
    page.get_by_role("button", name="Use a passkey").click()

    wait_for_home(page)
    page.goto("/me/")
    expect(page.get_by_label("Name")).to_have_value("Lena Okafor")


def test_a_passkey_is_the_second_step(open_page: Opener):
    member = make_member()
    page = open_page("/account/login/")
    add_authenticator(page)
    sign_in(page, member)
    page.goto("/account/2fa/webauthn/add/")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.context.clear_cookies()

    page.goto("/account/login/")
    page.get_by_label("E-mail", exact=True).fill(member.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()

    wait_for_home(page)


def test_without_a_passkey_it_says_what_to_do(open_page: Opener):
    page = open_page("/account/login/")
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new Error('none')) }")

    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_role("alert")).to_contain_text("sign in another way")


def test_people_are_found_while_one_types(open_page: Opener):
    admin = make_admin("Ada Lovelace")
    make_coach("Maya Berg")
    make_member("Lena Okafor")
    page = open_page("/people/", admin)

    page.get_by_label("Words").press_sequentially("lena")

    expect(page.get_by_text("Maya Berg")).to_have_count(0)
    expect(page.get_by_role("link", name="Lena Okafor")).to_be_visible()
    assert page.url.endswith("q=lena&role=&state=")


def test_the_colour_shows_while_it_is_chosen(open_page: Opener):
    page = open_page("/settings/", make_admin())

    page.get_by_label("Colour").fill("20")

    expect(page.locator("html")).to_have_attribute("data-hue", "20")


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_pages_of_people_are_calm(open_page: Opener, assert_calm: Check, size, theme):
    admin, coach = make_admin("Ada Lovelace"), make_coach("Maya Berg")
    for name in ("Lena Okafor", "Tom Iversen", "Jonas Feld"):
        make_member(name)
    make_invite("ben@example.com", by=admin)
    make_invite("carla@example.com", role="coach", by=admin)
    _invite, declined = make_invite("dora@example.com", by=admin)
    decline_invite(declined)
    content = b"email,name,role\nlena@example.com,Lena,coach\nbad,Tom,\n"
    import_ = preview_people_import("people.csv", content, by=admin)
    create_api_client(admin, name="Payroll", scopes=["read"], expires_at=None, by=admin)
    paths = [
        "/people/",
        f"/people/{coach.pk}/",
        "/invites/",
        "/invites/new/",
        "/imports/",
        f"/imports/{import_.pk}/",
        "/me/",
        "/me/keys/",
        "/settings/",
        "/account/2fa/",
        "/account/sessions/",
        "/account/email/",
        "/account/password/change/",
    ]
    page = open_page("/people/", admin, size=size, theme=theme)
    for path in paths:
        page.goto(path)
        assert_calm(page)


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_pages_before_sign_in_are_calm(open_page: Opener, assert_calm: Check, size, theme):
    _invite, token = make_invite(by=make_admin("Ada Lovelace"))
    page = open_page("/account/login/", size=size, theme=theme)
    for path in ["/account/login/", "/account/login/code/", "/account/password/reset/", f"/invite/{token}/"]:
        page.goto(path)
        assert_calm(page)
